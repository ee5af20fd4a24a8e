"""What is promised beside values: nothing that arrived later is seen, bounds cut and change nothing, late events end in the same state."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import headrace as hr
from tests.oracle import strategies
from tests.oracle.every import SHAPES, every_feature, long_log
from tests.oracle.lookups import Probe
from tests.oracle.model import SECOND, Feature, Group, Log, Record, Source, Window, make_log
from tests.semantics.adapter import cells_of, group_of, instants, spine_of, tables_of
from tests.semantics.comparing import replayed

pytestmark = pytest.mark.timeout(900)  # an example that fails is made small for up to five minutes
LONG = long_log(21, 40)
GROUP = Group((*every_feature(Window(20 * SECOND)), Feature("own", "b", "own", "i")), 10 * SECOND)


def _instant(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def _other(record: Record, draw: random.Random) -> Record:
    """Another record at the same place."""
    time = None if record.time is None else record.time - draw.randrange(3) * SECOND
    return replace(record, time=time, key=draw.choice([1, 2, 3]), values={**record.values, "x": 99.0, "i": 99, "b": True})


@given(st.data())
def test_a_look_up_sees_nothing_that_arrived_later(data: st.DataObject) -> None:
    log = data.draw(strategies.logs())
    group = data.draw(strategies.groups(log))
    probes = data.draw(strategies.probes(log))
    until = data.draw(st.sampled_from([probe.time for probe in probes]))
    asked = spine_of([probe for probe in probes if probe.time <= until])
    draw = random.Random(data.draw(st.integers(0, 99)))
    other = replace(log, records=tuple(r if r.arrival <= until else _other(r, draw) for r in log.records))
    # NaN is not itself: texts compare
    assert repr(cells_of(replayed(log, group, spine=asked), group)) == repr(cells_of(replayed(other, group, spine=asked), group))


@pytest.mark.parametrize("rows", ["events", "steps"])
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_bounds_cut_and_change_nothing(rows: str, share: float) -> None:
    times = sorted(record.at for record in LONG.records)
    first, stop = times[int(len(times) * share)], times[int(len(times) * (share + 0.3))]
    # a replay ends when log time reaches its upper bound: what comes later cannot change a row
    ended = replace(LONG, records=tuple(r for r in LONG.records if r.arrival < stop))
    assert 50 < _compare_from(ended, GROUP, rows, first) < len(times) // 2
    whole = replayed(ended, GROUP, rows=rows)
    before_stop = [i for i, time in enumerate(instants(whole, "time")) if time < stop]
    assert replayed(LONG, GROUP, rows=rows, cut=9, to=_instant(stop)).equals(whole.take(before_stop))


@pytest.mark.parametrize("rows", ["events", "steps"])
def test_a_clock_that_ran_on_in_a_silence_is_that_of_the_whole_log(rows: str) -> None:
    ahead = [_plain(second, second, partition=0, offset=second) for second in range(100)]
    behind = [_plain(200 + second, 150 + second, partition=1, offset=second) for second in range(100)]
    log = make_log({"a": Source(lateness=3 * SECOND, max_ahead=0, idle=20 * SECOND)}, [*ahead, *behind])
    group = Group((Feature("f", "a", "count", None, Window(5 * SECOND)),), 10 * SECOND)
    assert _compare_from(log, group, rows, strategies.START + 160 * SECOND) > 50


def _plain(arrival: int, time: int, *, partition: int, offset: int) -> Record:
    values = {"x": 1.0, "i": 1, "s": "a", "b": True, "tag": None}
    return Record(strategies.START + arrival * SECOND, "a", partition, offset, strategies.START + time * SECOND, 1 + time % 2, values)


def _compare_from(log: Log, group: Group, rows: str, first: int) -> int:
    """The rows from `first` on are those of the whole replay; returns how many they are."""
    whole = replayed(log, group, rows=rows, cut=9)
    inside = [i for i, time in enumerate(instants(whole, "time")) if time >= first]
    assert replayed(log, group, rows=rows, cut=9, from_=_instant(first)).equals(whole.take(inside))
    return len(inside)


@pytest.mark.parametrize("rows", ["events", "steps"])
def test_what_does_not_change_a_value_changes_none(rows: str) -> None:
    def outcome(cut: int | None, **options: Any) -> pa.Table:
        return replayed(LONG, GROUP, rows=rows, cut=cut, **options)

    whole = outcome(None)
    assert whole.num_rows > 200
    assert all(outcome(cut).equals(whole) for cut in (1, 7, 64))
    assert outcome(7, readers=3, batch_rows=1).equals(whole)
    assert outcome(7, workers=2, threads=1).equals(whole)


@pytest.mark.parametrize("shape", ["time, closed right", "rows, without nothing", "time and rows, closed right", "ever", "delayed"])
def test_events_shuffled_within_the_lateness_end_in_the_same_state(shape: str) -> None:
    group = Group(every_feature(SHAPES[shape]), 10 * SECOND)
    keys = [1, 2, 3]
    draw = random.Random(5)
    values = [r.values for r in LONG.records if r.topic == "a"]
    times = [strategies.START + (3 * i + draw.randrange(3)) * SECOND for i in range(len(values))]

    def state(late: int) -> list[tuple[object, ...]]:
        """The last values when each event arrives up to `late` seconds behind its time."""
        arrivals = sorted((time + draw.randrange(late + 1) * SECOND, i) for i, time in enumerate(times))
        events = [Record(arrival, "a", 0, o, times[i], keys[i % 3], values[i]) for o, (arrival, i) in enumerate(arrivals)]
        end = times[-1] + 60 * SECOND
        events.append(Record(end, "a", 0, len(events), end, 9, values[0]))
        log: Log = make_log({"a": Source(lateness=50 * SECOND)}, events)
        return cells_of(replayed(log, group, spine=spine_of([Probe(key, end) for key in keys])), group)

    in_order = repr(state(0))
    assert all(repr(state(late)) == in_order for late in (1, 10, 40))


@given(st.data())
def test_a_group_s_values_do_not_depend_on_its_company(data: st.DataObject) -> None:
    log = data.draw(strategies.logs())
    groups = [data.draw(strategies.groups(log)) for _ in range(2)]
    probes = spine_of(data.draw(strategies.probes(log)))
    definitions = [
        group_of(log, replace(group, features=tuple(replace(f, name=f"{f.name}_{i}") for f in group.features)), keyed=keyed, name=f"g{i}")
        for i, (group, keyed) in enumerate(zip(groups, ("a number", "a text"), strict=True))
    ]
    topics = list(dict.fromkeys(topic for group in groups for topic in group.sources))
    together = hr.replay(definitions, events=tables_of(log, topics), spine=probes, time="at")
    assert isinstance(together, pa.Table)
    for i, group in enumerate(groups):
        alone = cells_of(replayed(log, group, spine=probes), group)
        columns = [together.column(f"{feature.name}_{i}").to_pylist() for feature in group.features]
        assert repr(list(zip(*columns, strict=True))) == repr(alone)

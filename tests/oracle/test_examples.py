"""The rules of the semantics, each on a log small enough to check by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.oracle.accepting import DUPLICATE, NULL_KEY, NULL_TIME, TOO_FAR_AHEAD, TOO_LATE, accept
from tests.oracle.clock import timeline
from tests.oracle.examples import count, event, group_of, log_of, seconds
from tests.oracle.lookups import Probe, lookups
from tests.oracle.model import SECOND, Feature, Log, Record, Source, Window
from tests.oracle.rows import rows_of_events
from tests.oracle.steps import steps
from tests.oracle.values import value

if TYPE_CHECKING:
    from collections.abc import Sequence


def _passes(log: Log, refresh: float) -> list[tuple[float, float]]:
    return [(seconds(p.instant), seconds(p.arrival)) for p in timeline(log, group_of(count(1), refresh=refresh)).passes]


def _steps(log: Log, *features: Feature, refresh: float = 60) -> list[tuple[object, float, float, int, object]]:
    return [(s.key, seconds(s.time), seconds(s.arrival), s.n, s.values[0]) for s in steps(log, group_of(*features, refresh=refresh))]


def test_what_is_refused_and_why() -> None:
    log = log_of(
        [
            event(100), event(101, 399), event(101, 402), event(102, 97), event(102, 94), event(103, key=None), event(103, key=(1, None)),
            event(104, partition=1, time=0),
        ],
        a=Source(lateness=303 * SECOND, max_ahead=300 * SECOND),
    )  # fmt: skip
    assert accept(log).reasons == (None, None, TOO_FAR_AHEAD, None, TOO_LATE, NULL_KEY, NULL_KEY, None)
    assert accept(log).counts == {TOO_FAR_AHEAD: 1, TOO_LATE: 1, NULL_KEY: 2}


def test_a_null_time_is_dead_and_no_reason_to_be_late() -> None:
    records = (Record(5, "a", 0, 0, None, 1, {}), Record(6, "a", 0, 1, 0, 1, {}))
    assert accept(Log({"a": Source(lateness=0)}, records)).reasons == (NULL_TIME, None)


def test_unique_drops_within_the_lateness_of_an_accepted_event_only() -> None:
    log = log_of(
        [event(10, id="u"), event(15, id="u", key=2), event(21, id="u"), event(22, id=None), event(23, id=None)],
        a=Source(lateness=10 * SECOND, unique="id"),
    )
    assert accept(log).reasons == (None, DUPLICATE, None, None, None)


def test_the_clock_follows_the_slowest_active_partition() -> None:
    log = log_of([event(0), event(5, partition=1, time=1), event(30), event(31, partition=1), event(92)])
    assert _passes(log, 10) == [(0, 0), (10, 31), (20, 31), (30, 31), *((s, 92) for s in range(40, 100, 10))]


def test_a_partition_that_falls_idle_lets_the_clock_go() -> None:
    log = log_of([event(0), *(event(s, partition=1) for s in (10, 40, 70))], a=Source(idle=60 * SECOND))
    assert _passes(log, 20) == [(0, 0), (20, 60.000001), (40, 60.000001), (60, 70)]


def test_when_all_are_idle_the_clock_advances_with_log_time() -> None:
    log = log_of([event(100, 98), event(300)], a=Source(idle=60 * SECOND))
    assert _passes(log, 50) == [(100, 162), (150, 212), (200, 262), (250, 300), (300, 300)]


def test_an_event_ahead_of_its_arrival_counts_as_the_arrival() -> None:
    assert _passes(log_of([event(0), event(10, 100)]), 5) == [(0, 0), (5, 10), (10, 10)]


def test_windows_of_a_row_and_their_four_closures() -> None:
    log = log_of([event(0), event(10), event(20), event(20)])
    found = {
        closed: [row.values[0] for row in rows_of_events(log, group_of(count(20, closed=closed)))]
        for closed in ("right", "left", "both", "none")
    }
    assert found == {"right": [1, 2, 2, 3], "left": [0, 1, 2, 2], "both": [1, 2, 3, 4], "none": [0, 1, 1, 1]}


def test_exclude_takes_the_row_or_its_instant_out_of_the_frame() -> None:
    log = log_of([event(0), event(10), event(10)])
    assert [row.values[0] for row in rows_of_events(log, group_of(count(20, exclude="row")))] == [0, 1, 2]
    assert [row.values[0] for row in rows_of_events(log, group_of(count(20, exclude="instant")))] == [0, 1, 1]
    assert [row.values[0] for row in rows_of_events(log, group_of(count(rows=2, exclude="row")))] == [0, 1, 1]


def test_a_row_sees_a_late_event_only_if_it_arrived_by_then() -> None:
    log = log_of([event(10), event(12, 5), event(12, 8, partition=1), event(13, 9)])
    assert [row.values[0] for row in rows_of_events(log, group_of(count()))] == [1, 1, 2, 3]


def test_at_one_arrival_a_row_sees_what_stands_before_it_in_the_order() -> None:
    log = log_of([event(10, 9), event(10, 8, partition=1)])
    assert [row.values[0] for row in rows_of_events(log, group_of(count()))] == [2, 1]


def test_a_row_below_the_clock_minus_lateness_has_null_cells() -> None:
    log = log_of([event(100), *(event(s, partition=1) for s in (110, 170)), event(171, 101)], a=Source(lateness=20 * SECOND))
    assert [(row.values[0], row.lost) for row in rows_of_events(log, group_of(count(5)))] == [(1, ()), (1, ()), (1, ()), (None, ("n",))]


def test_a_step_is_written_when_an_event_leaves_at_the_refresh_instant_and_with_the_record_s_arrival() -> None:
    log = log_of([event(0), event(130, key=2)], a=Source(idle=600 * SECOND))
    assert _steps(log, count(60)) == [(1, 0, 0, 1, 1), (2, 130, 130, 1, 1), (1, 60, 130, 1, 0)]


def test_a_step_is_written_in_a_silence_too() -> None:
    log = log_of([event(0), event(200, key=2)])
    assert _steps(log, count(60)) == [(1, 0, 0, 1, 1), (1, 60, 120, 1, 0), (2, 200, 200, 1, 1)]


def test_a_delayed_event_enters_and_leaves() -> None:
    log = log_of([event(5), event(200, key=2)])
    assert _steps(log, count(60, delay=30), refresh=10)[:3] == [(1, 5, 5, 1, 0), (1, 40, 100, 1, 1), (1, 100, 160, 1, 0)]


def test_a_late_event_is_evaluated_at_the_newest_event_time() -> None:
    assert _steps(log_of([event(30), event(31, 20)]), count(10)) == [(1, 30, 30, 1, 1), (1, 30, 31, 2, 1)]


def test_a_freed_entity_counts_anew() -> None:
    log = log_of([event(0), event(1), event(200, key=2), event(201)], a=Source(lateness=10 * SECOND))
    assert [step[3] for step in _steps(log, count(60)) if step[0] == 1] == [1, 2, 2, 2, 1]


def test_a_look_up_takes_the_last_step_by_arrival() -> None:
    log = log_of([event(10), event(20, 15)])
    group = group_of(count(), Feature("idle", "a", "time_since_last"))
    probes = [Probe(1, s * SECOND) for s in (9, 10, 19, 20)]
    assert [a.values for a in lookups(log, group, probes)] == [(0, None), (1, 0.0), (1, 9.0), (2, 5.0)]
    assert [a.values for a in lookups(log, group, probes, before=True)] == [(0, None), (0, None), (1, 9.0), (1, 10.0)]
    assert lookups(log, group, probes)[0].status == "missing"


def _value(kind: str, inputs: Sequence[object], n: int = 0, ignore_nulls: bool = False) -> object:
    feature = Feature("f", "a", kind, "x", Window(), n=n, ignore_nulls=ignore_nulls)
    return value(feature, [Record(i, "a", 0, i, i, 1, {"x": x}) for i, x in enumerate(inputs)], 0)


@pytest.mark.parametrize(
    "kind, inputs, expected",
    [
        ("count", [1, None, 2], 2), ("sum", [1, None, 2], 3), ("sum", [None], None), ("sum", [True, True, False], 2),
        ("sum", [2**63 - 1, 1], None), ("sum", [2**63 - 1, 1, -1], 2**63 - 1), ("sum", [0.1] * 10, 1.0), ("sum", [math.inf, 1.0], math.inf),
        ("mean", [1, 2], 1.5), ("mean", [True, False], 0.5), ("var", [1.0], None), ("var", [1, 2, 3, 4], 5 / 3), ("std", [0.0, 2.0], math.sqrt(2)),
        ("max", [1.0, math.inf], math.inf), ("min", [math.nan, 1.0], 1.0), ("max", ["a", "b"], "b"), ("n_unique", [1, 1, None, 2], 2),
        ("n_unique", [math.nan, math.nan, 1.0], 2),
    ],
)  # fmt: skip
def test_values(kind: str, inputs: Sequence[object], expected: object) -> None:
    assert _value(kind, inputs) == expected


def test_nan_spreads_through_sums_and_sorts_above_all() -> None:
    for kind, inputs in [
        ("sum", [math.inf, -math.inf]),
        ("mean", [math.nan, 1.0]),
        ("var", [math.inf, 1.0]),
        ("max", [math.nan, math.inf]),
    ]:
        found = _value(kind, list(inputs))
        assert isinstance(found, float)
        assert math.isnan(found)


def test_places_keep_nulls_unless_told_otherwise() -> None:
    inputs = [None, 1, None, 2, None]
    assert [_value(kind, inputs, 1) for kind in ("first", "last", "lag")] == [None, None, 2]
    assert [_value(kind, inputs, 1, ignore_nulls=True) for kind in ("first", "last", "lag")] == [1, 2, 1]
    assert (_value("last_n", inputs, 3), _value("last_n", inputs, 3, ignore_nulls=True)) == ([None, 2, None], [1, 2])
    assert _value("last_n", [], 3) is None


def test_decay_halves_with_every_half_life() -> None:
    feature = Feature("f", "a", "decay_sum", "x", half_life=10)
    window = [Record(0, "a", 0, 0, 0, 1, {"x": 8.0}), Record(10, "a", 0, 1, 10, 1, {"x": 4.0})]
    assert value(feature, window, 20) == 4.0

"""The oracle agrees with itself and with DuckDB, on random logs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import strategies
from tests.oracle.compare import same
from tests.oracle.duck import SUPPORTED, duckdb_rows
from tests.oracle.lookups import by_definition, lookups
from tests.oracle.rows import rows_of_events
from tests.oracle.steps import steps


@given(st.data())
def test_rows_of_events_agree_with_duckdb(data: st.DataObject) -> None:
    log = data.draw(strategies.logs(wild=False))
    group = data.draw(strategies.groups(log, tuple(sorted(SUPPORTED - {"last_time"}))))
    mine = rows_of_events(log, group)
    theirs = duckdb_rows(log, group, strategies.COLUMNS)
    assert len(mine) == len(theirs)
    for row, cells in zip(mine, theirs, strict=True):
        for feature, ours, other in zip(group.features, row.values, cells, strict=True):
            loose = feature.kind in {"var", "std", "sum", "mean"}
            assert same(ours, other, relative=1e-9, absolute=1e-7 if loose else 0.0), (feature, row.event, ours, other)


@given(st.data())
def test_a_look_up_says_what_the_windows_hold_at_the_standing_instant(data: st.DataObject) -> None:
    log = data.draw(strategies.logs())
    group = data.draw(strategies.groups(log))
    probes = data.draw(strategies.probes(log))
    for before in (False, True):
        by_steps = lookups(log, group, probes, before=before)
        direct = by_definition(log, group, probes, before=before)
        for probe, ours, other in zip(probes, by_steps, direct, strict=True):
            assert ours.status == other.status
            assert all(same(a, b) for a, b in zip(ours.values, other.values, strict=True)), (probe, ours, other)


@given(st.data())
def test_steps_of_an_entity_rise_in_time_arrival_and_count(data: st.DataObject) -> None:
    log = data.draw(strategies.logs())
    group = data.draw(strategies.groups(log))
    newest: dict[object, tuple[int, int]] = {}
    for step in steps(log, group):
        assert newest.get(step.key, (step.time, step.arrival)) <= (step.time, step.arrival)
        newest[step.key] = (step.time, step.arrival)

"""Entities that are taken of a flow at random, and their events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.messages import End
from sinks.online import StepTable
from sinks.sampled import Newest, Sampled
from tests.storage.samples import schema
from tests.storage.test_online import SIMPLE, steps
from tests.storage.test_standing import flow_rows

MOST = 2**63 - 1


def sampled(batches: list[list[tuple[int, int, int]]], n: int, seed: int, before_us: int = MOST) -> dict[int, Newest]:
    """The newest event by entity; each step is (entity, arrival, how many events)."""
    found = Sampled(SIMPLE, 0, before_us, n, seed)
    step = found.step(None)
    for rows in batches:
        other = flow_rows(1, [(99, (1, 1, 1), 0)])
        mine = flow_rows(0, [(uid, (arrival, events, arrival), 0) for uid, arrival, events in rows])
        step.on_batch([other, mine, End(0, 0, checkpoint=False, last=False, counts={})])
    return {uid: newest for (uid,), newest in found.newest.items()}


STEPS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(1, 9)), max_size=80)


@given(STEPS, st.integers(1, 12), st.integers(0, 9), st.integers(0, 60), st.data())
def test_it_is_what_a_loop_finds_however_the_batches_fall(rows: list[tuple[int, int, int]], n: int, seed: int, before_us: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=6)))
    batches = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    known: dict[int, Newest] = {}
    for uid, arrival, events in rows:
        # a step of the clock has as many events as the one before
        if arrival < before_us and (uid not in known or known[uid][1] != events):
            known[uid] = arrival, events
    found = sampled(batches, n, seed, before_us)
    assert len(found) == min(n, len(known))
    assert found == {uid: known[uid] for uid in found}
    # the steps of an entity come in order, and those of others whenever
    assert sampled([[row for row in rows if row[0] == uid] for uid in data.draw(st.permutations(range(31)))], n, seed, before_us) == found


def test_seeds_take_others_and_all_come_in_turn() -> None:
    rows = [(uid, 1, 1) for uid in range(1_000)]
    taken = [set(sampled([rows], 100, seed)) for seed in range(60)]
    assert {len(each) for each in taken} == {100}
    assert len(set.union(*taken)) > 980, "1,000 × (1 - 0.9 ** 60) is 998"
    assert max(len(one & other) for i, one in enumerate(taken) for other in taken[:i]) < 35, "10 are expected in both"


@pytest.mark.parametrize("keys", [{"name": "string"}, {"uid": "int64", "name": "string"}])
def test_keys_of_other_types(keys: dict[str, str]) -> None:
    table = StepTable("buyers", "d1", schema(**keys), SIMPLE.values)
    found = Sampled(table, 0, MOST, 2, 1)
    entities = [(*([7] if "uid" in keys else []), name) for name in ("", "ä", "buyer", "b" * 600)]
    batch = steps(table, *((*entity, 5, 10, place, 5, 0.5) for place, entity in enumerate(entities, start=1)))
    rows = flow_rows(0, [])
    rows.batch = batch.rename_columns(["time" if name == "_time" else name for name in batch.schema.names])
    found.add(rows)
    assert len(found.newest) == 2
    assert all(found.newest[entity] == (10, entities.index(entity) + 1) for entity in found.newest)

"""Which step of a replay stands where a store was looked at."""

from __future__ import annotations

import random

import pytest

from operators.messages import End, Rows
from sinks.standing import Standing
from tests.storage.test_online import SIMPLE, steps

Place = tuple[int, int, int]


def flow_rows(group: int, rows: list[tuple[int, Place, int]]) -> Rows:
    """Steps as the flow finishes them: (entity, (arrival, n, time), value)."""
    batch = steps(SIMPLE, *((uid, time, arrival, n, value, None) for uid, (arrival, n, time), value in rows))
    return Rows(0, group, batch.rename_columns(["time" if name == "_time" else name for name in batch.schema.names]))


def standing(wanted: dict[int, Place], batches: list[list[tuple[int, Place, int]]]) -> dict[int, int]:
    """The value of the step that stands, by entity."""
    looked = steps(SIMPLE, *((uid, time, arrival, n, 0, None) for uid, (arrival, n, time) in wanted.items()))
    found = Standing(SIMPLE, 0, looked)
    step = found.step(None)
    for rows in batches:
        other = flow_rows(1, [(uid, place, -1) for uid, place, _ in rows])
        step.on_batch([other, flow_rows(0, rows), End(0, 0, checkpoint=False, last=False, counts={})])
    return {uid: row["views"] for (uid,), row in found.steps.items()}


@pytest.mark.parametrize(
    "wanted,expected",
    [
        ((10, 1, 10), 0),   # the very step
        ((10, 1, 60), 0),   # a refresh that the replay has not written there
        ((19, 9, 99), 1),   # the last that is not behind
        ((20, 2, 15), 2),   # a live clock stood still: the same event, evaluated earlier; the first of its steps
        ((20, 2, 20), 2),
        ((20, 2, 60), 3),
        ((99, 9, 0), 4),
    ],
)
def test_the_step_that_stands(wanted: Place, expected: int) -> None:
    log: list[Place] = [(10, 1, 10), (15, 1, 60), (20, 2, 20), (20, 2, 60), (30, 3, 60)]
    for cut in range(len(log) + 1):
        rows = [(7, place, value) for value, place in enumerate(log)]
        assert standing({7: wanted}, [rows[:cut], rows[cut:]]) == {7: expected}


def test_nothing_stands_before_the_first_step() -> None:
    assert standing({7: (9, 9, 9), 8: (10, 1, 10)}, [[(7, (10, 1, 10), 0), (9, (1, 1, 1), 1)]]) == {}


@pytest.mark.parametrize("seed", range(30))
def test_it_is_what_a_loop_finds(seed: int) -> None:
    rng = random.Random(seed)
    log: list[tuple[int, Place, int]] = []
    places = dict.fromkeys(range(4), (0, 0, 0))
    for value in range(60):
        uid = rng.randrange(4)
        arrival, n, time = places[uid]
        moved = rng.random() < 0.5
        places[uid] = (arrival + rng.randrange(3), n + 1, time) if moved else (arrival + rng.randrange(2), n, time + 1)
        log.append((uid, places[uid], value))
    wanted = {uid: (rng.randrange(25), rng.randrange(10), rng.randrange(10)) for uid in range(4)}
    if seed % 2:
        wanted |= {uid: (*place[:2], rng.randrange(10)) for uid, place, _ in rng.sample(log, 3)}
    cuts = sorted(rng.choices(range(61), k=4))
    expected = {}
    for uid, at in wanted.items():
        mine = [(place, value) for other, place, value in log if other == uid]
        reached = [(place, value) for place, value in mine if place <= at]
        beyond = [value for place, value in mine if place > at and place[:2] == at[:2]]
        if beyond and (not reached or reached[-1][0][:2] != at[:2]):
            expected[uid] = beyond[0]
        elif reached:
            expected[uid] = reached[-1][1]
    assert standing(wanted, [log[start:stop] for start, stop in zip([0, *cuts], [*cuts, 60], strict=True)]) == expected

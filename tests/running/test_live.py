"""The live flow comes to what a replay of the same log says: for random portions, workers, interruptions; nothing is lost on the way."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import headrace.running.compaction as compacting
from headrace.running.checkpoints import Checkpoints
from operators.keys import words_of
from replay.tables import archive_logs
from tests.replay.shop import make_shop
from tests.running.live import newest, replayed, run_live
from tests.running.topics import Topics

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.groups import FeatureGroup

NAMES = ("activity", "money", "popular", "pair")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[FeatureGroup], Any, dict[str, list[dict[str, Any]]]]:
    """Groups, their topics, and the steps that a replay writes.

    No event has the identity of another: which of two that differ goes on depends on the order in which partitions are read.
    """
    shop = make_shop(tmp_path_factory.mktemp("shop"), rows=600, unique_clicks=True)
    groups = [shop.groups[name] for name in NAMES]
    found = archive_logs(shop, groups)
    return groups, Topics(found), replayed(groups, found)


def cells(step: dict[str, Any], group: FeatureGroup) -> dict[str, Any]:
    """What a step says: its features, n and the instant."""
    return {name: step[name] for name in group.features} | {"n": step.get("_n", step.get("n"))}


def same_ends(groups: list[FeatureGroup], live: dict[str, list[dict[str, Any]]], expected: dict[str, list[dict[str, Any]]]) -> None:
    """The newest step of every entity is the same."""
    for group in groups:
        keys = [key.name for key in group.keys]
        found, wanted = newest(live[group.name], keys), newest(expected[group.name], keys)
        assert {k: cells(v, group) for k, v in found.items()} == {k: cells(v, group) for k, v in wanted.items()}


@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize("seed,portion,workers", [(1, 1000, 1), (2, 3, 1), (3, 40, 2), (4, 200, 3)])
def test_live_comes_to_what_a_replay_says(logs: Any, tmp_path: Path, seed: int, portion: int, workers: int, here: bool) -> None:
    groups, topics, expected = logs
    ran = run_live(groups, topics, Checkpoints(str(tmp_path / "state")), seed=seed, portion=portion, workers=workers, here=here)
    same_ends(groups, ran.steps, expected)
    if workers == 1:
        # while it is behind the end of the log, even the steps on the way are those of a replay
        assert {name: len(steps) for name, steps in ran.steps.items()} == {name: len(steps) for name, steps in expected.items()}
    assert ran.watch.counts["messages clicks"] == 600


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_interrupted_run_goes_on(logs: Any, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at random places, gone on with on another number of workers, from whole states and from rows."""
    monkeypatch.setattr(compacting, "SHORTEST_ROWS", 10)
    monkeypatch.setattr(compacting, "MOST_LINKS", 3)
    groups, topics, expected = logs
    rng = random.Random(seed)
    state = Checkpoints(str(tmp_path / "state"))
    steps: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    arrivals = {name: words_of(table.column("_arrival")) for name, table in topics.tables.items()}
    first, end = min(int(a[0]) for a in arrivals.values()), topics.end_us
    for cut in [*sorted(rng.random() for _ in range(2)), 1.0]:
        at = first + int((end - first) * cut)
        upto = {name: int(np.searchsorted(a, at, side="right")) for name, a in arrivals.items()} if cut < 1 else {}
        topics.end_us = at
        try:
            ran = run_live(groups, topics, state, seed=seed, upto=upto, every=rng.randint(2, 10), workers=rng.randint(1, 2))
        finally:
            topics.end_us = end
        for name in NAMES:
            steps[name] += ran.steps[name]
    same_ends(groups, steps, expected)
    complete = state.newest()
    assert complete is not None
    assert sum(place["offset"] for place in complete.places.values()) == 600 + 200


def test_a_checkpoint_that_cannot_be_written_is_told_and_loses_nothing(logs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups, topics, expected = logs
    state = Checkpoints(str(tmp_path / "state"))
    written = Checkpoints.write_parts
    failures = iter(range(1))

    def fails(self: Checkpoints, *arguments: Any) -> Any:
        if next(failures, None) is not None:
            raise OSError(28, "No space left on device")
        return written(self, *arguments)

    monkeypatch.setattr(Checkpoints, "write_parts", fails)
    ran = run_live(groups, topics, state, every=4, idle_s=1.0)
    assert next(failures, None) is None
    again = run_live(groups, topics, state, every=4)
    assert again.watch.counts == {}
    same_ends(groups, {name: ran.steps[name] + again.steps[name] for name in NAMES}, expected)

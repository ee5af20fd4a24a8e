"""What a store must know behind a checkpoint, and what it knows less of."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from headrace.repository import Repository
from headrace.running.checkpoints import Complete
from headrace.running.kept import what_is_kept
from headrace.running.staleness import Basis, Behind, basis, behind, newest_checkpoints
from headrace.running.starting import checkpoints_of
from operators.kernels.tables import MIN64
from sinks.online import open_store
from sources.partition import Place
from tests.replay.shop import make_shop
from tests.storage.test_online import SIMPLE, steps

if TYPE_CHECKING:
    from pathlib import Path

MAX64 = 2**63 - 1


def log(**ends: tuple[int, int]) -> Any:
    """The log of a source with files up to an offset and an arrival, by partition as `p0`."""
    files = [
        SimpleNamespace(loaded=False, partition=int(name[1:]), last_offset=offset - 1, last_arrival_us=arrival, facts={})
        for name, (offset, arrival) in ends.items()
    ]
    return SimpleNamespace(files=lambda: files)


def complete(held: int | None = 0, **places: tuple[int, int]) -> Complete:
    told = {f"clicks/{name[1:]}": {"offset": offset, "arrival_us": at, "newest_us": at, "is_live": False} for name, (offset, at) in places.items()}
    return Complete(3, told, [], {}, "", held)


@pytest.mark.parametrize(
    "found, expected",
    [
        (complete(p0=(10, 100), p1=(20, 200)), MAX64),      # all of the log
        (complete(p0=(12, 120), p1=(25, 250)), MAX64),
        (complete(p0=(9, 90), p1=(20, 200)), 90),           # a message that arrived at 90 may be behind it
        (complete(p0=(9, 90), p1=(5, 50)), 50),
        (complete(p0=(10, 100)), "checkpoint 3 has seen nothing of partition 1 of source 'clicks'"),
        (complete(p0=(10, 100), p1=(0, MIN64)), "checkpoint 3 has seen nothing of partition 1 of source 'clicks'"),
        (complete(3, p0=(10, 100), p1=(20, 200)), "checkpoint 3 was written while the run was catching up"),
        (complete(None, p0=(10, 100), p1=(20, 200)), "checkpoint 3 was written by an older version"),
    ],
)
def test_what_a_checkpoint_stands_for(found: Complete, expected: int | str) -> None:
    logs = {"clicks": log(p0=(10, 100), p1=(20, 200))}
    told = Basis(3, expected, None) if isinstance(expected, int) else Basis(None, MIN64, expected)
    assert basis([found], logs) == told
    # that of another run stands for less, or for nothing
    assert basis([complete(p0=(2, 20), p1=(2, 20)), found], logs).before_us == max(told.before_us, 20)
    assert basis("none", logs) == Basis(None, MIN64, "none")


def test_entities_that_a_store_is_behind_with(tmp_path: Path) -> None:
    """By arrival: an entity that was silent for long counts its events from 1 anew."""
    with closing(open_store(f"lmdb://{tmp_path}/online")) as store:
        store.write(SIMPLE, steps(SIMPLE, *((uid, 5, 10, 3, 5, 0.5) for uid in range(1, 6))))
        asked = {(1,): (10, 3), (2,): (9, 7), (3,): (10, 4), (4,): (11, 1), (5,): (10, 2), (6,): (10, 1)}
        found = [Behind({"uid": 3}, 10, 3, 10, 4), Behind({"uid": 4}, 10, 3, 11, 1), Behind({"uid": 6}, None, None, 10, 1)]
        assert behind(store, SIMPLE, asked) == found
        assert behind(store, SIMPLE, {}) == []


def test_the_checkpoints_of_a_group_are_those_of_runs_of_its_definition(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", rows=30)
    money, popular = shop.groups["money"], shop.groups["popular"]
    none = f"there is no checkpoint of a run of it in {shop.config.state_uri}"
    assert newest_checkpoints(shop, money) == none

    def run(groups: list[Any], number: int) -> None:
        state = checkpoints_of(shop, groups)
        state.begin(what_is_kept(groups))
        state.note_shards(number, 0, {0: []}, held=2)
        state.note_part(number, 0, {("clicks", 0): Place(5, 1, 1)}, [])
        assert state.complete(number, 1, 1) is not None

    run([popular], 9)
    assert newest_checkpoints(shop, money) == none
    for number in (3, 4):
        run([money], number)
    run([money, popular], 2)
    found = newest_checkpoints(shop, money)
    assert not isinstance(found, str)
    assert sorted((each.number, each.held) for each in found) == [(2, 2), (4, 2)]
    with (tmp_path / "shop" / "headrace.toml").open("a") as settings:
        settings.write("[env.other]\n")
    other = Repository(tmp_path / "shop", "other")
    assert newest_checkpoints(other, money) == none, "another environment has runs of its own"
    state = checkpoints_of(shop, [money])
    state.write(str(state.newest_name()), b"{")
    assert str(newest_checkpoints(shop, money)).startswith("its state cannot be read: ")

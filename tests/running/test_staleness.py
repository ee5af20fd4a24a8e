"""What a store must know behind a checkpoint, and what it knows less of."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from headrace.repository import Repository
from headrace.running.checkpoints import Complete
from headrace.running.kept import what_is_kept
from headrace.running.starting import checkpoints_of
from headrace.staleness import Behind, behind, newest_checkpoint, told_before
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
        (complete(p0=(10, 100)), MIN64),                    # a partition that was found later
        (complete(p0=(10, 100), p1=(0, MIN64)), MIN64),
        (complete(3, p0=(10, 100), p1=(20, 200)), MIN64),   # rows wait in front of the state
        (complete(None, p0=(10, 100), p1=(20, 200)), MIN64),
    ],
)
def test_what_a_checkpoint_has_told(found: Complete, expected: int) -> None:
    assert told_before(found, {"clicks": log(p0=(10, 100), p1=(20, 200))}) == expected


def test_entities_that_a_store_knows_less_of(tmp_path: Path) -> None:
    with closing(open_store(f"lmdb://{tmp_path}/online")) as store:
        store.write(SIMPLE, steps(SIMPLE, (1, 5, 10, 3, 5, 0.5), (2, 5, 10, 3, 5, 0.5), (3, 5, 10, 3, 5, 0.5)))
        assert behind(store, SIMPLE, {(1,): 3, (2,): 2, (3,): 4, (4,): 1}) == [Behind({"uid": 3}, 3, 4), Behind({"uid": 4}, None, 1)]
        assert behind(store, SIMPLE, {}) == []


def test_the_checkpoint_of_a_group_is_that_of_a_run_of_its_definition(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", rows=30)
    money, popular = shop.groups["money"], shop.groups["popular"]
    assert newest_checkpoint(shop, money) is None

    def run(groups: list[Any], number: int, offset: int) -> None:
        state = checkpoints_of(shop, groups)
        state.begin(what_is_kept(groups))
        state.note_shards(number, 0, {0: []}, held=2)
        state.note_part(number, 0, {("clicks", 0): Place(offset, 1, 1)}, [])
        assert state.complete(number, 1, 1) is not None

    run([popular], 9, 900)
    assert newest_checkpoint(shop, money) is None
    run([money], 4, 400)
    run([money, popular], 2, 700)
    found = newest_checkpoint(shop, money)
    assert found is not None
    assert (found.number, found.held) == (2, 2), "it stands for more, whatever its number"
    with (tmp_path / "shop" / "headrace.toml").open("a") as settings:
        settings.write("[env.other]\n")
    assert newest_checkpoint(Repository(tmp_path / "shop", "other"), money) is None, "another environment has runs of its own"

"""A state that is made of an older one and rows goes on as the state that was never interrupted, step for step."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from headrace.running.checkpoints import Checkpoints
from headrace.running.journal import portions_of, written
from headrace.running.making import Making, Order, rows_at, shares_at
from headrace.running.packing import packed
from operators.messages import Piece
from operators.shares import NOTHING_YET, Share, Told, joined_points, rows_of
from replay.tables import archive_logs
from tests.replay.shop import make_shop
from tests.running.line import Shards, played
from tests.running.topics import Topics

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.running.checkpoints import Link

NAMES = ("activity", "money", "popular", "pair")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Topics]:
    """Late events, refreshes, texts, several keys and sources, partitions that lag behind each other."""
    repository = make_shop(tmp_path_factory.mktemp("shop"), rows=900, unique_clicks=True)
    groups = [repository.groups[name] for name in NAMES]
    return groups, Topics(archive_logs(repository, groups))


def shortened(making: Making, checkpoints: Checkpoints, shard: int, chain: list[Link], rng: random.Random) -> list[Link]:
    """A chain in which a few orders were carried out."""
    chain = list(chain)
    for _ in range(rng.randint(1, 3)):
        whole = rng.random() < 0.7
        first = 0 if whole or not chain[0].is_base else 1
        if len(chain) - first < 2:
            continue
        behind = rng.randint(first + 2, len(chain))
        links = tuple(chain[first:behind])
        chain[first:behind] = [making.make(Order(shard, links, whole, checkpoints.made_name(links[-1].number, shard)))]
    return chain


@pytest.mark.parametrize("seed,portion,most", [(1, 2, 1), (2, 8, 16_384), (3, 20, 30), (4, 5, 7), (5, 12, 16_384)])
def test_a_made_state_goes_on_as_the_one_it_was_made_of(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, portion: int, most: int
) -> None:
    """Also of links that were joined, in portions of at least so many rows."""
    monkeypatch.setattr("headrace.running.journal.MOST_ROWS", most)
    groups, topics = shop
    rng = random.Random(seed)
    checkpoints = Checkpoints(str(tmp_path / "state"))
    whole = played(groups, topics, checkpoints, seed, portion)
    assert whole.shards.held > 0
    assert len(whole.chains) > 4
    for epoch in sorted(rng.sample(range(1, len(whole.chains) - 1), 3)):
        making = whole.shards.making
        chains = {shard: shortened(making, checkpoints, shard, chain, rng) for shard, chain in whole.chains[epoch].items()}
        assert chains != whole.chains[epoch]
        again = Shards(groups, topics, checkpoints, chains)
        for shares, steps in zip(whole.shares[epoch + 1 :], whole.steps[epoch + 1 :], strict=True):
            found = [step for share in shares for step in again.take(share)]
            assert found == steps
        again.keeper.close()


def test_a_made_state_answers_as_the_live_one(shop: Any, tmp_path: Path) -> None:
    """Hours later, when every window has run empty: each refresh of each entity is told."""
    groups, topics = shop
    checkpoints = Checkpoints(str(tmp_path / "state"))
    whole = played(groups, topics, checkpoints, 7, 10)
    making, chains = whole.shards.making, whole.chains[-1]
    made = {shard: [making.make(Order(shard, tuple(chain), True, checkpoints.made_name(99, shard)))] for shard, chain in chains.items()}
    again = Shards(groups, topics, checkpoints, made)
    upto = dict.fromkeys(range(len(topics.tables)), topics.end_us + 4 * 3600 * 1000000)
    later = [Share(shard, told=Told(upto, joined_points([]))) for shard in chains]
    told = [step for share in later for step in whole.shards.take(share)]
    assert len(told) > 100
    assert [step for share in later for step in again.take(share)] == told
    again.keeper.close()


def test_partitions_that_were_found_since_then_do_not_mix_up_the_others(tmp_path: Path) -> None:
    """A link's words number the partitions as they were when it was written."""
    checkpoints = Checkpoints(str(tmp_path / "state"))
    theirs, ours = (("a", 0), ("b", 0), ("gone", 0)), (("a", 0), ("a", 1), ("b", 0))
    points = (np.array([0, 1, 2, 1]), np.array([10, 11, 12, 13]), np.array([1, 2, 3, 4]), np.array([1, 0, 1, 1], np.uint8))
    share = Share(3, told=Told({0: 20, 1: NOTHING_YET, 2: 21}, points))
    links = checkpoints.write_parts(1, 0, {3: packed((written(portions_of([share])), [], theirs))}, {3: 0})
    found, held = rows_at(checkpoints, links[3], ours)
    assert found is not None
    assert found.told is not None
    assert (found.told.upto, held) == ({0: 20, 2: NOTHING_YET}, [])
    assert [column.tolist() for column in found.told.points] == [[0, 2, 2], [10, 11, 13], [1, 2, 4], [1, 0, 1]]


def test_who_reads_joined_links_rests_between_their_portions(tmp_path: Path) -> None:
    """They are not one portion that is applied in one go."""
    checkpoints = Checkpoints(str(tmp_path / "state"))
    links = []
    for number in range(1, 6):
        shares = [rows_of_one(number * 100_000 + n * 8_000, 8_000) for n in range(4)]
        links.append(checkpoints.write_parts(number, 0, {3: packed((written(portions_of(shares)), [], ()))}, {3: 32_000})[3])
    rests: list[int] = []
    making = Making(checkpoints, None, (), ())   # type: ignore[arg-type]
    checkpoints.rest = lambda: rests.append(1)
    link = making.make(Order(3, tuple(links), False, checkpoints.made_name(5, 3)))
    portions, _ = shares_at(checkpoints, link, ())
    # those of the links have 24,000 and 8,000
    assert [rows_of(share) for share in portions] == [24_000, *[32_000] * 4, 8_000]
    assert len(rests) >= len(portions)
    numbers = [n for share in portions for piece in share.pieces for n in piece.batch.column("n").to_pylist()]
    assert numbers == [number * 100_000 + n for number in range(1, 6) for n in range(32_000)]


def rows_of_one(first: int, rows: int) -> Share:
    """Rows of one piece, numbered from `first`."""
    return Share(3, pieces=[Piece(0, 0, 0, (0, 0), pa.record_batch({"n": pa.array(range(first, first + rows), pa.int64())}))])

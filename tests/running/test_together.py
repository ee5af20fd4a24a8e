"""Shards that are rolled up in one go tell the steps that each tells alone, from the beginning and behind a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headrace.running.checkpoints import Checkpoints
from operators.live import LiveSequence
from operators.messages import Rows
from operators.rollup import Rollup
from operators.shard import FEW_SHARDS
from replay.tables import archive_logs
from tests.replay.shop import make_shop
from tests.running.line import PARTS, Shards, played
from tests.running.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from operators.shares import Share

NAMES = ("activity", "money", "popular", "pair")
KEYS = {"activity": ("buyer_id",), "money": ("buyer_id",), "popular": ("item",), "pair": ("buyer_id", "item")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Topics]:
    """Keys that are numbers, texts and both; texts as values; late events and refreshes."""
    repository = make_shop(tmp_path_factory.mktemp("shop"), rows=900, unique_clicks=True)
    groups = [repository.groups[name] for name in NAMES]
    return groups, Topics(archive_logs(repository, groups))


def batches(shares: Sequence[Share]) -> Iterator[list[Share]]:
    """Shares as they came out of a reader: of each shard one at most."""
    found: list[Share] = []
    for share in shares:
        if found and (share.shard <= found[-1].shard or share.part != found[-1].part):
            yield found
            found = []
        found.append(share)
    yield found


def by_entity(steps: Iterable[tuple[int, dict[str, Any]]]) -> dict[Any, list[str]]:
    """The steps of each entity of each group, in their order."""
    found: dict[Any, list[str]] = {}
    for group, step in steps:
        found.setdefault((group, *(step[key] for key in KEYS[NAMES[group]])), []).append(repr(step))
    return found


class Way:
    """One sequence and one roll-up of some shards, on the keeper of `shards`."""

    def __init__(self, shards: Shards, mine: Sequence[int]) -> None:
        self.mine = frozenset(mine)
        self.sequence = LiveSequence(shards.plan, shards.partitions, shards.keeper, PARTS)
        self.rollup = Rollup(shards._keys, None, shards.keeper)
        self.most = 0

    def steps(self, batch: Sequence[Share]) -> Iterator[tuple[int, dict[str, Any]]]:
        """What comes of the shares that go this way."""
        slices = list(self.sequence.on_batch([share for share in batch if share.shard in self.mine])[0])
        self.most = max(self.most, len(slices))
        for item in self.rollup.on_batch(slices)[0]:
            if isinstance(item, Rows):
                for step in item.batch.to_pylist():
                    yield item.group, step


def told(ways: Sequence[Way], epochs: Sequence[Sequence[Share]]) -> dict[Any, list[str]]:
    """The steps of every entity."""
    return by_entity(step for shares in epochs for batch in batches(shares) for way in ways for step in way.steps(batch))


@pytest.mark.parametrize("seed,portion", [(1, 3), (2, 8), (3, 25)])
def test_all_shards_in_one_go(shop: Any, tmp_path: Path, seed: int, portion: int) -> None:
    groups, topics = shop
    checkpoints = Checkpoints(str(tmp_path / "state"))
    whole = played(groups, topics, checkpoints, seed, portion)
    assert [group.name for group in whole.shards.plan.groups] == list(NAMES)
    epoch = len(whole.chains) // 2
    for chains, epochs in ((None, whole.shares), (whole.chains[epoch], whole.shares[epoch + 1 :])):
        alone, other = (Shards(groups, topics, checkpoints, chains) for _ in range(2))
        together = Way(other, range(FEW_SHARDS))
        found = told([together], epochs)
        assert found == told([Way(alone, [shard]) for shard in range(FEW_SHARDS)], epochs)
        assert len(found) > 100
        assert together.most >= FEW_SHARDS
        # behind a checkpoint too they go on with one clock, since that of each is made anew and found to be the same
        assert len({id(clock) for clock in together.sequence.clocks.values()}) == 1
        for shards in (alone, other):
            shards.keeper.close()

"""The live operators of all shards without Bytewax: readers, sequences and roll-ups in one thread, whose shares are remembered.

So a state that was never interrupted stands beside those that were read back, and all of them are given the same shares.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.plan import build
from headrace.running.checkpoints import Complete
from headrace.running.keeper import FileKeeper
from headrace.running.making import Making
from operators.kernels import tables as t
from operators.keys import is_word
from operators.layout import build_layout
from operators.live import LiveSequence
from operators.messages import Rows
from operators.rollup import KeyRollup, Rollup
from operators.shard import FEW_SHARDS, Sharder
from sources.live import LivePart
from sources.partition import Place
from sources.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.groups import FeatureGroup
    from headrace.running.checkpoints import Checkpoints, Link
    from operators.shares import Share
    from tests.running.topics import Topics

PARTS = 2


class EveryEpoch:
    """A desk for which every epoch is a checkpoint."""

    def __init__(self) -> None:
        self.number: dict[int, int] = {}

    def epoch(self, part: int) -> int:
        """The next number."""
        self.number[part] = self.number.get(part, 0) + 1
        return self.number[part]

    def ends(self, part: int) -> bool:
        """Never."""
        return False

    def gave(self, ready: Any) -> None:
        """Nobody counts."""

    def through(self, part: int) -> None:
        """Nothing is written."""

    def noted(self, number: int, part: int, places: Any, identities: Any) -> None:
        """Shares are remembered, places need not be."""


class Shards:
    """Sequence and roll-up of every shard, begun from chains of links."""

    def __init__(self, groups: Sequence[FeatureGroup], topics: Topics, checkpoints: Checkpoints, chains: dict[int, list[Link]] | None = None) -> None:
        self.plan = build(list(groups))
        self.layouts = [build_layout(self.plan, key, t.STEPS) for key in range(len(self.plan.keys))]
        self.partitions = sorted(topics.tables)
        exact = [is_word(self.plan.keys[layout.key].types) for layout in self.layouts]
        start = None if chains is None else Complete(0, {}, [], chains)
        self.keeper = FileKeeper(checkpoints, self.layouts, exact, [], start, partitions=self.partitions)
        self.making = Making.of(checkpoints, self.plan, self.partitions)
        self.sequences = [LiveSequence(self.plan, self.partitions, self.keeper, PARTS) for _ in range(FEW_SHARDS)]
        self.rollups = [Rollup(self._keys, None, self.keeper) for _ in range(FEW_SHARDS)]
        self.held = 0

    def _keys(self, shard: int) -> list[KeyRollup]:
        return [KeyRollup(self.plan, layout, (None, None), self.keeper.state(shard, layout)) for layout in self.layouts]

    def take(self, share: Share) -> list[tuple[int, int, dict[str, Any]]]:
        """What comes of a share: (shard, group, step), in an order that does not depend on the numbers of entities."""
        sequence = self.sequences[share.shard]
        slices, _ = sequence.on_batch([share])
        self.held += sum(map(len, sequence.held.values()))
        out, _ = self.rollups[share.shard].on_batch(list(slices))
        rows = [(share.shard, item.group, step) for item in out if isinstance(item, Rows) for step in item.batch.to_pylist()]
        return sorted(rows, key=repr)

    def end_epoch(self) -> None:
        """The end of an epoch; what is kept is written behind it."""
        for sequence, rollup in zip(self.sequences, self.rollups, strict=True):
            sequence.snapshot()
            rollup.snapshot()
        self.keeper.settle()


@dataclass
class Played:
    """A run that was never interrupted: by epoch its shares, their steps, and the chains at its end; how many pieces were held on the way."""

    shares: list[list[Share]] = field(default_factory=list)
    steps: list[list[Any]] = field(default_factory=list)
    chains: list[dict[int, list[Link]]] = field(default_factory=list)
    shards: Any = None


def played(groups: Sequence[FeatureGroup], topics: Topics, checkpoints: Checkpoints, seed: int, portion: int) -> Played:
    """Read the topics to their end, in epochs of random length."""
    rng = random.Random(seed)
    shards = Shards(groups, topics, checkpoints)
    found = Played(shards=shards)
    desk: Any = EveryEpoch()
    parts = [LivePart(part, _reader(shards, topics, part, seed, portion), desk) for part in range(PARTS)]
    left = 0
    try:
        while not all(part.reader.caught_up and part.reader.queue.empty() for part in parts) or left:
            if not left:
                left = rng.randint(1, 3)
                found.shares.append([])
                found.steps.append([])
            before = len(found.shares[-1])
            for part in rng.sample(parts, PARTS):
                for _, share in part.next_batch():
                    found.shares[-1].append(share)
                    found.steps[-1] += shards.take(share)
            left -= len(found.shares[-1]) > before
            if not left:
                for part in parts:
                    part.snapshot()
                shards.end_epoch()
                found.chains.append({shard: list(mine.links) for shard, mine in shards.keeper.shards.items()})
    finally:
        for part in parts:
            part.close()
        shards.keeper.close()
    return found


def _reader(shards: Shards, topics: Topics, part: int, seed: int, portion: int) -> Reader:
    names = {source.name: source.name for source in shards.plan.sources}
    decoders = {name: topics.decode(name) for name in names}
    mine = {name: Place(0) for i, name in enumerate(shards.partitions) if i % PARTS == part}
    sharder = Sharder(shards.plan, shards.layouts, shards=FEW_SHARDS)

    def consumer(starts: Any) -> Any:
        return topics.consumer(starts, seed + part, portion, {})

    return Reader(shards.plan, sharder, decoders, names, shards.partitions, mine, consumer)

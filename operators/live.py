"""sequence, live: pass on what comes, with the clock that belongs to it.

One instance for the shards that come one way: all of them in a run of one process, one otherwise. Promises that the rows of all partitions
are merged by their arrival as long as a reader is behind the end of its log, and that nothing waits once all have come there; that refresh
instants are passed where log time has come; and that what it took since the last checkpoint can be taken again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from bytewax.operators import StatefulBatchLogic

from operators.keys import words_of
from operators.live_clock import LiveClock
from operators.messages import Piece, Slice
from operators.shares import Share, joined_pieces, joined_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from headrace.plan.model import Plan
    from operators.messages import Facts
    from operators.rollup import KeyRollup
    from operators.shares import Told


class Keeper(Protocol):
    """Who keeps the state of the shards of a process.

    `restore` is called once a shard, before anything else of it; `applied` for everything that is passed on, in order. At the end of an
    epoch that asked for a checkpoint `seal` comes first, with what the sequence needs to go on, then `keep` with the roll-ups, then
    `flushed` from each sink; all block as briefly as they can.
    """

    def restore(self, shard: int) -> tuple[dict[str, Any] | None, Share | None, list[Piece]]:
        """The state of the shard's sequence at its base, None for an empty one, what was applied since, and what was held at the end."""
        ...

    def applied(self, share: Share) -> None:
        """What a share brought was passed on."""
        ...

    def seal(self, number: int, shard: int, freeze: Callable[[], dict[str, Any]]) -> None:
        """Checkpoint `number` ends here."""
        ...

    def keep(self, shard: int, keys: Sequence[KeyRollup]) -> None:
        """The epoch ends for the roll-ups of a shard."""
        ...

    def awaits(self, shard: int, sink: str) -> bool:
        """Whether the epoch that ends is a checkpoint, so that the sink has to make safe what it was given."""
        ...

    def flushed(self, shard: int, sink: str) -> None:
        """The sink has done so."""
        ...


class LiveSequence(StatefulBatchLogic[Share, Slice, int]):
    """The sequence of the shards that come one way."""

    def __init__(
        self, plan: Plan, partitions: Sequence[tuple[str, int]], keeper: Keeper, parts: int = 1, ended: Collection[tuple[str, int]] = ()
    ) -> None:
        """`partitions` are all of the plan's sources in their order, read by so many `parts`; nobody reads those that have `ended`."""
        self.keeper = keeper
        self.new_clock = partial(LiveClock, plan, partitions, ended)
        self.clocks: dict[int, LiveClock] = {}
        self.behind = set(range(parts))
        self.held: dict[int, list[Piece]] = {}
        self.number = 0
        self.checkpoint: int | None = None

    def on_batch(self, values: list[Share]) -> tuple[Iterable[Slice], bool]:
        """Take shares; give one slice for all of a shard, where they bring rows or an instant is passed."""
        shares: dict[int, list[Share]] = {}
        for share in values:
            shares.setdefault(share.shard, []).append(share)
        out = [found for shard in shares if shard not in self.clocks for found in self._restored(shard)]
        for share in values:
            (self.behind.discard if share.caught_up else self.behind.add)(share.part)
            if share.checkpoint is not None:
                self.checkpoint = share.checkpoint
        heard = _Heard()
        for shard, mine in shares.items():
            facts, passed, told = heard.by(self.clocks[shard], [share.told for share in mine if share.told is not None])
            pieces = self.held.get(shard, []) + [piece for share in mine for piece in share.pieces]
            self.held[shard] = []
            if self.behind:
                pieces = self._released(shard, pieces, facts.tick)
            if pieces or told is not None:
                self.keeper.applied(Share(shard, pieces=pieces, told=told))
            if pieces or passed or any(share.checkpoint is not None for share in mine):
                out.append(self._slice(shard, pieces, facts))
        return out, False

    def _restored(self, shard: int) -> list[Slice]:
        """Begin with a shard: what was applied since its base, once more."""
        clock = self.new_clock()
        frozen, since, self.held[shard] = self.keeper.restore(shard)
        if frozen is not None:
            clock.thaw(frozen["clock"])
        out = []
        if since is not None:
            facts, passed, _ = _Heard().by(clock, [] if since.told is None else [since.told])
            if since.pieces or passed:
                out.append(self._slice(shard, since.pieces, replace(facts, silent=True)))
        # what is told is told to all, so that those who know the same go on with one clock
        self.clocks[shard] = next((other for other in self.clocks.values() if other.knows_as_much_as(clock)), clock)
        return out

    def _slice(self, shard: int, pieces: list[Piece], facts: Facts) -> Slice:
        pieces.sort(key=lambda piece: piece.order)
        self.number += 1
        return Slice(self.number, shard, pieces, facts, {})

    def _released(self, shard: int, pieces: Sequence[Piece], upto: int) -> list[Piece]:
        """What has arrived up to a log time; the rest is held."""
        by_kind: dict[tuple[int, int], list[Piece]] = {}
        for piece in pieces:
            arrivals = words_of(piece.batch.column("_a"))
            if arrivals[0] > upto:
                self.held[shard].append(piece)
                continue
            due = int(np.searchsorted(arrivals, upto, side="right"))
            if due:
                by_kind.setdefault((piece.key, piece.source), []).append(replace(piece, batch=piece.batch.slice(0, due)))
            if due < len(arrivals):
                self.held[shard].append(replace(piece, batch=piece.batch.slice(due)))
        return [joined_pieces(found) for found in by_kind.values()]

    def freeze(self, shard: int) -> dict[str, Any]:
        """What it needs to go on with a shard: plain values and what is held."""
        return {"clock": self.clocks[shard].freeze(), "held": list(self.held[shard])}

    def snapshot(self) -> int:
        """The end of an epoch; where a checkpoint was asked for, the journals end here."""
        if self.checkpoint is not None:
            for shard in self.clocks:
                self.keeper.seal(self.checkpoint, shard, partial(self.freeze, shard))
            self.checkpoint = None
        return self.number


class _Heard:
    """What the clocks of several shards have heard in one go, each clock once."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[Facts, bool, Told | None]] = {}

    def by(self, clock: LiveClock, told: list[Told]) -> tuple[Facts, bool, Told | None]:
        """The facts behind these words, whether an instant was passed, and the words as one."""
        found = self.found.get(id(clock))
        if found is None:
            for word in told:
                clock.tell(word)
            found = self.found[id(clock)] = *clock.advance(), joined_words(told) if told else None
        return found

"""sequence, live: pass on what comes, with the clock that belongs to it.

One instance for each shard. Promises that the rows of all partitions are merged by their arrival as long as a reader is behind the end of
its log, and that nothing waits once all have come there; that refresh instants are passed where log time has come; and that what it took
since the last checkpoint can be taken again.
"""

from __future__ import annotations

from dataclasses import replace
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
    from operators.rollup import KeyRollup


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
    """The sequence of one shard."""

    def __init__(
        self, plan: Plan, partitions: Sequence[tuple[str, int]], keeper: Keeper, parts: int = 1, ended: Collection[tuple[str, int]] = ()
    ) -> None:
        """`partitions` are all of the plan's sources in their order, read by so many `parts`; nobody reads those that have `ended`."""
        self.keeper = keeper
        self.clock = LiveClock(plan, partitions, ended)
        self.shard = -1
        self.behind = set(range(parts))
        self.held: list[Piece] = []
        self.number = 0
        self.checkpoint: int | None = None

    def on_batch(self, values: list[Share]) -> tuple[Iterable[Slice], bool]:
        """Take shares; give one slice for all of them, where they bring rows or an instant is passed."""
        out = []
        if self.shard < 0:
            self.shard = values[0].shard
            frozen, since, held = self.keeper.restore(self.shard)
            if frozen is not None:
                self.clock.thaw(frozen["clock"])
            if since is not None:
                out.append(self._slice([since], silent=True))
            self.held = held
        for share in values:
            (self.behind.discard if share.caught_up else self.behind.add)(share.part)
            if share.checkpoint is not None:
                self.checkpoint = share.checkpoint
        found = self._slice(values, silent=False)
        return [each for each in (*out, found) if each is not None], False

    def _slice(self, shares: Sequence[Share], *, silent: bool) -> Slice | None:
        pieces, self.held = self.held, []
        told = [share.told for share in shares if share.told is not None]
        for word in told:
            self.clock.tell(word)
        for share in shares:
            pieces += share.pieces
        facts, passed = self.clock.advance()
        if silent:
            facts = replace(facts, silent=True)
        if self.behind and not silent:
            pieces = self._released(pieces, facts.tick)
        if not silent and (pieces or told):
            self.keeper.applied(Share(self.shard, pieces=pieces, told=joined_words(told) if told else None))
        if not (pieces or passed or any(share.checkpoint is not None for share in shares)):
            return None
        pieces.sort(key=lambda piece: piece.order)
        self.number += 1
        return Slice(self.number, self.shard, pieces, facts, {})

    def _released(self, pieces: Sequence[Piece], upto: int) -> list[Piece]:
        """What has arrived up to a log time; the rest is held."""
        by_kind: dict[tuple[int, int], list[Piece]] = {}
        for piece in pieces:
            arrivals = words_of(piece.batch.column("_a"))
            if arrivals[0] > upto:
                self.held.append(piece)
                continue
            due = int(np.searchsorted(arrivals, upto, side="right"))
            if due:
                by_kind.setdefault((piece.key, piece.source), []).append(replace(piece, batch=piece.batch.slice(0, due)))
            if due < len(arrivals):
                self.held.append(replace(piece, batch=piece.batch.slice(due)))
        return [joined_pieces(found) for found in by_kind.values()]

    def freeze(self) -> dict[str, Any]:
        """What it needs to go on: plain values and what is held."""
        return {"clock": self.clock.freeze(), "held": list(self.held)}

    def snapshot(self) -> int:
        """The end of an epoch; where a checkpoint was asked for, the journal ends here."""
        if self.checkpoint is not None:
            self.keeper.seal(self.checkpoint, self.shard, self.freeze)
            self.checkpoint = None
        return self.number

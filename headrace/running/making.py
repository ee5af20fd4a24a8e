"""What is made of the links of a shard: its whole state out of an older one and the rows behind it, or the rows of several links as one.

Promises the state that a start from the same links would come to, without the flow that computed it; reads and writes checkpoint files
alone. Takes the memory of one shard's state twice. It is used beside the flow: by a process of its own, in `headrace.running.maker`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlglot import exp

from operators.kernels import tables as t
from operators.keys import is_word
from operators.layout import build_layout
from operators.live_clock import LiveClock
from operators.rollup import KeyRollup
from operators.shares import Told, merged
from operators.state import KeyState

from .journal import portions_of, read, written
from .packing import packed

if TYPE_CHECKING:
    import pickle
    from collections.abc import Sequence

    from headrace.plan.model import Plan
    from operators.layout import Layout
    from operators.messages import Piece
    from operators.shares import Share

    from .checkpoints import Checkpoints, Link

Partitions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: of these links of a shard that follow one another, the `whole` state or the rows as one; under this name, and
    without rests where it `hurries`.
    """

    shard: int
    links: tuple[Link, ...]
    whole: bool
    name: str
    hurries: bool = False


@dataclass(frozen=True, slots=True)
class Making:
    """Makes what is ordered, of the shards of one plan. `partitions` are all that the run reads, `ended` those that nobody goes on with."""

    checkpoints: Checkpoints
    plan: Plan
    layouts: tuple[Layout, ...]
    partitions: Partitions
    ended: Partitions = ()

    @classmethod
    def of(
        cls, checkpoints: Checkpoints, plan: Plan, partitions: Sequence[tuple[str, int]], ended: Sequence[tuple[str, int]] = ()
    ) -> Making:
        """That of a plan, without its expressions: rows come with them computed."""
        sources = [replace(s, derived=tuple(replace(d, expr=exp.Null()) for d in s.derived)) for s in plan.sources]
        bare = replace(plan, sources=tuple(sources), groups=tuple(replace(group, features=()) for group in plan.groups))
        layouts = tuple(build_layout(bare, key, t.STEPS) for key in range(len(bare.keys)))
        return cls(checkpoints, bare, layouts, tuple(partitions), tuple(ended))

    def make(self, order: Order) -> Link:
        """Write it; the link to it. Raises `StorageError`."""
        what = self.state(order.links) if order.whole else self.rows(order.links)
        data = packed(what, self.checkpoints.rest)
        self.checkpoints.write(order.name, data)
        rows = 0 if order.whole else sum(link.rows for link in order.links)
        return replace(order.links[0], file=order.name, offset=0, size=data.size, is_base=order.whole, rows=rows)

    def rows(self, links: Sequence[Link]) -> tuple[tuple[pickle.PickleBuffer, ...], list[Piece], Partitions]:
        """The rows of links as those of one, as they are kept, and what was held behind the last."""
        shares: list[Share] = []
        held: list[Piece] = []
        for link in links:
            found, held = shares_at(self.checkpoints, link, self.partitions)
            shares += found
        return written(portions_of(shares), self.checkpoints.rest), held, self.partitions

    def state(self, links: Sequence[Link]) -> dict[str, Any]:
        """The whole state behind links, of which the first may be one."""
        clock = LiveClock(self.plan, self.partitions, self.ended)
        states: list[KeyState | None] = [None] * len(self.layouts)
        held: list[Piece] = []
        if links[0].is_base:
            frozen = self.checkpoints.read_part(links[0])
            clock.thaw(frozen["sequence"]["clock"])
            held, kept = frozen["held"], frozen["keys"]
            for i, layout in enumerate(self.layouts):
                states[i], kept[i] = KeyState.thaw(layout, is_word(self.plan.keys[layout.key].types), kept[i]), None
        keys = [KeyRollup(self.plan, layout, (None, None), state) for layout, state in zip(self.layouts, states, strict=True)]
        for link in links:
            if not link.is_base:
                shares, held = shares_at(self.checkpoints, link, self.partitions)
                for share in shares:
                    _apply(share, clock, keys)
                    self.checkpoints.rest()
        return {"sequence": {"clock": clock.freeze()}, "held": held, "keys": [key.state.standing() for key in keys]}


def _apply(share: Share, clock: LiveClock, keys: Sequence[KeyRollup]) -> None:
    """Bring a state to where it was behind a share, as the live sequence and the roll-up do when they start."""
    if share.told is not None:
        clock.tell(share.told)
    facts, passed = clock.advance()
    facts = replace(facts, silent=True)
    pieces = sorted(share.pieces, key=lambda piece: piece.order)
    if not (pieces or passed):
        return
    for key in keys:
        for _ in key.apply([piece for piece in pieces if piece.key == key.layout.key], facts):
            pass
        key.take_counts()


def rows_at(checkpoints: Checkpoints, link: Link, partitions: Partitions) -> tuple[Share | None, list[Piece]]:
    """The rows that a link stands for and what was held behind them, as told to who numbers the partitions so."""
    shares, held = shares_at(checkpoints, link, partitions)
    return merged(shares) if shares else None, held


def shares_at(checkpoints: Checkpoints, link: Link, partitions: Partitions) -> tuple[list[Share], list[Piece]]:
    """The same rows, a portion at a time."""
    portions, held, theirs = checkpoints.read_part(link)
    shares = read(portions, checkpoints.folder.path(link.file))
    for share in shares:
        if share.told is not None and theirs != partitions:
            share.told = _renumbered(share.told, theirs, partitions)
    return shares, held


def _renumbered(told: Told, theirs: Partitions, ours: Partitions) -> Told:
    """A word whose partitions had other numbers: there are new ones since then, or some are gone."""
    number = {name: i for i, name in enumerate(ours)}
    now = np.array([number.get(name, -1) for name in theirs], np.int64)
    ordinals, arrivals, newest, known = told.points
    known_here = now[ordinals] >= 0
    points = (now[ordinals][known_here], arrivals[known_here], newest[known_here], known[known_here])
    return Told({int(now[i]): upto for i, upto in told.upto.items() if now[i] >= 0}, points)

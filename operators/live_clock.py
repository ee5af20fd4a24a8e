"""The clock of live shards, computed from what the readers tell them.

Log time is the smallest of the arrivals up to which the partitions were read; points beyond it wait. Promises the pieces of the clock that
a replay computes of the same log (`operators.clock`), stretch by stretch, as far as log time has come; that no instant is passed twice;
and that the clock goes on in a silence. It relies on `Told` to reach it behind the rows that it speaks of.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from operators.clock import Clock, Pieces, clock_sets
from operators.kernels.tables import MIN64
from operators.messages import Facts
from operators.shares import NOTHING_YET, joined_points

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from headrace.plan.model import Plan
    from operators.kernels.tables import Array
    from operators.shares import Points, Told

MAX64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LivePieces(Pieces):
    """The clock as far as log time `upto` has come; `floor` is the newest instant that was passed before this stretch."""

    upto: int = MIN64
    floor: int = MIN64

    def passed(self, log_time: Array) -> Array:
        """The newest refresh instant that the clock is known to have passed at each log time."""
        passed: Array = np.maximum(Pieces.passed(self, np.minimum(log_time, self.upto)), self.floor)
        return passed


@dataclass(slots=True)
class _Set:
    """One clock: over the partitions of some sources. `place[ordinal]` is a partition's place in it, -1 for others.

    `waiting` has the points of each partition beyond log time, in portions that are sorted by arrival.
    """

    members: Array
    clock: Clock
    place: Array
    waiting: list[Points] = field(default_factory=list)
    upto: int = MIN64
    passed: int = MIN64
    now: int = MIN64


class LiveClock:
    """The clocks of a plan over `partitions`, all of them as (source, partition) in their order."""

    def __init__(self, plan: Plan, partitions: Sequence[tuple[str, int]], ended: Collection[tuple[str, int]] = ()) -> None:
        """`ended` are partitions of the archive that no reader goes on with: all of them has been read."""
        self.partitions = tuple(partitions)
        self.upto = np.array([MAX64 if name in ended else MIN64 for name in partitions], np.int64)
        self.empty = np.zeros(len(partitions), bool)
        self.sets = []
        for sources, refresh in clock_sets(plan):
            members = np.array([i for i, (name, _) in enumerate(partitions) if name in sources], np.int64)
            plans = [plan.source(partitions[i][0]) for i in members]
            idle, late = (np.array(column, np.int64) for column in ([s.idle_us for s in plans], [s.lateness_us for s in plans]))
            place = np.full(len(partitions), -1, np.int64)
            place[members] = np.arange(len(members))
            self.sets.append(_Set(members, Clock(idle, late, refresh), place))
        self.tick = MIN64
        self.floor = MIN64
        self.unheard = True
        self.quiet: Facts | None = None

    def tell(self, told: Told) -> None:
        """Take a reader's word."""
        self.unheard = True
        for ordinal, upto in told.upto.items():
            self.empty[ordinal] = upto == NOTHING_YET
            if upto > self.upto[ordinal]:
                self.upto[ordinal] = upto
        if not len(told.points[0]):
            return
        portions = by_partition(told.points)
        for each in self.sets:
            each.waiting += [portion for portion in portions if each.place[portion[0][0]] >= 0]

    def advance(self) -> tuple[Facts, bool]:
        """The facts of the stretch since the last call, and whether a clock has passed an instant in it.

        Where nothing was told since, log time stands still: such facts are all the same.
        """
        if not self.unheard and self.quiet is not None:
            return self.quiet, False
        keep = min((each.now for each in self.sets), default=MIN64)
        floor = self.floor
        before = [each.passed for each in self.sets]
        pieces: list[Pieces] = [self._advance(each) for each in self.sets]
        self.tick = max(self.tick, *(each.upto for each in self.sets))
        facts = Facts(pieces, keep, self.tick, checkpoint=False, last=False, floor=floor)
        self.quiet, self.unheard = None if self.unheard else facts, False
        return facts, any(each.passed > was for each, was in zip(self.sets, before, strict=True))

    def _advance(self, each: _Set) -> LivePieces:
        mine = each.members[~self.empty[each.members]]
        upto = max(each.upto, int(self.upto[mine].min())) if len(mine) else each.upto
        each.upto = upto
        pieces = self._walk(each, upto)
        clock = int(pieces.clock(np.array([upto]))[0])
        floor, each.now = each.passed, max(each.now, clock)
        found = LivePieces(pieces.at, pieces.value, pieces.slope, pieces.refresh_us, upto, floor)
        each.passed = max(floor, int(found.passed(np.array([upto]))[0]))
        if each.passed > floor and len(found.at):
            self.floor = max(self.floor, int(found.arrival(np.array([each.passed]))[0]))
        return found

    def _walk(self, each: _Set, upto: int) -> Pieces:
        due, rest = [], []
        for portion in each.waiting:
            count = int(np.searchsorted(portion[1], upto, side="right"))
            if count:
                due.append(portion if count == len(portion[1]) else _slice(portion, 0, count))
            if count < len(portion[1]):
                rest.append(_slice(portion, count, len(portion[1])))
        each.waiting = rest
        ordinals, arrivals, newest, known = joined_points(due)
        if len(due) > 1:
            order = np.lexsort((ordinals, arrivals))
            ordinals, arrivals, newest, known = (column[order] for column in (ordinals, arrivals, newest, known))
        clock = each.clock
        pieces, _ = clock.walk(arrivals, newest, each.place[ordinals], known)
        if upto == MIN64 or upto - int(clock.last.min()) <= int(clock.idle.min()):
            return pieces
        # a partition is silent: how the clock goes on until a record comes, found out on a copy
        kept = clock.freeze()
        beyond, _ = clock.walk(np.array([upto + 1]), np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.uint8))
        clock.thaw(kept)
        new = slice(min(1, len(pieces.at)), None)   # the first piece of a stretch is the last of the one before
        joined = ((pieces.at, beyond.at), (pieces.value, beyond.value), (pieces.slope, beyond.slope))
        at, value, slope = (np.concatenate([one, two[new]]) for one, two in joined)
        return Pieces(at, value, slope, pieces.refresh_us)

    def freeze(self) -> dict[str, Any]:
        """Everything, as plain values; partitions by their names."""
        sets = [(e.clock.freeze(), e.members.tolist(), list(e.waiting), e.upto, e.passed, e.now) for e in self.sets]
        return {"partitions": self.partitions, "upto": self.upto.tolist(), "sets": sets, "tick": self.tick, "floor": self.floor}

    def knows_as_much_as(self, other: LiveClock) -> bool:
        """Whether both would say the same from now on, told the same."""
        return pickle.dumps(self.freeze()) == pickle.dumps(other.freeze())

    def thaw(self, frozen: Mapping[str, Any]) -> None:
        """Go on from what `freeze` gave; a partition that is new since then has not spoken yet."""
        number = {name: i for i, name in enumerate(self.partitions)}
        now = {i: number[name] for i, name in enumerate(frozen["partitions"]) if name in number}
        for i, upto in enumerate(frozen["upto"]):
            if i in now:
                self.upto[now[i]] = max(upto, int(self.upto[now[i]]))
        self.tick, self.floor = frozen["tick"], frozen["floor"]
        self.unheard, self.quiet = True, None
        for each, (clock, members, waiting, upto, passed, at) in zip(self.sets, frozen["sets"], strict=True):
            moved = {at: int(each.place[now[m]]) for at, m in enumerate(members) if m in now}
            old, new = (np.array(list(side), np.int64) for side in (moved.keys(), moved.values()))
            arrays = {name: value.copy() for name, value in clock.items()}
            for name in ("last", "newest"):
                column = np.full(len(each.members), MIN64, np.int64)
                column[new] = arrays[name][old]
                arrays[name] = column
            each.clock.thaw(arrays)
            each.waiting = [(np.full(len(p[0]), now[int(p[0][0])]), *p[1:]) for p in waiting if int(p[0][0]) in now]
            each.upto, each.passed, each.now = upto, passed, at


def by_partition(points: Points) -> list[Points]:
    """Points in portions of one partition each, in their order."""
    ordinals = points[0]
    if ordinals[0] == ordinals[-1] and (ordinals == ordinals[0]).all():
        return [points]
    found = []
    for ordinal in np.unique(ordinals):
        mine = ordinals == ordinal
        found.append((points[0][mine], points[1][mine], points[2][mine], points[3][mine]))
    return found


def _slice(points: Points, start: int, stop: int) -> Points:
    ordinals, arrivals, newest, known = points
    return ordinals[start:stop], arrivals[start:stop], newest[start:stop], known[start:stop]

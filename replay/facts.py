"""What is known of each slice as a whole: the clocks over it, which rows lie behind the clock, which are duplicates.

Promises the same facts in every process of a replay: they are computed from the log alone, slice after slice. It reads the event time and
arrival of every record (and the unique column where there is one) a second time; where nothing asks for a clock it reads nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from headrace.arrow import pc
from operators.clock import Clock, clock_sets
from operators.kernels import judge
from operators.kernels.tables import EVENTS, MIN64
from operators.keys import words_of
from operators.messages import Facts
from operators.unique import Unique

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headrace.archive import Log
    from headrace.plan.model import Plan
    from operators.clock import Pieces
    from operators.kernels.tables import Array
    from replay.slices import Course, Part, SlicePlan


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """The facts for the shards, and by row group the rows of it that are behind the clock or duplicates."""

    facts: Facts
    early: dict[int, Array] = field(default_factory=dict)
    duplicates: dict[int, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Records:
    """The records of a slice in the order of their places."""

    arrivals: Array
    times: Array
    ordinals: Array
    counted: Array
    part: Array
    row: Array


class LogFacts:
    """The facts of a course, computed in the order of its slices; `keep` is told of each slice that asks for a checkpoint, behind it.

    Safe to call from several threads.
    """

    def __init__(self, plan: Plan, course: Course, logs: Mapping[str, Log], mode: int, checkpoint_every: int) -> None:
        self.plan, self.course, self.logs, self.mode, self.checkpoint_every = plan, course, logs, mode, checkpoint_every
        self.sets = clock_sets(plan)
        several = any(sum(name in sources for name, _ in course.partitions) > 1 for sources, _ in self.sets)
        self.clocked = mode != EVENTS or several
        partitions = Counter(name for name, _ in course.partitions)
        self.unique = {s.name: Unique(s.lateness_us, partitions[s.name]) for s in plan.sources if s.unique}
        self.members = [
            np.array([i for i, (name, _) in enumerate(course.partitions) if name in sources], np.int64) for sources, _ in self.sets
        ]
        self.clocks = [
            Clock(
                np.array([plan.source(course.partitions[i][0]).idle_us for i in members], np.int64),
                np.array([plan.source(course.partitions[i][0]).lateness_us for i in members], np.int64),
                refresh,
            )
            for members, (_, refresh) in zip(self.members, self.sets, strict=True)
        ]
        self.keep: Callable[[int], None] | None = None
        self.keep_last = False
        self._done: dict[int, SliceFacts] = {}
        self._next = 0
        self._led = False
        self._lock = threading.Lock()

    def of(self, number: int) -> SliceFacts:
        """The facts of a slice; those of slices far behind are forgotten."""
        with self._lock:
            self._lead()
            while self._next <= number:
                found = self._compute(self.course.slices[self._next])
                self._done[self._next] = found
                self._done.pop(self._next - 4, None)
                if found.facts.checkpoint and self.keep is not None:
                    self.keep(self._next)
                self._next += 1
            return self._done[number]

    def _lead(self) -> None:
        """Bring clocks and unique columns to where the first slice begins."""
        if not self._led and (self.clocked or self.unique):
            for plan in self.course.lead:
                self._walk(plan, ends=False)
        self._led = True

    def _compute(self, plan: SlicePlan) -> SliceFacts:
        last = plan.number == len(self.course.slices) - 1
        checkpoint = self.keep_last if last else (plan.number + 1) % self.checkpoint_every == 0
        if not self.clocked and not self.unique:
            newest = min((p.newest_us for p in plan.parts), default=MIN64)
            keep = min(newest, plan.after_us) if newest != MIN64 else MIN64
            return SliceFacts(Facts([], keep, plan.upto_us, checkpoint, last))
        keep_clock = min((clock.now for clock in self.clocks), default=MIN64) if self.clocked else MIN64
        pieces, early, duplicates = self._walk(plan, ends=last)
        return SliceFacts(Facts(pieces, keep_clock, plan.upto_us, checkpoint, last), early, duplicates)

    def _walk(self, plan: SlicePlan, ends: bool) -> tuple[list[Pieces], dict[int, Array], dict[int, Array]]:
        """Move the clocks over a slice; returns their pieces, and by row group the rows behind the clock and the duplicates."""
        records = self._records(plan)
        pieces = []
        early: dict[int, Array] = {}
        if self.clocked:
            for members, clock in zip(self.members, self.clocks, strict=True):
                place = np.full(len(self.course.partitions), -1, np.int64)
                place[members] = np.arange(len(members))
                mine = np.flatnonzero(place[records.ordinals] >= 0)
                arrivals, times, at, counted = (
                    records.arrivals[mine], records.times[mine], place[records.ordinals[mine]], records.counted[mine],
                )  # fmt: skip
                if ends and any(self.course.partitions[i][0] in self.course.beyond for i in members):
                    # the record that would come next tells of the silence before it, and of nothing else
                    arrivals = np.append(arrivals, plan.upto_us + 1)
                    times, at, counted = (np.append(column, column.dtype.type(0)) for column in (times, at, counted))
                piece, behind = clock.walk(arrivals, times, at, counted)
                behind = behind[: len(mine)]
                pieces.append(piece)
                late = mine[np.flatnonzero(behind)]
                for part in np.unique(records.part[late]).tolist():
                    rows = records.row[late[records.part[late] == part]]
                    early[part] = np.union1d(early[part], rows) if part in early else rows
        return pieces, early, self._duplicates(plan, records)

    def _records(self, plan: SlicePlan) -> _Records:
        columns: list[tuple[Array, ...]] = []
        for part in plan.parts:
            source = self.plan.source(part.source)
            batch = self.logs[part.source].read(part.group, [source.time, "_arrival"])
            arrivals, times = words_of(batch.column(1)), words_of(batch.column(0))
            counted = times <= arrivals + source.max_ahead_us
            if batch.column(0).null_count:
                counted &= pc.is_valid(batch.column(0)).to_numpy(zero_copy_only=False)
            lo, hi = np.searchsorted(arrivals, [plan.after_us, plan.upto_us], side="right")
            n = hi - lo
            columns.append((
                arrivals[lo:hi], times[lo:hi], np.full(n, part.ordinal), counted[lo:hi].astype(np.uint8), np.full(n, part.number),
                np.arange(lo, hi),
            ))  # fmt: skip
        if not columns:
            none = np.zeros(0, np.int64)
            return _Records(none, none, none, none.astype(np.uint8), none, none)
        joined = [np.concatenate(c) for c in zip(*columns, strict=True)]
        # parts come by partition and place, so a stable sort by arrival is the order of places
        if len(columns) > 1 and not (joined[0][1:] >= joined[0][:-1]).all():
            order = np.argsort(joined[0], kind="stable")
            joined = [c[order] for c in joined]
        return _Records(*joined)

    def _duplicates(self, plan: SlicePlan, records: _Records) -> dict[int, Array]:
        found: dict[int, list[int]] = {}
        for name, unique in self.unique.items():
            source = self.plan.source(name)
            parts = {p.number: p for p in plan.parts if p.source == name}
            hashes = {number: self._identities(part, source.unique or "") for number, part in parts.items()}
            verdicts = {number: self._verdict(part) for number, part in parts.items()}
            mine = np.flatnonzero(np.isin(records.part, list(parts)))
            for i in mine.tolist():
                part, row = int(records.part[i]), int(records.row[i])
                if verdicts[part][row] and not unique.is_new(hashes[part][row], int(records.times[i]), int(records.ordinals[i])):
                    found.setdefault(part, []).append(row)
        return {part: np.array(rows, np.int64) for part, rows in found.items()}

    def _identities(self, part: Part, column: str) -> list[object]:
        return self.logs[part.source].read(part.group, [column]).column(0).to_pylist()

    def _verdict(self, part: Part) -> Array:
        """Which rows of a row group are neither late nor without a time, so that they can be somebody's first."""
        source = self.plan.source(part.source)
        batch = self.logs[part.source].read(part.group, [source.time, "_arrival"])
        verdict = np.empty(batch.num_rows, np.uint8)
        valid = pc.is_valid(batch.column(0)).to_numpy(zero_copy_only=False).astype(np.uint8)
        judge.judge(
            words_of(batch.column(0)), valid, words_of(batch.column(1)), source.lateness_us, source.max_ahead_us, part.newest_us, verdict
        )
        accepted: Array = verdict == judge.OK
        return accepted

    def freeze(self) -> dict[str, dict[str, Array]]:
        """The clocks behind the last computed slice, as plain arrays."""
        frozen = {str(i): clock.freeze() for i, clock in enumerate(self.clocks)}
        return frozen | {f"unique {name}": unique.freeze() for name, unique in self.unique.items()}

    def thaw(self, frozen: Mapping[str, dict[str, Array]], number: int) -> None:
        """Go on behind slice `number`."""
        for i, clock in enumerate(self.clocks):
            clock.thaw(frozen[str(i)])
        for name, unique in self.unique.items():
            unique.thaw(frozen[f"unique {name}"])
        self._next, self._led = number + 1, True

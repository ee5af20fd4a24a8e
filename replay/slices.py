"""The plan of a replay: slices of log time over the row groups of all sources.

A slice is everything with an arrival in (after, upto]; slices are cut at ends of row groups, about `rows` rows each, and depend on the
archive and that number alone: not on readers, workers or batch sizes. For every row group it says the newest event time before it in its
partition, which decides what is late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from headrace.arrow import pc
from operators.kernels import judge
from operators.kernels.tables import MIN64
from operators.keys import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.archive import Log, RowGroup
    from headrace.plan.model import Plan, SourcePlan

SLICE_ROWS = 1_000_000
MAX64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Part:
    """A row group in the replay: `number` counts all of them, `ordinal` is its partition's place in the order of (topic, partition)."""

    number: int
    source: str
    group: RowGroup
    ordinal: int
    newest_us: int


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """Log time (after, upto] and the row groups that reach into it, by partition and place."""

    number: int
    after_us: int
    upto_us: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """All slices of a replay, and its partitions as (source, partition) in their order.

    `lead` are slices before the first, which the clocks and the unique columns need and nothing else does. `beyond` are the sources whose
    logs go on where the replay is told to stop: their silence up to there is known.
    """

    slices: tuple[SlicePlan, ...]
    partitions: tuple[tuple[str, int], ...]
    rows: int
    lead: tuple[SlicePlan, ...]
    beyond: frozenset[str]


def plan_slices(
    plan: Plan,
    logs: Mapping[str, Log],
    rows: int = SLICE_ROWS,
    start_us: int | None = None,
    stop_us: int | None = None,
    silent: bool = False,
) -> Course:
    """The slices of the logs between two instants of log time, `start_us` included and `stop_us` not.

    `silent`: nothing has come behind the logs' ends before `stop_us`, so that the clocks go on up to there.
    """
    partitions: list[tuple[str, int]] = []
    parts: list[Part] = []
    for source in sorted(plan.sources, key=lambda s: s.name):
        groups = logs[source.name].row_groups()
        for partition in sorted({g.partition for g in groups}):
            partitions.append((source.name, partition))
            newest = MIN64
            for group in (g for g in groups if g.partition == partition):
                parts.append(Part(len(parts), source.name, group, len(partitions) - 1, newest))
                newest = newest_after(source, logs[source.name], group, newest)
    first = MIN64 if start_us is None else start_us
    last = MAX64 if stop_us is None else stop_us - 1
    inside = [p for p in parts if p.group.rows and p.group.max_arrival_us >= first and p.group.min_arrival_us <= last]
    beyond = frozenset(p.source for p in parts if p.group.rows and (silent or p.group.max_arrival_us > last))
    after = MIN64 if start_us is None else start_us - 1
    slices = _cut(inside, _bounds(inside, rows, last, last if beyond else None), after)
    lead: tuple[SlicePlan, ...] = ()
    if start_us is not None:
        led = [p for p in parts if p.group.rows and p.group.min_arrival_us < first]
        lead = _cut(led, _bounds(led, rows, after, None), MIN64)
    return Course(slices, tuple(partitions), sum(p.group.rows for p in inside), lead, beyond)


def _cut(parts: Sequence[Part], bounds: Sequence[int], after: int) -> tuple[SlicePlan, ...]:
    """The slices that end at `bounds`, the first behind `after`."""
    slices: list[SlicePlan] = []
    for upto in bounds:
        mine = tuple(p for p in parts if p.group.max_arrival_us > after and p.group.min_arrival_us <= upto)
        slices.append(SlicePlan(len(slices), after, upto, mine))
        after = upto
    return tuple(slices)


def _bounds(parts: Sequence[Part], rows: int, last: int, stop: int | None) -> list[int]:
    """The ends of the slices: arrivals at which row groups end, as soon as enough rows lie behind, and `stop` where one is given."""
    bounds: list[int] = []
    waiting = 0
    for part in sorted(parts, key=lambda p: p.group.max_arrival_us):
        waiting += part.group.rows
        end = min(part.group.max_arrival_us, last)
        if waiting >= rows and (not bounds or end > bounds[-1]):
            bounds.append(end)
            waiting = 0
    if parts:
        end = min(max(p.group.max_arrival_us for p in parts), last) if stop is None else stop
        if not bounds or end > bounds[-1]:
            bounds.append(end)
    return bounds


def newest_after(source: SourcePlan, log: Log, group: RowGroup, newest: int) -> int:
    """The newest event time behind a row group; from its statistics where they cannot hold a record that is too far ahead."""
    if group.max_time_us is None:
        return newest
    if group.timely or group.max_time_us <= group.min_arrival_us + source.max_ahead_us:
        return max(newest, group.max_time_us)
    batch = log.read(group, [source.time, "_arrival"])
    times = batch.column(0)
    verdict = np.empty(len(times), np.uint8)
    valid = pc.is_valid(times).to_numpy(zero_copy_only=False).astype(np.uint8)
    return int(judge.judge(words_of(times), valid, words_of(batch.column(1)), source.lateness_us, source.max_ahead_us, newest, verdict))

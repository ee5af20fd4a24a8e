"""The archive as a Bytewax input: fixed readers, one slice an epoch.

`next_batch` gives a whole slice, the pieces of this reader's row groups and an end mark for every shard, then nothing until `snapshot` was
called; so one slice is one epoch, and what is held is bounded by two slices. Row groups of the next slice are read, judged, derived and
split in threads meanwhile. Reader r takes the row groups r mod R, so that a log of one partition uses all cores.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from operators.messages import Mark, add_counts
from operators.shard import Prepared, shard_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from headrace.archive import Log
    from operators.messages import Piece
    from operators.shard import Sharder
    from replay.facts import LogFacts
    from replay.slices import Course, Part, SlicePlan

Item = tuple[str, Any]


class Probes(Protocol):
    """The rows of a spine, by slice."""

    def pieces(self, plan: SlicePlan, last: bool) -> list[tuple[int, Piece]]:
        """The probes of a slice, split by shard."""
        ...


class Tally(Protocol):
    """Who is told how far the readers are, and may ask them to stop."""

    stopped: bool

    def read(self, rows: int) -> None:
        """So many more rows were read."""
        ...


class ArchiveInput(FixedPartitionedSource[Item, int]):
    """A replay of `course` from slice `start` on."""

    def __init__(
        self,
        course: Course,
        logs: Mapping[str, Log],
        sharder: Sharder,
        facts: LogFacts,
        readers: int,
        tally: Tally,
        probes: Probes | None = None,
        start: int = 0,
        batch_rows: int | None = None,
        threads: int = 2,
    ) -> None:
        """`batch_rows` cuts row groups into smaller batches; what comes out does not depend on it.

        `tally.stopped` ends the replay behind a slice.
        """
        self.course, self.logs, self.sharder, self.facts, self.readers, self.tally = course, logs, sharder, facts, readers, tally
        self.probes, self.start, self.batch_rows = probes, start, batch_rows
        self.keys = shard_keys(sharder.shards)
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="headrace-read")

    def list_parts(self) -> list[str]:
        """One part a reader."""
        return [f"{r:03d}" for r in range(self.readers)]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> ArchiveReader:  # noqa: ARG002  # Bytewax's signature
        """The reader; where to go on is the replay's own knowledge, not Bytewax's."""
        return ArchiveReader(self, int(for_part))

    def prepare(self, part: Part, plan: SlicePlan) -> Prepared:
        """Read one row group and make pieces of its rows in the slice. Runs in a thread."""
        source = self.sharder.plan.source(part.source)
        facts = self.facts.of(plan.number)
        batch = self.logs[part.source].read(part.group, [*source.columns, "_arrival"])
        early, duplicates = facts.early.get(part.number), facts.duplicates.get(part.number)
        total = Prepared()
        newest = part.newest_us
        size = self.batch_rows or max(1, batch.num_rows)
        for first in range(0, batch.num_rows, size):
            rows = batch.slice(first, size)
            drop = None if duplicates is None else duplicates[(duplicates >= first) & (duplicates < first + size)] - first
            if early is not None:
                flags = np.zeros(rows.num_rows, bool)
                flags[early[(early >= first) & (early < first + size)] - first] = True
                rows = rows.append_column("_e", pa.array(flags))
            prepared, newest = self.sharder.prepare(
                plan.number, part.source, rows, newest, (part.ordinal, part.group.first_offset + first), drop, (plan.after_us, plan.upto_us)
            )
            total.add(prepared)
        return total


class ArchiveReader(StatefulSourcePartition[Item, int]):
    """One reader of a replay."""

    def __init__(self, of: ArchiveInput, number: int) -> None:
        self.of, self.number = of, number
        self.slice = of.start
        self.sent = False
        self.waiting: tuple[list[Part], list[Future[Prepared]]] | None = None

    def _ask(self, plan: SlicePlan) -> tuple[list[Part], list[Future[Prepared]]]:
        """Start on a slice in the background."""
        parts = [p for p in plan.parts if p.number % self.of.readers == self.number]
        return parts, [self.of.pool.submit(self.of.prepare, part, plan) for part in parts]

    def next_batch(self) -> Iterable[Item]:
        """The next slice, or nothing while the last one is on its way."""
        if self.sent:
            return []
        slices: Sequence[SlicePlan] = self.of.course.slices
        if self.slice >= len(slices) or self.of.tally.stopped:
            raise StopIteration
        parts, futures = self.waiting or self._ask(slices[self.slice])
        items: list[Item] = []
        counts: dict[str, int] = {}
        for part, future in zip(parts, futures, strict=True):
            prepared = future.result()
            self.of.tally.read(prepared.rows)
            add_counts(counts, {f"rows {part.source}": prepared.rows})
            add_counts(counts, {f"{reason} {part.source}": n for reason, n in prepared.counts.items()})
            add_counts(counts, {f"failed {feature}": n for feature, n in prepared.failures.items()})
            items.extend((self.of.keys[shard], piece) for shard, piece in prepared.pieces)
        plan = slices[self.slice]
        if self.number == 0 and self.of.probes is not None:
            items.extend((self.of.keys[shard], piece) for shard, piece in self.of.probes.pieces(plan, self.slice == len(slices) - 1))
        facts = self.of.facts.of(self.slice).facts if self.number == 0 else None
        told = self.number % len(self.of.keys)
        items.extend(
            (key, Mark(self.slice, self.number, shard, facts, counts if shard == told else None)) for shard, key in enumerate(self.of.keys)
        )
        self.slice += 1
        self.sent = True
        self.waiting = self._ask(slices[self.slice]) if self.slice < len(slices) else None
        return items

    def next_awake(self) -> datetime | None:
        """Soon, while the last slice is on its way."""
        return datetime.now(UTC) + timedelta(milliseconds=1) if self.sent else None

    def snapshot(self) -> int:
        """The end of an epoch: the next slice may go."""
        self.sent = False
        return self.slice

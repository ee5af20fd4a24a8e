"""A replay from a plan and its logs: slices, layouts, facts, the one dataflow, and the engine that runs it.

`Run` holds what every process of a replay builds alike; `in_memory` runs it here and returns tables. Files and several processes stand in
`replay.files`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from bytewax._bytewax import cluster_main, run_main

from flows.features import build
from operators.kernels import tables as t
from operators.layout import build_layout
from operators.merged import BEHIND
from operators.messages import fitted
from operators.shard import SHARDS, Sharder
from replay.facts import LogFacts
from replay.slices import SLICE_ROWS, plan_slices
from sinks.memory import Collected
from sources.archive import ArchiveInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bytewax.dataflow import Dataflow

    from headrace.archive import Log
    from headrace.plan.model import Plan
    from operators.layout import Layout
    from operators.messages import Piece
    from replay.slices import SlicePlan
    from replay.spine import Spine

MODES = {"events": t.EVENTS, "steps": t.STEPS, "probes": t.PROBES}
READERS = 8
CHECKPOINT_SLICES = 8


@dataclass(slots=True)
class Progress:
    """How far the readers are; whoever holds it may ask for a stop behind the slice in work."""

    rows: int = 0
    stopped: bool = False

    def read(self, rows: int) -> None:
        """So many more rows were read."""
        self.rows += rows


@dataclass(frozen=True, slots=True)
class Options:
    """What a replay can be told that does not change a value."""

    slice_rows: int = SLICE_ROWS
    readers: int = READERS
    workers: int = 1
    batch_rows: int | None = None
    checkpoint_slices: int = CHECKPOINT_SLICES
    threads: int = 2
    shards: int = SHARDS


class Run:
    """One replay, built the same in every process."""

    def __init__(
        self,
        plan: Plan,
        logs: Mapping[str, Log],
        mode: int,
        spine: Spine | None = None,
        bounds: tuple[int | None, int | None] = (None, None),
        options: Options | None = None,
        with_place: bool = False,
        silent: bool = False,
    ) -> None:
        """`bounds` are the first instant of what comes out and the one behind the last, in microseconds; `silent`: nothing has come between
        the ends of the logs and the latter.
        """
        self.plan, self.logs, self.mode, self.spine, self.bounds = plan, logs, mode, spine, bounds
        self.options = options or Options()
        self.layouts = [build_layout(plan, key, mode) for key in range(len(plan.keys))]
        self.course = plan_slices(plan, logs, self.options.slice_rows, self._start(), bounds[1], silent)
        self.facts = LogFacts(plan, self.course, logs, mode, self.options.checkpoint_slices)
        self.sharder = Sharder(plan, self.layouts, with_place, self.options.shards)
        self.progress: Any = Progress()

    def _start(self) -> int | None:
        """The log time from which events can matter to the first row that comes out."""
        first = self.bounds[0]
        if first is None or any(group.longest_us is None for group in self.plan.groups):
            return None
        if self.mode == t.STEPS:
            # a step says how many events of its entity are in it, and those began with the log
            return None
        longest = max(group.longest_us or 0 for group in self.plan.groups)
        return first - longest - max(s.lateness_us + s.max_ahead_us for s in self.plan.sources)

    def flow(self, sinks: list[tuple[str, Callable[[Any], Any]]], start: int = 0, **keep: Any) -> Dataflow:
        """The dataflow of this replay from slice `start` on."""
        spine = self.spine
        probes = None if spine is None else _Probes(spine, self.layouts)
        options = self.options
        inputs = ArchiveInput(
            self.course, self.logs, self.sharder, self.facts, options.readers, self.progress, probes, start, options.batch_rows,
            options.threads,
        )  # fmt: skip
        return build(self.plan, self.layouts, inputs, sinks, readers=options.readers, bounds=self.bounds, **keep)

    def execute(self, flow: Dataflow) -> None:
        """Run the flow in this process until its input ends."""
        if not self.course.slices:
            return
        if self.options.workers == 1:
            run_main(flow, epoch_interval=timedelta(0))
        else:
            cluster_main(flow, [], 0, epoch_interval=timedelta(0), worker_count_per_proc=self.options.workers)


@dataclass(frozen=True, slots=True)
class _Probes:
    spine: Spine
    layouts: list[Layout]

    def pieces(self, plan: SlicePlan, last: bool) -> list[tuple[int, Piece]]:
        """The probes of a slice."""
        return self.spine.pieces(self.layouts, plan, last)


@dataclass(frozen=True, slots=True)
class Result:
    """The tables of a replay in memory, by group, and what it counted."""

    tables: dict[str, pa.Table]
    counts: dict[str, int]


def in_memory(run: Run) -> Result:
    """Run a replay here; rows of events and steps come in the order of their places, probes in that of the spine."""
    collected = Collected()
    run.execute(run.flow([("collect", collected.step)]))
    tables = {}
    for index, group in enumerate(run.plan.groups):
        batches = collected.batches.get(index, [])
        if run.spine is not None:
            tables[group.name] = pa.table(run.spine.answers(group, batches))
            continue
        tables[group.name] = _ordered(run, index, batches)
    return Result(tables, collected.counts)


def _ordered(run: Run, index: int, batches: list[pa.RecordBatch]) -> pa.Table:
    schema = output_schema(run.plan, index, run.mode)
    if not batches:
        return schema.empty_table()
    joined = pa.Table.from_batches([_placed(batch) for batch in batches])
    # refresh steps of one arrival have no row of their own: the instant and the key tell them apart
    order = ["_a", "_p", "_o", "time", *run.plan.keys[run.plan.groups[index].key].names]
    joined = joined.sort_by([(name, "ascending") for name in order])
    return pa.Table.from_batches([fitted(b, schema) for b in joined.to_batches()]).cast(schema).combine_chunks()


def _placed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its places; one of a slice without events holds refresh steps alone, which come behind all events of their arrival."""
    if "_o" in batch.schema.names:
        return batch
    count = batch.num_rows
    places = {"_a": batch.column("_arrival"), "_p": pa.array([BEHIND] * count, pa.int64()), "_o": pa.array([0] * count, pa.int64())}
    at = batch.schema.get_field_index("_n") + 1
    for place, (name, column) in enumerate(places.items()):
        batch = batch.add_column(at + place, name, column)
    return batch


def output_schema(plan: Plan, index: int, mode: int) -> pa.Schema:
    """The columns that a replay writes for a group: key, time, what a step is, the features."""
    group = plan.groups[index]
    key = plan.keys[group.key]
    stamp = pa.timestamp("us", tz="UTC")
    fields = [*zip(key.names, key.types, strict=True), ("time", stamp)]
    if mode == t.STEPS:
        features = {f.name for f in group.features}
        fields += [("_arrival" if "arrival" in features else "arrival", stamp), ("_n" if "n" in features else "n", pa.int64())]
    elif mode == t.EVENTS and len(group.sources) > 1:
        fields.append(("_source", pa.string()))
    return pa.schema([*fields, *((f.name, f.type) for f in group.features)])

"""rollup: apply the rows of a slice to the state of their shards, and write what the mode asks for.

Promises that what is written depends on the rows and their places alone: not on how batches fell, on the number of workers, nor on what
other shards do. State is its shard's alone, though few rows of several shards are rolled up in one go. Output is a batch of cells a group;
`finish` makes features of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from operators.clock import clock_sets
from operators.inputs import Inputs
from operators.kernels import tables as t
from operators.keys import is_word
from operators.merged import Merged
from operators.messages import End, Rows, add_counts
from operators.outputs import Outputs
from operators.state import KeyState, newest_of, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from headrace.plan.model import Plan
    from operators.layout import Layout
    from operators.live import Keeper
    from operators.messages import Facts, Piece, Slice

SWEPT_A_ROW = 4
"""So many entities are looked at for each row that comes whether they can go: a small batch is not held up by a large state."""
SLICE_ROWS, MANY_ROWS = 192, 3_072
"""A slice counts as so many rows more for that, and is done when there are many: small batches do it together."""
FEW_ROWS = 8_192
"""Up to so many rows, those of several shards are rolled up in one go: what a call costs counts then, and copying does not."""


class KeyRollup:
    """One key's roll-up in one shard."""

    def __init__(
        self,
        plan: Plan,
        layout: Layout,
        bounds: tuple[int | None, int | None],
        state: KeyState | None = None,
        *,
        newest_only: bool = False,
    ) -> None:
        """`bounds` are the first instant of the rows that come out and the one behind the last, in microseconds, None for open.

        `newest_only`: of what a call of the kernels writes for an entity only the last comes out, and nobody counts the others.
        """
        self.plan, self.layout, self.bounds, self.newest_only = plan, layout, bounds, newest_only
        self.key = plan.keys[layout.key]
        self.state = state or KeyState(layout, is_word(self.key.types))
        sets = clock_sets(plan)
        self.clock_of = [sets.index((group.sources, group.refresh_us)) for group in layout.groups]
        self.ordinal = [plan.groups.index(group) for group in layout.groups]
        self.early_rows = self.unswept = 0
        self.coincide = 0

    def apply(self, pieces: Sequence[Piece], facts: Facts) -> Iterator[Rows]:
        """Apply the pieces of one slice, in the order that `sequence` gave them."""
        return apply([self], [pieces], facts)

    def applied(self, rows: int, keep_clock: int) -> None:
        """So many rows were applied: every now and then entities go that nothing can ask for."""
        self.unswept += rows + SLICE_ROWS
        if self.unswept >= MANY_ROWS and self.layout.keeps_us >= 0 and keep_clock != t.MIN64:
            passed = np.array([keep_clock // g.refresh_us * g.refresh_us for g in self.layout.groups], np.int64)
            self.state.sweep(passed, min(0.25, SWEPT_A_ROW * self.unswept / max(1, self.state.count)))
            self.unswept = 0

    def take_counts(self) -> dict[str, int]:
        """What was counted since the last call: rows whose windows are no longer kept, values outside their type, probes at an event."""
        overflows = int(self.state.control[t.CTL_OVERFLOW])
        self.state.control[t.CTL_OVERFLOW] = 0
        counts = {"behind the clock": self.early_rows, "overflow": overflows, f"coincide {', '.join(self.key.names)}": self.coincide}
        self.early_rows = self.coincide = 0
        return {name: n for name, n in counts.items() if n}

    def inside(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows within the bounds."""
        first, stop = self.bounds
        if self.layout.mode == t.PROBES or (first is None and stop is None):
            return batch
        time = batch.column("time").view(pa.int64()).to_numpy()
        inside = np.ones(len(time), bool)
        if first is not None:
            inside &= time >= first
        if stop is not None:
            inside &= time < stop
        return batch if inside.all() else batch.filter(pa.array(inside))


def apply(keys: Sequence[KeyRollup], pieces: Sequence[Sequence[Piece]], facts: Facts) -> Iterator[Rows]:
    """Apply the pieces of one slice to one key's roll-ups in several shards, by shard, in the order that `sequence` gave them."""
    first = keys[0]
    layout, states = first.layout, [key.state for key in keys]
    merged = Merged(pieces, first.plan, layout)
    inputs = Inputs(merged, states, layout, first.clock_of)
    rows = inputs.rows(facts)
    at_events = []
    if rows is not None:
        outputs = Outputs(merged, states, layout, first.key, facts, first.clock_of)
        for written in process(states, inputs.stops, rows, facts.keep_clock):
            if layout.mode == t.PROBES and not merged.before:
                at_events.append(written.row[written.time == merged.time[written.row]])
            if facts.silent:
                continue
            batch = first.inside(outputs.batch(newest_of(written) if first.newest_only else written))
            if batch.num_rows:
                yield Rows(-1, first.ordinal[written.group], batch)
        first.early_rows += 0 if merged.early is None else int(merged.early.sum())
        first.coincide += len(np.unique(np.concatenate(at_events))) if at_events else 0
    for key, count in zip(keys, np.diff([0, *merged.ends]).tolist(), strict=True):
        key.applied(count, facts.keep_clock)


class Rollup(StatefulBatchLogic[Any, Any, int]):
    """All keys of a plan in the shards that come this way, as a step of the flow: slices in, rows and the ends of slices out.

    Its state is too large for Bytewax's store and is written by `checkpoint` where a slice asks for it, or live by the `keeper` at the end
    of an epoch; a snapshot is only the slice's number.
    """

    def __init__(
        self,
        keys: Callable[[int], list[KeyRollup]],
        checkpoint: Callable[[int, int, list[KeyRollup]], None] | None,
        keeper: Keeper | None = None,
    ) -> None:
        """`keys` makes the roll-ups of a shard, `checkpoint(slice, shard, keys)` keeps them."""
        self.make, self.checkpoint, self.keeper = keys, checkpoint, keeper
        self.shards: dict[int, list[KeyRollup]] = {}
        self.done = -1

    def on_batch(self, values: list[Slice]) -> tuple[Iterable[Any], bool]:
        """Apply slices, those of a shard in their order."""
        out: list[Any] = []
        for together in _together(values):
            out += self._apply(together)
        return out, False

    def _apply(self, slices: Sequence[Slice]) -> list[Any]:
        """Slices of several shards that share their facts."""
        facts, out = slices[0].facts, list[Any]()
        for value in slices:
            if value.shard not in self.shards:
                self.shards[value.shard] = self.make(value.shard)
        shards = [self.shards[value.shard] for value in slices]
        for of_one_key in zip(*shards, strict=True):
            index = of_one_key[0].layout.key
            for rows in apply(of_one_key, [[p for p in value.pieces if p.key == index] for value in slices], facts):
                rows.slice = slices[0].slice
                out.append(rows)
        for value, keys in zip(slices, shards, strict=True):
            counts = dict(value.counts)
            for key in keys:
                add_counts(counts, key.take_counts())
            if facts.silent:
                continue
            if facts.checkpoint and self.checkpoint is not None:
                self.checkpoint(value.slice, value.shard, keys)
            out.append(End(value.slice, value.shard, facts.checkpoint, facts.last, counts))
            self.done = value.slice
        return out

    def snapshot(self) -> int:
        """The last slice that was applied."""
        if self.keeper is not None:
            for shard, keys in self.shards.items():
                self.keeper.keep(shard, keys)
        return self.done


def _together(values: Sequence[Slice]) -> Iterator[list[Slice]]:
    """Slices that are rolled up in one go: of different shards, with the same facts and few rows."""
    found: list[Slice] = []
    rows = 0
    for value in values:
        count = sum(piece.batch.num_rows for piece in value.pieces)
        fits = found and value.facts is found[0].facts and rows + count <= FEW_ROWS
        if not fits or any(value.shard == each.shard for each in found):
            if found:
                yield found
            found, rows = [], 0
        found.append(value)
        rows += count
    if found:
        yield found

"""rollup: apply the rows of a slice to a shard's state, and write what the mode asks for.

Promises that what is written depends on the rows and their places alone: not on how batches fell, on the number of workers, nor on what
other shards do. State is this shard's alone. Output is a batch of cells a group; `finish` makes features of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.arrow import array, from_buffers, pc
from operators.buffers import OUTPUT, zeros
from operators.cells import cell_column, input_words
from operators.clock import clock_sets
from operators.kernels import tables as t
from operators.keys import NO_DATA, NO_OFFSETS, is_word, key_bytes, keys_back
from operators.layout import value_type
from operators.merged import Merged
from operators.messages import End, Rows, add_counts
from operators.state import KeyState, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from headrace.arrow import Column
    from headrace.plan.model import Plan
    from operators.kernels.tables import Array
    from operators.layout import Layout
    from operators.live import Keeper
    from operators.messages import Facts, Piece, Slice

TIMESTAMP = pa.timestamp("us", tz="UTC")
SWEPT_A_ROW = 4
"""So many entities are looked at for each row that comes whether they can go: a small batch is not held up by a large state."""
SLICE_ROWS, MANY_ROWS = 192, 768
"""A slice counts as so many rows more for that, and is done when there are many: small batches do it together."""


class KeyRollup:
    """One key's roll-up in one shard."""

    def __init__(self, plan: Plan, layout: Layout, bounds: tuple[int | None, int | None], state: KeyState | None = None) -> None:
        """`bounds` are the first instant of the rows that come out and the one behind the last, in microseconds, None for open."""
        self.plan, self.layout, self.bounds = plan, layout, bounds
        self.key = plan.keys[layout.key]
        self.exact = is_word(self.key.types)
        self.state = state or KeyState(layout, self.exact)
        sets = clock_sets(plan)
        self.clock_of = [sets.index((group.sources, group.refresh_us)) for group in layout.groups]
        self.ordinal = [plan.groups.index(group) for group in layout.groups]
        self.early_rows = self.unswept = 0
        self.coincide = 0

    def apply(self, pieces: list[Piece], facts: Facts) -> Iterator[Rows]:
        """Apply the pieces of one slice, in the order that `sequence` gave them."""
        merged = Merged(pieces, self.plan, self.layout)
        rows = self._rows(merged, facts)
        at_events = []
        if rows is not None:
            for written in self.state.process(rows, facts.keep_clock):
                if self.layout.mode == t.PROBES and not merged.before:
                    at_events.append(written.row[written.time == merged.time[written.row]])
                if facts.silent:
                    continue
                batch = self._batch(written, merged, facts)
                if batch.num_rows:
                    yield Rows(-1, self.ordinal[written.group], batch)
            self.early_rows += 0 if merged.early is None else int(merged.early.sum())
            self.coincide += len(np.unique(np.concatenate(at_events))) if at_events else 0
        self.unswept += merged.n + SLICE_ROWS
        if self.unswept >= MANY_ROWS and self.layout.keeps_us >= 0 and facts.keep_clock != t.MIN64:
            passed = np.array([facts.keep_clock // g.refresh_us * g.refresh_us for g in self.layout.groups], np.int64)
            self.state.sweep(passed, min(0.25, SWEPT_A_ROW * self.unswept / max(1, self.state.count)))
            self.unswept = 0

    def take_counts(self) -> dict[str, int]:
        """What was counted since the last call: rows whose windows are no longer kept, values outside their type, probes at an event."""
        overflows = int(self.state.control[t.CTL_OVERFLOW])
        self.state.control[t.CTL_OVERFLOW] = 0
        counts = {"behind the clock": self.early_rows, "overflow": overflows, f"coincide {', '.join(self.key.names)}": self.coincide}
        self.early_rows = self.coincide = 0
        return {name: n for name, n in counts.items() if n}

    def _rows(self, merged: Merged, facts: Facts) -> t.Rows | None:
        layout = self.layout
        # a slice of steps ends with a row of nobody that moves the clock
        ticks = int(layout.mode == t.STEPS)
        n = merged.n + ticks
        if not n:
            return None
        # what a row's source does not bring is read by no track of it
        values = OUTPUT.take((max([1, *(len(s) for s in layout.slots.values())]), n), np.int64)
        missing = early = zeros(n)
        passes = OUTPUT.take((max(len(s) for s in layout.filters.values()), n), np.uint8)
        entity, source, time, arrival = (np.zeros(0, np.int64) for _ in range(4))
        if merged.n:
            offsets, data = (NO_OFFSETS, NO_DATA) if self.exact else key_bytes(merged.keys)
            entity = self.state.find(merged.hashes, (merged.source >= 0).view(np.uint8), offsets, data)
            source, time = merged.source, merged.time
            arrival = merged.arrival if facts.floor == t.MIN64 else np.maximum(merged.arrival, facts.floor)
            if merged.early is not None:
                early = np.append(merged.early, np.zeros(ticks, np.uint8))
            found = {name: self._inputs(merged, name, values, passes) for name in layout.sources if name in merged.sources}
            missing = _missing(merged, found, values.shape)
        if ticks:
            ends = ((entity, -1), (source, -2), (time, 0), (arrival, facts.tick + 1))
            entity, source, time, arrival = (np.append(column, value) for column, value in ends)
        return t.Rows(entity, source, time, arrival, values, missing, passes, self._passed(merged, source, arrival, facts), early)

    def _passed(self, merged: Merged, source: Array, arrival: Array, facts: Facts) -> Array:
        """The newest refresh instant that each group's clock has passed before each row; rows of events ask for none."""
        groups, n = len(self.layout.groups), len(arrival)
        if self.layout.mode == t.EVENTS:
            return np.zeros((groups, 0), np.int64)
        passed = np.full((groups, n), t.MIN64, np.int64)
        if facts.clocks:
            # a refresh comes behind the events of its arrival and before the probes;
            # a probe that asks for what stood before t comes first of all
            at = arrival - np.where((source == -1) & ~merged.before_flag(n), 0, 1)
            for g, clock in enumerate(self.clock_of):
                passed[g] = facts.clocks[clock].passed(at)
        return passed

    def _inputs(self, merged: Merged, name: str, values: Array, passes: Array) -> dict[int, Array]:
        """Write what a source brings; returns by slot which of its rows are null, where some are."""
        at = merged.rows_of(name)
        missing = {}
        for slot, column in enumerate(self.layout.slots[name]):
            words, is_null = input_words(merged.column(name, column), value_type(self.layout.types[column]), self.state.texts)
            values[slot, at] = words
            if is_null is not None:
                missing[slot] = is_null
        for slot, column in enumerate(self.layout.filters[name]):
            passes[slot, at] = pc.fill_null(merged.column(name, column), False).to_numpy(zero_copy_only=False)
        return missing

    def _batch(self, written: Written, merged: Merged, facts: Facts) -> pa.RecordBatch:
        """What was written for a group as a batch: key columns, time, then what the mode adds, then cells by id."""
        layout = self.layout
        group = layout.groups[written.group]
        mode = layout.mode
        texts = self.state.texts
        valid = None if written.valid.all() else written.valid
        cells = {c.cell.id: cell_column(c, written.words, valid, texts) for c in layout.columns[written.group]}
        if mode == t.STEPS:
            columns = self._keys(written.entity)
            time = written.time
            arrival = written.arrival
            refreshed = written.row < 0
            if refreshed.any():
                passed_at = facts.clocks[self.clock_of[written.group]].arrival(time)
                arrival = np.where(refreshed, np.maximum(passed_at, arrival), arrival)
            names = [*self.key.names, "time", "_arrival", "_n"]
            columns += [_instants(time), _instants(arrival), array(written.n)]
            if merged.placed:
                names += ["_a", "_p", "_o"]
                columns += [columns[-2], *merged.places(written.row)]
        else:
            columns = merged.take_keys(written.row)
            time = merged.take_times(written.row)
            names = [*self.key.names, "time"]
            columns.append(_instants(time))
            if mode == t.EVENTS and merged.placed:
                names += ["_a", "_p", "_o"]
                columns += [_instants(merged.arrival[written.row]), *merged.places(written.row)]
            if mode == t.PROBES:
                names += ["_row", "_now"]
                columns += [merged.take_spine("_row", written.row), _instants(time)]
                for name, _ in group.requests:
                    names.append(f"r:{name}")
                    columns.append(merged.take_spine(f"r:{name}", written.row))
            else:
                if len(group.sources) > 1:
                    names.append("_source")
                    columns.append(pa.array([layout.sources[s] for s in merged.source[written.row]], pa.string()))
                for cell in layout.own[written.group]:
                    cells[cell.id] = merged.own(cell, written.row, cells.get(cell.id))
                for name, kind in group.requests:
                    names.append(f"r:{name}")
                    columns.append(merged.take_request(name, kind, written.row))
        batch = pa.RecordBatch.from_arrays([*columns, *(cells[c.id] for c in group.cells)], [*names, *(c.id for c in group.cells)])
        if merged.written_order is not None:
            # rows come out in the order of their places
            back = np.argsort(merged.written_order[written.row], kind="stable")
            batch, time = batch.take(array(back)), time[back]
        first, stop = self.bounds
        if mode == t.PROBES or (first is None and stop is None):
            return batch
        inside = np.ones(len(time), bool)
        if first is not None:
            inside &= time >= first
        if stop is not None:
            inside &= time < stop
        return batch if inside.all() else batch.filter(pa.array(inside))

    def _keys(self, entities: Array) -> list[Column]:
        state = self.state
        hashes = state.record[entities, 0]
        at = state.key_at[entities] if not self.exact else state.key_at[:0]
        return keys_back(hashes, at, state.arena, self.key.types)


def _instants(words: Array) -> Column:
    """A column of times."""
    return from_buffers(TIMESTAMP, len(words), [None, np.ascontiguousarray(words)])


def _missing(merged: Merged, found: dict[str, dict[int, Array]], shape: tuple[int, ...]) -> Array:
    """Which inputs are null, slots × rows, from those of each source."""
    slots, rows = shape
    if not any(found.values()):
        return zeros(rows, slots)
    missing = np.zeros(shape, np.uint8)
    for name, nulls in found.items():
        at = merged.rows_of(name)
        for slot, is_null in nulls.items():
            missing[slot, at] = is_null
    return missing


class Rollup(StatefulBatchLogic[Any, Any, int]):
    """All keys of a plan in one shard, as a step of the flow: slices in, rows and the ends of slices out.

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
        self.keys: list[KeyRollup] | None = None
        self.shard = -1
        self.done = -1

    def on_batch(self, values: list[Slice]) -> tuple[Iterable[Any], bool]:
        """Apply slices, in their order."""
        out: list[Any] = []
        for value in values:
            if self.keys is None:
                self.keys, self.shard = self.make(value.shard), value.shard
            counts = dict(value.counts)
            for key in self.keys:
                mine = [p for p in value.pieces if p.key == key.layout.key]
                for rows in key.apply(mine, value.facts):
                    if not value.facts.silent:
                        rows.slice = value.slice
                        out.append(rows)
                add_counts(counts, key.take_counts())
            if value.facts.silent:
                continue
            if value.facts.checkpoint and self.checkpoint is not None:
                self.checkpoint(value.slice, value.shard, self.keys)
            out.append(End(value.slice, value.shard, value.facts.checkpoint, value.facts.last, counts))
            self.done = value.slice
        return out, False

    def snapshot(self) -> int:
        """The last slice that was applied."""
        if self.keeper is not None and self.keys is not None:
            self.keeper.keep(self.shard, self.keys)
        return self.done

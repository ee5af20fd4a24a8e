"""rollup: apply the rows of a slice to a shard's state, and write what the mode asks for.

Promises that what is written depends on the rows and their places alone: not on how batches fell, on the number of workers, nor on what
other shards do. State is this shard's alone. Output is a batch of cells a group; `finish` makes features of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.arrow import array, nulls, pc
from operators.cells import cell_column, input_words
from operators.clock import clock_sets
from operators.kernels import tables as t
from operators.keys import NO_DATA, NO_OFFSETS, is_word, key_bytes, keys_back, words_of
from operators.layout import value_type
from operators.messages import End, Rows, add_counts
from operators.state import KeyState, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from headrace.arrow import Column
    from headrace.plan.model import Cell, Plan
    from operators.kernels.tables import Array
    from operators.live import Keeper
    from operators.layout import Layout
    from operators.messages import Facts, Piece, Slice

TIMESTAMP = pa.timestamp("us", tz="UTC")
BEHIND = 2**31
"""The partition of what has no place of its own and comes behind everything of its arrival."""


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
        self.early_rows = 0
        self.coincide = 0

    def apply(self, pieces: list[Piece], facts: Facts) -> Iterator[Rows]:
        """Apply the pieces of one slice, in the order that `sequence` gave them."""
        merged = _Merged(pieces, self.plan, self.layout)
        rows = self._rows(merged, facts)
        at_events = []
        if rows is not None:
            for written in self.state.process(rows, facts.keep_clock):
                if self.layout.mode == t.PROBES and not merged.before:
                    at_events.append(written.row[written.time == merged.time[written.row]])
                batch = self._batch(written, merged, facts)
                if batch.num_rows:
                    yield Rows(-1, self.ordinal[written.group], batch)
            self.early_rows += int(rows.early.sum())
            self.coincide += len(np.unique(np.concatenate(at_events))) if at_events else 0
        if self.layout.keeps_us >= 0 and facts.keep_clock != t.MIN64:
            passed = np.array([facts.keep_clock // g.refresh_us * g.refresh_us for g in self.layout.groups], np.int64)
            self.state.sweep(passed, 0.25)

    def take_counts(self) -> dict[str, int]:
        """What was counted since the last call: rows whose windows are no longer kept, values outside their type, probes at an event."""
        overflows = int(self.state.control[t.CTL_OVERFLOW])
        self.state.control[t.CTL_OVERFLOW] = 0
        counts = {"behind the clock": self.early_rows, "overflow": overflows, f"coincide {', '.join(self.key.names)}": self.coincide}
        self.early_rows = self.coincide = 0
        return {name: n for name, n in counts.items() if n}

    def _rows(self, merged: _Merged, facts: Facts) -> t.Rows | None:
        layout = self.layout
        tick = layout.mode == t.STEPS
        n = merged.n + tick
        if not n:
            return None
        groups = len(layout.groups)
        entity = np.full(n, -1, np.int64)
        source = np.full(n, -2, np.int64)
        time, arrival = np.zeros(n, np.int64), np.full(n, facts.tick + 1, np.int64)
        early = np.zeros(n, np.uint8)
        passed = np.full((groups, n), t.MIN64, np.int64) if facts.clocks or layout.mode != t.EVENTS else np.empty((groups, n), np.int64)
        # what a row's source does not bring is read by no track of it
        values = np.empty((max([1, *(len(s) for s in layout.slots.values())]), n), np.int64)
        missing = np.zeros(values.shape, np.uint8)
        passes = np.zeros((max([1, *(len(s) for s in layout.filters.values())]), n), np.uint8)
        if merged.n:
            m = merged.n
            source[:m], time[:m], arrival[:m], early[:m] = merged.source, merged.time, np.maximum(merged.arrival, facts.floor), merged.early
            offsets, data = (NO_OFFSETS, NO_DATA) if self.exact else key_bytes(merged.keys)
            entity[:m] = self.state.find(merged.hashes, (merged.source >= 0).astype(np.uint8), offsets, data)
            for name in layout.sources:
                if name in merged.batches:
                    self._inputs(merged, name, values, missing, passes)
        if facts.clocks:
            # a refresh comes behind the events of its arrival and before the probes;
            # a probe that asks for what stood before t comes first of all
            at = arrival - np.where((source == -1) & ~merged.before_flag(n), 0, 1)
            for g, clock in enumerate(self.clock_of):
                passed[g] = facts.clocks[clock].passed(at)
        return t.Rows(entity, source, time, arrival, values, missing, passes, passed, early)

    def _inputs(self, merged: _Merged, name: str, values: Array, missing: Array, passes: Array) -> None:
        batch, at = merged.batches[name], merged.rows_of[name]
        for slot, column in enumerate(self.layout.slots[name]):
            words, is_null = input_words(batch.column(column), value_type(self.layout.types[column]), self.state.texts)
            values[slot, at] = words
            if is_null is not None:
                missing[slot, at] = is_null
        for slot, column in enumerate(self.layout.filters[name]):
            passes[slot, at] = pc.fill_null(batch.column(column), False).to_numpy(zero_copy_only=False)

    def _batch(self, written: Written, merged: _Merged, facts: Facts) -> pa.RecordBatch:
        """What was written for a group as a batch: key columns, time, then what the mode adds, then cells by id."""
        layout = self.layout
        group = layout.groups[written.group]
        mode = layout.mode
        texts = self.state.texts
        cells = {c.cell.id: cell_column(c, written.words, written.valid, texts) for c in layout.columns[written.group]}
        if mode == t.STEPS:
            columns = self._keys(written.entity)
            time = written.time
            arrival = written.arrival
            refreshed = written.row < 0
            if refreshed.any():
                passed_at = facts.clocks[self.clock_of[written.group]].arrival(time)
                arrival = np.where(refreshed, np.maximum(passed_at, arrival), arrival)
            names = [*self.key.names, "time", "_arrival", "_n"]
            columns += [pa.array(time).view(TIMESTAMP), pa.array(arrival).view(TIMESTAMP), pa.array(written.n)]
            if merged.placed:
                names += ["_a", "_p", "_o"]
                columns += [columns[-2], *merged.places(written.row)]
        else:
            columns = merged.take_keys(written.row)
            time = merged.time[written.row]
            names = [*self.key.names, "time"]
            columns.append(pa.array(time).view(TIMESTAMP))
            if mode == t.EVENTS and merged.placed:
                names += ["_a", "_p", "_o"]
                columns += [pa.array(merged.arrival[written.row]).view(TIMESTAMP), *merged.places(written.row)]
            if mode == t.PROBES:
                names += ["_row", "_now"]
                columns += [merged.take_spine("_row", written.row), pa.array(time).view(TIMESTAMP)]
                for name, _ in group.requests:
                    names.append(f"r:{name}")
                    columns.append(merged.take_spine(f"r:{name}", written.row))
            else:
                if len(group.sources) > 1:
                    names.append("_source")
                    columns.append(pa.array([layout.sources[s] for s in merged.source[written.row]], pa.string()))
                for cell in layout.own[written.group]:
                    cells[cell.id] = merged.own(cell, self.plan, written.row, cells.get(cell.id))
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


class _Merged:
    """The rows of a slice's pieces in the order of their places."""

    def __init__(self, pieces: list[Piece], plan: Plan, layout: Layout) -> None:
        by_source: dict[str, list[pa.RecordBatch]] = {}
        first = [p for p in pieces if p.source < 0 and p.order[0] < 0]
        middle = [p for p in pieces if p.source >= 0]
        last = [p for p in pieces if p.source < 0 and p.order[0] >= 0]
        ordered = [*first, *middle, *last]
        self.n = sum(p.batch.num_rows for p in ordered)
        self.before = bool(first)
        self.placed = False
        self.written_order: Array | None = None
        self.batches: dict[str, pa.RecordBatch] = {}
        self.rows_of: dict[str, Array | slice] = {}
        if not self.n:
            return
        names = [plan.sources[p.source].name if p.source >= 0 else "" for p in ordered]
        sources = [layout.sources.index(name) if name else -1 for name in names]
        counts = [p.batch.num_rows for p in ordered]
        arrival = np.concatenate([words_of(p.batch.column("_a")) for p in ordered])
        source = np.repeat(np.array(sources, np.int64), counts)
        times = np.concatenate([words_of(p.batch.column("_t")) for p in ordered])
        order = None if _is_sorted(arrival) else np.argsort(arrival, kind="stable")
        if layout.mode == t.EVENTS:
            order = self._as_seen(arrival, times, order)
        number = np.empty(self.n, np.int64)
        start = 0
        begun: dict[str, int] = {}
        for name, piece in zip(names, ordered, strict=True):
            rows = piece.batch.num_rows
            at = begun.get(name, 0)
            number[start : start + rows] = np.arange(at, at + rows)
            begun[name] = at + rows
            by_source.setdefault(name, []).append(piece.batch)
            start += rows
        self.batches = {name: batches[0] if len(batches) == 1 else concat(batches) for name, batches in by_source.items()}
        time = times
        hashes = np.concatenate([words_of(p.batch.column("_h")) for p in ordered])
        early = np.concatenate([_early(p.batch) for p in ordered])
        keys: list[Column] = []
        for i in range(len(plan.keys[layout.key].names)):
            columns = [p.batch.column(f"k{i}") for p in ordered]
            keys.append(pa.concat_arrays(columns) if len(columns) > 1 else columns[0])
        if order is not None:
            arrival, source, number, time, hashes, early = (a[order] for a in (arrival, source, number, time, hashes, early))
            keys = [k.take(array(order)) for k in keys]
        self.arrival, self.source, self.number, self.time = arrival, source, number, time
        self.hashes, self.early, self.keys = hashes, early, keys
        self.layout = layout
        self.placed = bool(middle) and "_o" in middle[0].batch.schema.names
        if self.placed:
            rows_of = [words_of(p.batch.column("_o")) if p.source >= 0 else np.zeros(p.batch.num_rows, np.int64) for p in ordered]
            row = np.concatenate(rows_of)
            partition = np.repeat(np.array([p.order[0] for p in ordered], np.int64), counts)
            self.row, self.partition = (row, partition) if order is None else (row[order], partition[order])
        for name in self.batches:
            if name:
                s = layout.sources.index(name)
                alone = len(self.batches) == 1
                if alone and order is None:
                    self.rows_of[name] = slice(0, self.n)
                    continue
                rows_at = np.empty(self.batches[name].num_rows, np.int64)
                mine = np.flatnonzero(source == s)
                rows_at[number[mine]] = mine
                self.rows_of[name] = rows_at

    def _as_seen(self, arrival: Array, times: Array, order: Array | None) -> Array | None:
        """The order in which rows of events see each other: at one arrival by event time; remembers the way back to the order of places."""
        a, at = (arrival, times) if order is None else (arrival[order], times[order])
        if not ((a[1:] == a[:-1]) & (at[1:] < at[:-1])).any():
            return order
        seen = np.lexsort((at, a))
        self.written_order = seen
        return seen if order is None else order[seen]

    def before_flag(self, n: int) -> Array:
        """Whether probes ask for what stood before their instant, as a mask of n rows."""
        return np.full(n, self.before)

    def places(self, rows: Array) -> list[Column]:
        """Partition and row of each row, for a sort by place; a refresh step (row -1) comes behind the events of its arrival."""
        known = rows >= 0
        partition = np.where(known, self.partition[rows], BEHIND)
        return [pa.array(partition), pa.array(np.where(known, self.row[rows], 0))]

    def take_keys(self, rows: Array) -> list[Column]:
        """The key columns of some rows."""
        if len(rows) == self.n and _is_sorted(rows):
            return list(self.keys)
        return [k.take(array(rows)) for k in self.keys]

    def take_spine(self, column: str, rows: Array) -> Column:
        """A column of the probes."""
        return self.batches[""].column(column).take(array(self.number[rows]))

    def take_request(self, name: str, kind: pa.DataType, rows: Array) -> Column:
        """The events' own column of a request column's name; null where the source has none."""
        return self._from_sources(dict.fromkeys(self.batches, f"r:{name}"), kind, rows, None)

    def own(self, cell: Cell, plan: Plan, rows: Array, other: Column | None) -> Column:
        """A column outside an aggregate: the event's own value, `other` in rows of other sources."""
        name = plan.tracks[cell.track].source
        return self._from_sources({name: cell.input or ""}, cell.type, rows, other)

    def _from_sources(self, columns: dict[str, str], kind: pa.DataType, rows: Array, other: Column | None) -> Column:
        source, number = self.source[rows], self.number[rows]
        result = other if other is not None else nulls(len(rows), kind)
        for name, column in columns.items():
            if name not in self.batches or column not in self.batches[name].schema.names:
                continue
            values = self.batches[name].column(column)
            mine = source == self.layout.sources.index(name)
            if mine.all():
                taken = values if len(values) == len(rows) and _is_sorted(number) else values.take(array(number))
                return taken.cast(kind)
            taken = values.take(array(np.where(mine, number, 0), mask=~mine)).cast(kind)
            result = pc.if_else(array(mine), taken, result)
        return result


def _is_sorted(a: Array) -> bool:
    return bool((a[1:] >= a[:-1]).all())


def _early(batch: pa.RecordBatch) -> Array:
    if "_e" in batch.schema.names:
        return batch.column("_e").to_numpy(zero_copy_only=False).astype(np.uint8)
    return np.zeros(batch.num_rows, np.uint8)


def concat(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch of several; a column that is not in all of them is left out."""
    names = [n for n in batches[0].schema.names if all(n in b.schema.names for b in batches)]
    return pa.RecordBatch.from_arrays([pa.concat_arrays([b.column(n) for b in batches]) for n in names], names)


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

"""The pieces of one key and slice as one sequence of rows: shard by shard, in the order of their places.

Promises that a row's number within its shard depends on the places alone. Columns are joined where somebody asks for them, and not copied
where one piece brings them all; nobody may change what is returned. It relies on `sequence` for the order of the pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.arrow import array, nulls, pc
from operators.buffers import filled, joined
from operators.kernels import order as orders
from operators.kernels import tables as t
from operators.keys import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.arrow import Column
    from headrace.plan.model import Cell, Plan
    from operators.kernels.tables import Array
    from operators.layout import Layout
    from operators.messages import Piece

BEHIND = 2**31
"""The partition of what has no place of its own and comes behind everything of its arrival."""


class Merged:
    """The rows of a slice's pieces in the order of their places; `sources` names those that bring rows, "" the spine.

    `ends[s]` is the row behind the last one of shard number s, `source_ends` the same among the rows of a source alone.
    """

    def __init__(self, shards: Sequence[Sequence[Piece]], plan: Plan, layout: Layout) -> None:
        """`shards` has the pieces of each shard; rows of several have no places (`_o`) and bring no spine."""
        sorted_ = [_in_turn(pieces) for pieces in shards]
        self.pieces = [piece for pieces in sorted_ for piece in pieces]
        self.ends = np.cumsum([sum(piece.batch.num_rows for piece in pieces) for pieces in sorted_]).tolist()
        self.plan, self.layout = plan, layout
        self.counts = [p.batch.num_rows for p in self.pieces]
        self.n = sum(self.counts)
        self.before = any(piece.source < 0 and piece.order[0] < 0 for piece in self.pieces)
        self.placed = False
        self.order: Array | None = None
        self.written_order: Array | None = None
        self.early: Array | None = None
        self.sources: dict[str, list[pa.RecordBatch]] = {}
        self.source_ends: dict[str, list[int]] = {}
        self._number: Array | None = None
        self._keys: list[Column] | None = None
        if not self.n:
            return
        self.names = [plan.sources[p.source].name if p.source >= 0 else "" for p in self.pieces]
        for name, piece in zip(self.names, self.pieces, strict=True):
            self.sources.setdefault(name, []).append(piece.batch)
        for name in self.sources if len(shards) > 1 else ():
            number = plan.sources.index(plan.source(name))
            rows = [sum(piece.batch.num_rows for piece in pieces if piece.source == number) for pieces in sorted_]
            self.source_ends[name] = np.cumsum(rows).tolist()
        self._arrange()

    def _arrange(self) -> None:
        layout = self.layout
        arrival, time = self._words("_a"), self._words("_t")
        found = orders.order_of(arrival, time, np.array(self.ends, np.int64))
        order = None
        if found == orders.UNSORTED:
            shard = np.repeat(np.arange(len(self.ends)), np.diff([0, *self.ends]))
            order = np.lexsort((arrival, shard)) if len(self.ends) > 1 else np.argsort(arrival, kind="stable")
        if layout.mode == t.EVENTS and found != orders.SORTED:
            order = self._as_seen(arrival, time, order)
        self.order = order
        numbers = [layout.sources.index(name) if name else -1 for name in self.names]
        source = filled(self.n, numbers[0]) if len(set(numbers)) == 1 else np.repeat(np.array(numbers, np.int64), self.counts)
        self.arrival, self.time, self.source = self._ordered(arrival), self._ordered(time), self._ordered(source)
        self.hashes = self._ordered(self._words("_h"))
        flags = [_early(p.batch) for p in self.pieces]
        if any(f is not None for f in flags):
            known = [np.zeros(n, np.uint8) if f is None else f for f, n in zip(flags, self.counts, strict=True)]
            self.early = self._ordered(np.concatenate(known))
        middle = [p for p in self.pieces if p.source >= 0]
        self.placed = bool(middle) and "_o" in middle[0].batch.schema.names
        if self.placed:
            row = [words_of(p.batch.column("_o")) if p.source >= 0 else np.zeros(p.batch.num_rows, np.int64) for p in self.pieces]
            self.row = self._ordered(np.concatenate(row))
            self.partition = self._ordered(np.repeat(np.array([p.order[0] for p in self.pieces], np.int64), self.counts))

    def _words(self, column: str) -> Array:
        """A column of int64 that every piece has."""
        return joined([words_of(p.batch.column(column)) for p in self.pieces])

    def _ordered(self, values: Array) -> Array:
        return values if self.order is None else values[self.order]

    def _as_seen(self, arrival: Array, times: Array, order: Array | None) -> Array | None:
        """The order in which rows of events see each other: at one arrival by event time; remembers the way back to the order of places."""
        a, at = (arrival, times) if order is None else (arrival[order], times[order])
        if orders.order_of(a, at, np.array([self.n], np.int64)) == orders.SORTED:
            return order
        seen = np.lexsort((at, a))
        self.written_order = seen
        return seen if order is None else order[seen]

    @property
    def number(self) -> Array:
        """Each row's number among those of its source."""
        if self._number is None:
            number = np.empty(self.n, np.int64)
            begun: dict[str, int] = {}
            start = 0
            for name, rows in zip(self.names, self.counts, strict=True):
                at = begun.get(name, 0)
                number[start : start + rows] = np.arange(at, at + rows)
                begun[name] = at + rows
                start += rows
            self._number = self._ordered(number)
        return self._number

    @property
    def keys(self) -> list[Column]:
        """The key columns."""
        if self._keys is None:
            keys = [_joined([p.batch.column(f"k{i}") for p in self.pieces]) for i in range(len(self.plan.keys[self.layout.key].names))]
            self._keys = keys if self.order is None else [k.take(array(self.order)) for k in keys]
        return self._keys

    def has(self, source: str, column: str) -> bool:
        """Whether every piece of a source has the column."""
        return source in self.sources and all(column in batch.schema.names for batch in self.sources[source])

    def column(self, source: str, column: str) -> Column:
        """A column of a source's rows, in their own order."""
        return _joined([batch.column(column) for batch in self.sources[source]])

    def rows_of(self, source: str) -> Array | slice:
        """Where a source's rows stand among all."""
        if len(self.sources) == 1 and self.order is None:
            return slice(0, self.n)
        mine = np.flatnonzero(self.source == self.layout.sources.index(source))
        rows = np.empty(len(mine), np.int64)
        rows[self.number[mine]] = mine
        return rows

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
        if self.is_all(rows):
            return list(self.keys)
        return [k.take(array(rows)) for k in self.keys]

    def take_times(self, rows: Array) -> Array:
        """The event times of some rows."""
        return self.time if self.is_all(rows) else self.time[rows]

    def is_all(self, rows: Array) -> bool:
        """Whether these are all rows, in their order."""
        return len(rows) == self.n and bool((rows[1:] > rows[:-1]).all())

    def take_spine(self, column: str, rows: Array) -> Column:
        """A column of the probes."""
        return self.column("", column).take(array(self.number[rows]))

    def take_request(self, name: str, kind: pa.DataType, rows: Array) -> Column:
        """The events' own column of a request column's name; null where the source has none."""
        return self._from_sources(dict.fromkeys(self.sources, f"r:{name}"), kind, rows, None)

    def own(self, cell: Cell, rows: Array, other: Column | None) -> Column:
        """A column outside an aggregate: the event's own value, `other` in rows of other sources."""
        name = self.plan.tracks[cell.track].source
        return self._from_sources({name: cell.input or ""}, cell.type, rows, other)

    def _from_sources(self, columns: dict[str, str], kind: pa.DataType, rows: Array, other: Column | None) -> Column:
        source, number = self.source[rows], self.number[rows]
        result = other if other is not None else nulls(len(rows), kind)
        for name, column in columns.items():
            if not self.has(name, column):
                continue
            values = self.column(name, column)
            mine = source == self.layout.sources.index(name)
            if mine.all():
                taken = values if len(values) == len(rows) and bool((number[1:] >= number[:-1]).all()) else values.take(array(number))
                return taken.cast(kind)
            taken = values.take(array(np.where(mine, number, 0), mask=~mine)).cast(kind)
            result = pc.if_else(array(mine), taken, result)
        return result


def _in_turn(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces of one shard: probes of what stood before, events, probes."""
    first = [p for p in pieces if p.source < 0 and p.order[0] < 0]
    middle = [p for p in pieces if p.source >= 0]
    last = [p for p in pieces if p.source < 0 and p.order[0] >= 0]
    return [*first, *middle, *last]


def _joined(parts: list[Column]) -> Column:
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def _early(batch: pa.RecordBatch) -> Array | None:
    """A byte a row that is more than its lateness behind the clock; None where no row is said to be."""
    if "_e" not in batch.schema.names:
        return None
    flags: Array = batch.column("_e").to_numpy(zero_copy_only=False).astype(np.uint8)
    return flags

"""The rows of a spine as probes, and their answers put back in the spine's order.

A spine is a table of (entities, instant); each row asks every group what stood for its entity then. Promises that the result has the
spine's rows in their order, all its columns, then the features. A row without a part of its key is answered as an unknown entity is:
counts 0, the rest null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.archive.texts import parse_times
from headrace.arrow import array, combined, nulls
from headrace.errors import DataError, UnknownColumn
from operators.finish import Finisher
from operators.kernels.tables import PROBES
from operators.keys import words_of
from operators.shard import split_spine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.arrow import Column
    from headrace.plan.model import GroupPlan, Plan
    from operators.kernels.tables import Array
    from operators.layout import Layout
    from operators.messages import Piece
    from replay.slices import SlicePlan

TIMESTAMP = pa.timestamp("us", tz="UTC")
UNKNOWN_ZERO = frozenset({"count"})


class Spine:
    """A table whose rows are asked for; `time` names the column of the instants."""

    def __init__(self, table: pa.Table, time: str, plan: Plan, before: bool) -> None:
        """Raises UnknownColumn for a missing column, DataError for an instant that is null or no time."""
        self.table, self.plan, self.before = table, plan, before
        needed = [time, *(n for k in plan.keys for n in k.names), *(n for g in plan.groups for n, _ in g.requests)]
        for name in needed:
            if name not in table.column_names:
                raise UnknownColumn(name, table.column_names, "the spine")
        instants = _instants(table.column(time), time)
        self.columns: dict[str, Column] = {}
        kinds = {n: kind for k in plan.keys for n, kind in zip(k.names, k.types, strict=True)}
        kinds |= {n: kind for g in plan.groups for n, kind in g.requests}
        for name, kind in kinds.items():
            self.columns[name] = _fitted(table.column(name), name, kind)
        self.instants = words_of(instants)
        self.order = np.argsort(self.instants, kind="stable")
        self.sorted = self.instants[self.order]

    def pieces(self, layouts: Sequence[Layout], plan: SlicePlan, last: bool) -> list[tuple[int, Piece]]:
        """The probes of a slice of log time, split by shard; the last slice has all that lie behind it too."""
        first = int(np.searchsorted(self.sorted, plan.after_us, side="right")) if plan.number else 0
        stop = len(self.sorted) if last else int(np.searchsorted(self.sorted, plan.upto_us, side="right"))
        rows = self.order[first:stop]
        if not len(rows):
            return []
        taken = {name: column.take(array(rows)) for name, column in self.columns.items()}
        found = []
        for layout in layouts:
            found += split_spine(self.plan, layout, taken, self.instants[rows], rows, plan.number, self.before)
        return found

    def answers(self, group: GroupPlan, batches: Sequence[pa.RecordBatch]) -> dict[str, Column]:
        """The features of a group in the spine's order, from what the shards wrote."""
        names = [f.name for f in group.features]
        parts = [b.select(["_row", *names]) for b in batches]
        answered = np.concatenate([words_of(b.column("_row")) for b in parts]) if parts else np.zeros(0, np.int64)
        missing = np.setdiff1d(np.arange(len(self.instants)), answered)
        if len(missing):
            parts.append(self._unknown(group, missing))
            answered = np.concatenate([answered, missing])
        if not len(answered):
            return {f.name: nulls(0, f.type) for f in group.features}
        place = np.empty(len(answered), np.int64)
        place[answered] = np.arange(len(answered))
        at = array(place)
        joined = pa.Table.from_batches([b.select(names) for b in parts]).combine_chunks()
        return {name: combined(joined.column(name)).take(at) for name in names}

    def _unknown(self, group: GroupPlan, rows: Array) -> pa.RecordBatch:
        at = array(rows)
        now = array(self.instants[rows]).cast(TIMESTAMP)
        zeros = array(np.zeros(len(rows), np.int64))
        cells = [zeros.cast(c.type) if c.kind in UNKNOWN_ZERO else nulls(len(rows), c.type) for c in group.cells]
        requests = [self.columns[name].take(at) for name, _ in group.requests]
        names = ["time", "_row", "_now", *(c.id for c in group.cells), *(f"r:{n}" for n, _ in group.requests)]
        batch = pa.RecordBatch.from_arrays([now, at, now, *cells, *requests], names)
        finished, _ = Finisher(group, PROBES)(batch)
        return finished.select(["_row", *(f.name for f in group.features)])


def _instants(column: Column, name: str) -> Column:
    found = combined(column)
    if pa.types.is_string(found.type) or pa.types.is_large_string(found.type):
        texts = found.cast(pa.string())
        found, bad = parse_times(texts)
        if bad:
            held = f"column '{name}' of the spine holds {texts[bad[0]].as_py()!r} in row {bad[0]}"
            raise DataError(f"{held}, expected ISO 8601 such as 2024-01-31T12:00:00Z", column=name, row=bad[0])
    elif pa.types.is_timestamp(found.type):
        found = _utc(found)
    elif pa.types.is_date(found.type):
        found = found.cast(pa.timestamp("us")).cast(TIMESTAMP)
    else:
        raise DataError(f"column '{name}' of the spine is {found.type}, expected a timestamp, a date or ISO text", column=name)
    if found.null_count:
        row = found.is_null().index(True).as_py()
        raise DataError(f"column '{name}' of the spine is null in row {row}; every row needs the instant it asks for", column=name, row=row)
    return found


def _utc(instants: Column) -> Column:
    """Any timestamp as microseconds, UTC; one without a zone is taken as UTC; finer parts are cut off."""
    unit = instants.cast(pa.timestamp("us", tz=instants.type.tz), safe=False)
    return unit.view(pa.int64()).view(TIMESTAMP)


def _fitted(column: Column, name: str, kind: pa.DataType) -> Column:
    try:
        return combined(column).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        text = f"column '{name}' of the spine is {column.type}, expected {kind}: {error}"
        raise DataError(text, column=name) from error


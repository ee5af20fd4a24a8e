"""A log made of what a notebook or a test holds: Arrow, pandas, polars, lists of dicts, or a path.

It promises the same log as `load` would write of the same rows, but raises where `load` sends a row to the dead letters. Optional columns
`_partition`, `_offset` and `_arrival` are honoured: with `_offset` the order in a partition is the offset's and the arrival is made a
running maximum; without, rows are sorted by arrival (else by event time), ties as they stand. Files are read by `headrace.archive.read`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.convert import Misfit, convert_column, convert_table, misfit_reason
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, ROWS_PER_GROUP, TIMESTAMP, Layout
from headrace.archive.log import MemoryLog
from headrace.arrow import array, combined, pc
from headrace.errors import DataError, UnknownColumn

if TYPE_CHECKING:
    from headrace.source import Source

Places = np.ndarray[Any, np.dtype[np.int64]]


def events_log(source: Source | Layout, data: Any, rows_per_group: int = ROWS_PER_GROUP) -> MemoryLog:
    """The log of `data`: a pyarrow Table, RecordBatch or RecordBatchReader, a pandas or polars frame, a list of dicts, or the path of a
    Parquet, CSV or JSON lines file.

    Raises `DataError` for a value that does not fit, `UnknownColumn` for a column of the source that is missing (a field that a dict
    lacks is null), `TypeMismatch` for a column that can never fit. Columns that the source does not have are ignored.
    """
    layout = source if isinstance(source, Layout) else Layout.of(source)
    table = _table(data, layout)
    for name in layout.schema.names:
        if name not in table.column_names:
            raise UnknownColumn(name, table.column_names, f"the events of '{layout.name}'")
    rows, misfits = convert_table(table, layout.schema, layout.units)
    if misfits:
        raise _refusal(layout, misfits[0])
    partitions = _integers(table, PARTITION, layout)
    offsets = _integers(table, OFFSET, layout)
    arrivals = _arrivals(table, rows, layout)
    tables = {}
    for partition in np.unique(partitions).tolist() if partitions is not None else [0]:
        at = np.flatnonzero(partitions == partition) if partitions is not None else np.arange(rows.num_rows)
        tables[int(partition)] = _placed(layout, rows, int(partition), at, None if offsets is None else offsets[at], arrivals[at])
    return MemoryLog(layout, tables, rows_per_group)


def _placed(layout: Layout, rows: pa.Table, partition: int, at: Places, offsets: Places | None, arrivals: Places) -> pa.Table:
    """The rows `at` of one partition, in the order of their place."""
    order = np.argsort(arrivals if offsets is None else offsets, kind="stable")
    arrivals = np.maximum.accumulate(arrivals[order]) if len(order) else arrivals
    places = np.arange(len(order), dtype=np.int64) if offsets is None else offsets[order]
    if offsets is not None and len(order) > 1:
        twice = np.flatnonzero(np.diff(places) == 0)
        if len(twice):
            text = f"two events of '{layout.name}' have the offset {places[twice[0]]} in partition {partition}; an offset is one event's"
            raise DataError(text, source=layout.name, partition=partition, offset=int(places[twice[0]]))
    table = rows.take(array(at[order]))
    columns = [combined(column) for column in table.columns]
    columns += [array(np.full(len(order), partition, np.int32)), array(places), array(arrivals).cast(TIMESTAMP)]
    return pa.Table.from_arrays(columns, schema=layout.log_schema)


def _arrivals(table: pa.Table, rows: pa.Table, layout: Layout) -> Places:
    """Arrival of each row in microseconds: the column, else the event time; a row with neither arrives with the row before it."""
    if ARRIVAL in table.column_names:
        values = combined(table.column(ARRIVAL))
        column, bad = convert_column(ARRIVAL, values, TIMESTAMP, "us")
        if bad:
            raise _refusal(layout, Misfit(bad[0], ARRIVAL, misfit_reason(ARRIVAL, values[bad[0]].as_py(), TIMESTAMP)))
    else:
        column = combined(rows.column(layout.time))
    if column.null_count:
        column = pc.fill_null_backward(pc.fill_null_forward(column)).fill_null(pa.scalar(0, pa.int64()).cast(TIMESTAMP))
    arrivals: Places = column.cast(pa.int64()).to_numpy().copy()
    return arrivals


def _integers(table: pa.Table, name: str, layout: Layout) -> Places | None:
    if name not in table.column_names:
        return None
    values = combined(table.column(name))
    column, bad = convert_column(name, values, pa.int64(), None)
    missing = np.flatnonzero(pc.is_null(column).to_numpy(zero_copy_only=False))
    row = bad[0] if bad else int(missing[0]) if len(missing) else None
    if row is not None:
        raise _refusal(layout, Misfit(row, name, misfit_reason(name, values[row].as_py(), pa.int64())))
    numbers: Places = column.to_numpy()
    return numbers


def _refusal(layout: Layout, misfit: Misfit) -> DataError:
    text = f"events of '{layout.name}', row {misfit.row}, {misfit.reason}"
    return DataError(text, source=layout.name, row=misfit.row, column=misfit.column)


def _table(data: Any, layout: Layout) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.table(data)
    if isinstance(data, str | os.PathLike):
        from headrace.archive.read import read_whole

        return read_whole(data, layout)
    if isinstance(data, list | tuple):
        return _from_dicts(data, layout)
    if type(data).__module__.split(".")[0] == "pandas":
        try:
            return pa.Table.from_pandas(data, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(f"the pandas frame of '{layout.name}' does not go into Arrow: {error}", source=layout.name) from error
    if hasattr(data, "collect") and type(data).__name__ == "LazyFrame":
        data = data.collect()
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    text = (
        f"the events of '{layout.name}' are {type(data).__name__}; give a pyarrow Table, a pandas or polars frame, a list of dicts, "
        "or the path of a Parquet, CSV or JSON lines file"
    )
    raise DataError(text, source=layout.name)


def _from_dicts(records: list[Any] | tuple[Any, ...], layout: Layout) -> pa.Table:
    from headrace.archive.records import column_of

    for row, record in enumerate(records):
        if not isinstance(record, dict):
            text = f"events of '{layout.name}', row {row}: found {type(record).__name__}, a list of events holds dicts"
            raise DataError(text, source=layout.name, row=row)
    columns = {}
    names = [*layout.schema.names, *(name for name in (PARTITION, OFFSET, ARRIVAL) if any(name in record for record in records))]
    if records and not any(layout.time in record for record in records):
        raise UnknownColumn(layout.time, list(records[0]), f"the events of '{layout.name}'")
    for name in names:
        type_ = layout.schema.field(name).type if name in layout.schema.names else TIMESTAMP if name == ARRIVAL else pa.int64()
        unit = layout.units.get(name, "us" if name == ARRIVAL else None)
        column, bad = column_of([record.get(name) for record in records], type_, unit)
        if bad:
            raise _refusal(layout, Misfit(bad[0], name, misfit_reason(name, records[bad[0]].get(name), type_)))
        columns[name] = column
    return pa.table(columns)

"""Layouts and rows that the tests of storage share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.archive import Layout, Log

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMESTAMP = pa.timestamp("us", tz="UTC")
CLICKS = Layout(
    "clicks",
    pa.schema([("uid", pa.int64()), ("item", pa.string()), ("price", pa.float64()), ("ts", TIMESTAMP)]),
    "ts",
    {},
    ("uid",),
)


def clicks(times_us: Sequence[int | None], **columns: Any) -> pa.Table:
    """Clicks at these times, numbered by `uid`."""
    rows = len(times_us)
    found = {
        "uid": pa.array(range(rows), pa.int64()),
        "item": pa.array([f"i{row}" for row in range(rows)]),
        "price": pa.array([row / 2 for row in range(rows)], pa.float64()),
        "ts": pa.array(times_us, pa.int64()).cast(TIMESTAMP),
    }
    return pa.table(found | {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()})


def rows_of(log: Log, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a log, by partition and place."""
    batches = [log.read(group, columns) for group in log.row_groups()]
    names = log.schema.names if columns is None else columns
    return pa.Table.from_batches(batches, pa.schema([log.schema.field(name) for name in names]))


def micros(table: pa.Table, column: str) -> list[int]:
    """A timestamp column as integers."""
    found: list[int] = table.column(column).cast(pa.int64()).to_pylist()
    return found

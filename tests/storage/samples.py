"""Layouts and rows that the tests of storage share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.archive import Layout, Log
from headrace.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMESTAMP = pa.timestamp("us", tz="UTC")


def schema(**types: str) -> pa.Schema:
    """A schema by the names of its types."""
    return pa.schema([pa.field(name, parse_type(declared)) for name, declared in types.items()])


CLICKS = Layout(
    "clicks",
    schema(uid="int64", item="string", price="float64", ts="timestamp"),
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
    found: list[Any] = table.column(column).cast(pa.int64()).to_pylist()
    return found

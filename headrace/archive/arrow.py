"""The parts of pyarrow whose type stubs are narrower than pyarrow: one place for them, so that no caller needs an exemption."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

Column: TypeAlias = Any
"""A pyarrow Array of any type."""

pc: Any = pyarrow.compute
pq: Any = pyarrow.parquet
csv: Any = pyarrow.csv
json: Any = pyarrow.json
_pa: Any = pa


def nulls(rows: int, type_: pa.DataType) -> Column:
    """So many nulls of a type."""
    return _pa.nulls(rows, type_)


def array(values: Any, type_: pa.DataType | None = None, mask: Any = None) -> Column:
    """An array of Python or NumPy values; `mask` is True where it is null."""
    return _pa.array(values, type_, mask=mask)


def combined(values: Any) -> Column:
    """One array of an array or a chunked one."""
    if isinstance(values, pa.Array):
        return values
    return values.chunk(0) if values.num_chunks == 1 else _pa.concat_arrays(values.chunks) if values.num_chunks else nulls(0, values.type)


def joined(parts: list[Column], type_: pa.DataType) -> Column:
    """One array of several."""
    return combined(_pa.chunked_array(parts, type_))


def list_array(offsets: Any, items: Column, type_: pa.DataType, mask: Column) -> Column:
    """A list array by the places where its lists begin and end."""
    return _pa.ListArray.from_arrays(offsets, items, type=type_, mask=mask)


def decompressed(stream: pa.NativeFile, compression: str) -> pa.NativeFile:
    """What a compressed stream holds; `compression` is gzip, bz2, zstd or lz4."""
    found: pa.NativeFile = _pa.CompressedInputStream(stream, compression)
    return found

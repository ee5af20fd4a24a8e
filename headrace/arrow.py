"""The parts of pyarrow whose type stubs are narrower than pyarrow: one place for them, so that no caller needs an exemption.

What they refuse is Python values as operands, NumPy arrays as buffers, and types that are known only when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute

if TYPE_CHECKING:
    from collections.abc import Sequence

Column: TypeAlias = Any
"""A pyarrow Array of any type."""

pc: Any = pyarrow.compute
_pa: Any = pa


def nulls(rows: int, type_: pa.DataType) -> Column:
    """So many nulls of a type."""
    return _pa.nulls(rows, type_)


def array(values: Any, type_: pa.DataType | None = None, mask: Any = None) -> Column:
    """An array of Python or NumPy values; `mask` is True where it is null."""
    return _pa.array(values, type_, mask=mask)


def repeated(scalar: Any, rows: int) -> Column:
    """An array of one value."""
    return _pa.repeat(scalar, rows) if scalar.is_valid else nulls(rows, scalar.type)


def combined(values: Any) -> Column:
    """One array of an array or a chunked one."""
    if isinstance(values, pa.Array):
        return values
    return values.chunk(0) if values.num_chunks == 1 else _pa.concat_arrays(values.chunks) if values.num_chunks else nulls(0, values.type)


def joined(parts: list[Column], type_: pa.DataType) -> Column:
    """One array of several."""
    return combined(_pa.chunked_array(parts, type_))


def one_batch(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of some batches of one schema, behind one another."""
    if len(batches) == 1:
        return batches[0]
    if hasattr(_pa, "concat_batches"):
        found: pa.RecordBatch = _pa.concat_batches(batches)
        return found
    columns = [_pa.concat_arrays([batch.column(i) for batch in batches]) for i in range(batches[0].num_columns)]
    return pa.RecordBatch.from_arrays(columns, schema=batches[0].schema)


def by_name(batch: pa.RecordBatch) -> dict[str, Column]:
    """The columns by their names, found once: to ask a batch for each takes microseconds."""
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def list_array(offsets: Any, items: Column, type_: pa.DataType, mask: Any) -> Column:
    """A list array by the places where its lists begin and end, null where `mask` is True."""
    return _pa.ListArray.from_arrays(offsets, items, type=type_, mask=mask)


def from_buffers(type_: pa.DataType, rows: int, parts: list[Any]) -> Column:
    """An array of its buffers, given as buffers, contiguous NumPy arrays or None; they are not copied."""
    return _pa.Array.from_buffers(type_, rows, [_pa.py_buffer(p) if isinstance(p, np.ndarray) else p for p in parts])


def bounds(type_: Any) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    info: Any = np.iinfo(type_.to_pandas_dtype())
    return int(info.min), int(info.max)

"""Arrow values as NumPy arrays and back, where a kernel has no counterpart in `pyarrow.compute`.

It promises zero copy on the way in for fixed-width types. Values in null places are whatever the buffer holds: callers go by `valid`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

    from .nodes import Datum, Mask

_ZERO = {pa.float64(): 0.0, pa.float32(): 0.0, pa.bool_(): False}


def numbers(datum: Datum) -> npt.NDArray[Any]:
    """The values of a number array (or a scalar, as an array without dimensions)."""
    if isinstance(datum, pa.Scalar):
        value = datum.as_py() if datum.is_valid else _ZERO.get(datum.type, 0)
        return np.asarray(value, dtype=datum.type.to_pandas_dtype())
    dtype = np.dtype(datum.type.to_pandas_dtype())
    buffer = datum.buffers()[1]
    if buffer is None or len(datum) == 0:
        return np.zeros(len(datum), dtype=dtype)
    return np.frombuffer(buffer, dtype=dtype, count=len(datum), offset=datum.offset * dtype.itemsize)


def valid(*data: Datum) -> Mask | None:
    """Where all `data` are not null; None when that is everywhere."""
    mask: Any = None
    for datum in data:
        if isinstance(datum, pa.Scalar):
            here: Any = None if datum.is_valid else np.zeros((), dtype=np.bool_)
        else:
            here = truth(datum.is_valid()) if datum.null_count else None
        if here is not None:
            mask = here if mask is None else mask & here
    found: Mask | None = mask
    return found


def truth(datum: Datum) -> Mask:
    """A bool array as NumPy; null is False."""
    if datum.null_count:
        datum = datum.fill_null(False)
    mask: Mask = datum.to_numpy(zero_copy_only=False)
    return mask


def rebuild(values: npt.NDArray[Any], mask: Mask | None, type_: pa.DataType) -> pa.Array[Any]:
    """An Arrow array of `values`, null where `mask` (of the rows to keep) is False."""
    lost = None if mask is None else np.broadcast_to(~mask, values.shape)
    return pa.array(values, type=type_, mask=lost, from_pandas=False)


def integers(datum: Datum) -> Datum:
    """A time, duration or date as its int64 (microseconds, or days), without a copy where it is 64 bits wide."""
    if isinstance(datum, pa.Scalar):
        value = datum.value if datum.is_valid else None  # type: ignore[attr-defined]
        return pa.scalar(value, pa.int64())
    if pa.types.is_date32(datum.type):
        return datum.view(pa.int32()).cast(pa.int64())
    return datum.view(pa.int64())

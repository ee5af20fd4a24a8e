"""The calls of pyarrow whose stubs refuse what it accepts: Python values as operands, types known only when it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute
_pa: Any = pa


def nulls(rows: int, type_: pa.DataType) -> Any:
    """An array of nothing but nulls."""
    return _pa.nulls(rows, type_)


def repeated(scalar: Any, rows: int) -> Any:
    """An array of one value."""
    return _pa.repeat(scalar, rows) if scalar.is_valid else nulls(rows, scalar.type)


def list_array(offsets: Any, items: Any, type_: pa.DataType, mask: Any) -> Any:
    """A list array of its parts, null where `mask` is true."""
    return _pa.ListArray.from_arrays(offsets, items, type=type_, mask=mask)


def bounds(type_: Any) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    info: Any = np.iinfo(type_.to_pandas_dtype())
    return int(info.min), int(info.max)

"""The last resort: halve a batch until the rows that raise stand alone.

For what raises without naming the row: a user's function, a kernel of Arrow that refuses a value. It costs about two calls for every row
that fails times the depth of the halving, so kernels that can tell beforehand do so instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import nulls

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import Result

_REFUSED = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError, ValueError)


def isolate(
    kernel: Callable[..., Any],
    type_: pa.DataType,
    *data: pa.Array[Any],
    refused: tuple[type[BaseException], ...] = _REFUSED,
) -> Result:
    """`kernel(*data)`, null and failed for the rows for which it raises one of `refused`.

    `kernel` takes arrays of one length and returns an array of that length and of `type_`; it must give a row the same value
    whatever rows stand beside it.
    """
    try:
        return kernel(*data), None
    except refused:
        rows = len(data[0])
    if rows == 1:
        return nulls(1, type_), np.ones(1, dtype=np.bool_)
    half = rows // 2
    parts, masks = [], []
    for start, length in ((0, half), (half, rows - half)):
        part, failed = isolate(kernel, type_, *(each.slice(start, length) for each in data), refused=refused)
        parts.append(part)
        masks.append(np.zeros(length, dtype=np.bool_) if failed is None else failed)
    return pa.concat_arrays(parts), np.concatenate(masks)

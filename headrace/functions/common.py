"""The one type in which values of several types meet: branches of a condition, arguments of coalesce, two sides of a comparison.

It promises a commutative and associative answer, None where there is none. Equal types stay; null gives way; integers of two widths meet in
int64, anything with a float in float64; a date and a timestamp in the timestamp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable


def common_type(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """The type in which all `types` meet, null when there are none.

    >>> import pyarrow as pa
    >>> common_type([pa.int32(), pa.null(), pa.int64()])
    DataType(int64)
    >>> common_type([pa.int64(), pa.float32()])
    DataType(double)
    >>> common_type([pa.int64(), pa.string()]) is None
    True
    """
    result: pa.DataType = pa.null()
    for type_ in types:
        met = _pair(result, type_)
        if met is None:
            return None
        result = met
    return result


def _pair(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    integers = [pa.types.is_integer(type_) for type_ in (left, right)]
    if all(integers):
        return pa.int64()
    if all(whole or pa.types.is_floating(type_) for whole, type_ in zip(integers, (left, right), strict=True)):
        return pa.float64()
    if pa.types.is_date(left) and pa.types.is_timestamp(right):
        return right
    if pa.types.is_timestamp(left) and pa.types.is_date(right):
        return left
    return None

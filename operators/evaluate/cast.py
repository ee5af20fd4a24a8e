"""One type as another; a value that has no counterpart there fails for its row.

- A float becomes an integer by truncation towards zero; NaN, infinities and what is out of range fail. Integers of more than 53 bits are
  rounded when they become floats. A finite float64 beyond float32 fails.
- bool is 0 or 1; a number is true unless it is zero.
- A timestamp as an integer is its microseconds since 1970, a duration its microseconds, a date its days; and back. A timestamp as a date is
  its day, UTC; a date as a timestamp its midnight, which fails beyond the year 294247.
- Text is read by `operators.evaluate.text_cast`. A number as text is in its shortest form, a timestamp in ISO 8601 with six decimals and Z.
- Lists and structs are cast by their values; a value that fails takes its whole row with it.

It promises no copy where the type is the same already. Which casts there are is said by `castable`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import bounds, nulls, pc
from headrace.errors import TypeMismatch

from .buffers import integers, numbers, rebuild, valid
from .isolate import isolate
from .nested_cast import nested_kernel
from .nodes import Node, apply, constant, fallible
from .text_cast import text_reader

if TYPE_CHECKING:
    from .nodes import Datum, Result

INT, FLOAT, TIME = pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC")
_DAY_US = 86_400_000_000
_MOST_DAYS = 2**63 // _DAY_US


def cast(node: Node, to: pa.DataType) -> Node:
    """`node` as type `to`; raises TypeMismatch where there is no such cast."""
    source = node.type
    if source == to:
        return node
    if pa.types.is_null(source):
        return constant(None, to) if node.constant is not None else apply(to, lambda data: nulls(len(data), to), node)
    if pa.types.is_string(source) and (reader := text_reader(to)) is not None:
        return fallible(to, reader, node)
    if _number(source) and _number(to):
        return _numeric(node, to)
    if pa.types.is_integer(to) and _time(source):
        return cast(apply(INT, integers, node), to)
    if pa.types.is_integer(source) and _time(to):
        if pa.types.is_date(to):
            return apply(to, lambda data: data.cast(to), cast(node, pa.int32()))
        return apply(to, lambda data: data.view(to), cast(node, INT))
    if pa.types.is_timestamp(source) and pa.types.is_date(to):
        return apply(to, _day, node)
    if pa.types.is_date(source) and pa.types.is_timestamp(to):
        return fallible(to, _midnight, node)
    if pa.types.is_string(to) and _plain(source):
        if pa.types.is_binary(source):
            return fallible(to, lambda data: isolate(lambda part: pc.cast(part, to), to, data), node)
        return apply(to, lambda data: pc.cast(data, to), node)
    if pa.types.is_binary(to) and pa.types.is_string(source):
        return apply(to, lambda data: pc.cast(data, to), node)
    if (kernel := nested_kernel(source, to, cast)) is not None:
        return fallible(to, kernel, node)
    message = f"cannot cast {source} to {to}"
    raise TypeMismatch(message)


def castable(source: pa.DataType, to: pa.DataType) -> bool:
    """Whether `cast` knows how."""
    try:
        cast(Node(source, lambda _: (None, None)), to)
    except TypeMismatch:
        return False
    return True


def _numeric(node: Node, to: pa.DataType) -> Node:
    source = node.type
    if pa.types.is_boolean(to):
        return apply(to, lambda data: pc.not_equal(data, pa.scalar(0, source)), node)
    if pa.types.is_decimal(source):
        return cast(apply(FLOAT, lambda data: pc.cast(data, FLOAT), node), to)
    if pa.types.is_boolean(source) or (pa.types.is_floating(to) and not (pa.types.is_float32(to) and pa.types.is_float64(source))):
        return apply(to, lambda data: pc.cast(data, to, safe=False), node)
    if pa.types.is_integer(source) and pa.types.is_integer(to):
        return fallible(to, lambda data: _narrow(data, to), node)
    if pa.types.is_floating(source) and pa.types.is_integer(to):
        return fallible(to, lambda data: _truncate(data, to), node)
    return fallible(to, lambda data: _to_float32(data, to), node)


def _narrow(data: Datum, to: pa.DataType) -> Result:
    try:
        return pc.cast(data, to), None
    except pa.ArrowInvalid:
        values = numbers(data)
        (low, high), (least, most) = bounds(to), bounds(data.type)
        low, high = max(low, least), min(high, most)
        return _keep(values, (values >= low) & (values <= high), data, to)


def _truncate(data: Datum, to: pa.DataType) -> Result:
    low, high = bounds(to)
    values = numbers(data)
    with np.errstate(invalid="ignore"):
        whole = np.trunc(values.astype(np.float64, copy=False))
        # the bounds plus one are powers of two, so they are exact in float64 where the bounds are not
        inside = (whole >= float(low)) & (whole < float(high + 1))
    return _keep(whole, inside, data, to)


def _to_float32(data: Datum, to: pa.DataType) -> Result:
    values = numbers(data)
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    return _keep(values, ~(np.isinf(small) & np.isfinite(values)), data, to)


def _keep(values: Any, inside: Any, data: Datum, to: pa.DataType) -> Result:
    keep = valid(data)
    lost = ~inside if keep is None else ~inside & keep
    good = inside if keep is None else inside & keep
    clean = values if good.all() else np.where(good, values, 0)
    result = rebuild(clean.astype(to.to_pandas_dtype()), good, to)
    return result, lost if lost.any() else None


def _day(data: Datum) -> Any:
    days = np.floor_divide(numbers(data.view(INT)), _DAY_US)
    return rebuild(days.astype(np.int32), valid(data), pa.int32()).view(pa.date32())


def _midnight(data: Datum) -> Result:
    days = numbers(data.view(pa.int32())).astype(np.int64)
    inside = np.abs(days) <= _MOST_DAYS
    values, failed = _keep(days * _DAY_US, inside, data, INT)
    return values.view(TIME), failed


def _number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_) or pa.types.is_decimal(type_))


def _time(type_: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(type_) or pa.types.is_duration(type_) or pa.types.is_date(type_))


def _plain(type_: pa.DataType) -> bool:
    return _number(type_) or _time(type_) or bool(pa.types.is_binary(type_))

"""Where values come in: columns of a batch and values of the asker.

A column of a type that expressions know is passed without a copy. Others come in as the nearest they know: large strings as strings,
dictionaries as their values, unsigned integers as int64, decimals as float64, times of another unit as microseconds UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import TypeMismatch, unknown

from .cast import cast
from .nodes import Frame, Node, array

if TYPE_CHECKING:
    from .nodes import Result


def inside(type_: pa.DataType) -> pa.DataType:
    """The type by which expressions know values of `type_`."""
    if pa.types.is_dictionary(type_):
        return inside(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_) or pa.types.is_fixed_size_binary(type_):
        return pa.binary()
    if pa.types.is_unsigned_integer(type_):
        return pa.int64()
    if pa.types.is_decimal(type_) or pa.types.is_float16(type_):
        return pa.float64()
    if pa.types.is_timestamp(type_):
        return pa.timestamp("us", tz="UTC")
    if pa.types.is_duration(type_):
        return pa.duration("us")
    return pa.date32() if pa.types.is_date64(type_) else type_


def column(name: str, schema: pa.Schema) -> Node:
    """The node of the column `name`; a batch may hold it in another place or order, and in another type that casts to the schema's."""
    index = schema.get_field_index(name)
    if index < 0:
        raise unknown("column", name, "the batch", schema.names)
    type_ = inside(schema.field(index).type)

    def run(frame: Frame) -> Result:
        data = frame.columns.column(name)
        return (data, None) if data.type == type_ else _received(data, type_, frame)

    return Node(type_, run)


def request(name: str, type_: pa.DataType) -> Node:
    """The node of the asker's value `name`."""
    type_ = inside(type_)

    def run(frame: Frame) -> Result:
        data = frame.requests[name]
        return (data, None) if data.type == type_ else _received(data, type_, frame)

    return Node(type_, run)


def _received(data: Any, type_: pa.DataType, frame: Frame) -> Result:
    """`data` as `type_`; what does not fit fails for its row."""
    known = inside(data.type)
    data = array(data, frame.rows)
    if known != data.type and not pa.types.is_unsigned_integer(data.type):
        data = data.cast(known, safe=False)
    if data.type == type_:
        return data, None
    values = data
    try:
        return cast(Node(values.type, lambda _: (values, None)), type_).run(frame)
    except TypeMismatch:
        message = f"a batch holds {values.type} where {type_} was declared"
        raise TypeMismatch(message) from None

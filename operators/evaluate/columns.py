"""Where values come in: columns of a batch and values of the asker.

A column of a type that expressions know is passed without a copy. Others come in as the nearest they know: large strings as strings,
dictionaries as their values, decimals as float64, times of another unit as microseconds UTC: `headrace.types.inside` says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import TypeMismatch, UnknownColumn, unknown
from headrace.types import inside

from .cast import cast
from .nodes import Frame, Node, array

if TYPE_CHECKING:
    from .nodes import Result


def known_as(type_: pa.DataType) -> pa.DataType:
    """The type by which expressions know values of `type_`."""
    known = type_ if pa.types.is_null(type_) else inside(type_)
    if known is None:
        message = f"values of type {type_} cannot be read"
        raise TypeMismatch(message)
    return known


def column(name: str, schema: pa.Schema) -> Node:
    """The node of the column `name`; a batch may hold it in another place or order, and in another type that casts to the schema's."""
    index = schema.get_field_index(name)
    if index < 0:
        raise UnknownColumn(name, schema.names)
    type_ = known_as(schema.field(index).type)

    def run(frame: Frame) -> Result:
        data = frame.columns[name]
        return (data, None) if data.type == type_ else _received(data, type_, frame)

    return Node(type_, run)


def request(name: str, type_: pa.DataType) -> Node:
    """The node of the asker's value `name`."""
    type_ = known_as(type_)

    def run(frame: Frame) -> Result:
        if name not in frame.requests:
            raise unknown("request column", name, "what was asked", list(frame.requests))
        data = frame.requests[name]
        return (data, None) if data.type == type_ else _received(data, type_, frame)

    return Node(type_, run)


def _received(data: Any, type_: pa.DataType, frame: Frame) -> Result:
    """`data` as `type_`; what does not fit fails for its row."""
    data = array(data, frame.rows)
    known = inside(data.type)
    if known is not None and known != data.type:
        data = data.cast(known, safe=False)
    return cast(Node(data.type, lambda _: (data, None)), type_).run(frame)

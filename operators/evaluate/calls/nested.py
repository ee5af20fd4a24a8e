"""Lists and structs: reaching into them, and carrying them as bytes.

`pack` and `unpack` go value by value through Python; they are for nested inputs of aggregates, which the kernels keep as bytes. Bytes that
`pack` did not make raise in `unpack`: they are a damaged state, not a row's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from headrace.arrow import list_array, pc
from headrace.errors import TypeMismatch, UnknownColumn
from operators.evaluate.buffers import numbers, truth
from operators.evaluate.cast import cast
from operators.evaluate.nested_cast import list_offsets
from operators.evaluate.nodes import Node, apply, array, constant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from operators.evaluate.nodes import Datum

INT = pa.int64()


def field_of(node: Node, name: str) -> Node:
    """The node of the field `name` of a struct; null where the struct is null."""
    if not pa.types.is_struct(node.type):
        message = f"cannot take the field '{name}' of {node.type}"
        raise TypeMismatch(message)
    index = node.type.get_field_index(name)
    if index < 0:
        raise UnknownColumn(name, [field.name for field in node.type], "the struct")
    return apply(node.type.field(index).type, lambda data: pc.struct_field(data, [index]), node)


def struct_of(names: Sequence[str], nodes: Sequence[Node]) -> Node:
    """The node of a struct of the values under their names; it is never null itself."""
    type_ = pa.struct([(name, node.type) for name, node in zip(names, nodes, strict=True)])
    return apply(type_, lambda *data: pc.make_struct(*data, field_names=list(names)).cast(type_), *nodes)


def unpack(node: Node, type_: pa.DataType) -> Node:
    """The node of the values of `type_` that stand packed in `node`: one a row, or a list of them where `node` is a list of binary."""
    if pa.types.is_binary(node.type):
        return apply(type_, lambda data: _unpacked(data, type_), node)
    if pa.types.is_list(node.type) and pa.types.is_list(type_) and pa.types.is_binary(node.type.value_type):
        return apply(type_, lambda data: _unpacked_lists(data, type_), node)
    message = f"cannot unpack {node.type} as {type_}"
    raise TypeMismatch(message)


def _unpacked(data: Datum, type_: pa.DataType) -> Any:
    bare = _bare(type_)
    values = [None if packed is None else _dressed(msgspec.msgpack.decode(packed), bare) for packed in data.to_pylist()]
    return pa.array(values, bare).cast(type_)


def _unpacked_lists(data: Datum, type_: Any) -> Any:
    items = _unpacked(data.flatten(), type_.value_type)
    return list_array(pa.array(list_offsets(data)), items, type_, data.is_null())


def _pack(arguments: list[Node], type_: pa.DataType) -> Node:
    bare = _bare(arguments[0].type)

    def kernel(data: Datum) -> Any:
        encode = msgspec.msgpack.Encoder().encode
        values = data.cast(bare).to_pylist()
        return pa.array([None if value is None else encode(_undressed(value, bare)) for value in values], type_)

    return apply(type_, kernel, arguments[0])


def _bare(type_: Any) -> Any:
    """`type_` with its times as integers, which Python carries without loss."""
    if pa.types.is_struct(type_):
        return pa.struct([pa.field(field.name, _bare(field.type)) for field in type_])
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return pa.list_(_bare(type_.value_type))
    if pa.types.is_date32(type_):
        return pa.int32()
    return INT if pa.types.is_temporal(type_) else type_


def _undressed(value: Any, type_: Any) -> Any:
    """A value with its structs as lists of their fields: shorter, and in one order."""
    if value is None:
        return None
    if pa.types.is_struct(type_):
        return [_undressed(value[field.name], field.type) for field in type_]
    if pa.types.is_list(type_):
        return [_undressed(item, type_.value_type) for item in value]
    return value


def _dressed(value: Any, type_: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(type_):
        return {field.name: _dressed(item, field.type) for field, item in zip(type_, value, strict=True)}
    if pa.types.is_list(type_):
        return [_dressed(item, type_.value_type) for item in value]
    return value


def _item(arguments: list[Node], type_: pa.DataType) -> Node:
    if pa.types.is_null(type_):
        return constant(None, type_)

    def kernel(data: Datum, places: Datum) -> Any:
        offsets = numbers(data.offsets).astype(np.int64)
        starts, lengths = offsets[:-1], np.diff(offsets)
        place = numbers(places)
        place = np.where(place < 0, place + lengths, place)
        lost = (place < 0) | (place >= lengths)
        for each in (data, places):
            lost |= ~truth(each.is_valid()) if not isinstance(each, pa.Scalar) else not each.is_valid
        return data.values.take(pa.array(starts + place, mask=lost))

    def lists(data: Datum, places: Datum) -> Any:
        rows = len(places) if isinstance(data, pa.Scalar) else len(data)
        return kernel(array(data, rows), places)

    return apply(type_, lists, arguments[0], cast(arguments[1], INT))


def _list_length(arguments: list[Node], type_: pa.DataType) -> Node:
    if pa.types.is_null(arguments[0].type):
        return constant(None, type_)
    return apply(type_, lambda data: pc.list_value_length(data).cast(INT), arguments[0])


BUILDERS: dict[str, Callable[[list[Node], pa.DataType], Node]] = {"item": _item, "list_length": _list_length, "pack": _pack}

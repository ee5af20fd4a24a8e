"""Lists and structs: reaching into them, and carrying them as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import TypeMismatch

from ..columns import inside
from ..nodes import Node, apply

if TYPE_CHECKING:
    from ..nodes import Datum


def field_of(node: Node, name: str) -> Node:
    """The node of the field `name` of a struct; null where the struct is null."""
    if not pa.types.is_struct(node.type):
        message = f"cannot take the field {name} of {node.type}"
        raise TypeMismatch(message)
    index = node.type.get_field_index(name)
    if index < 0:
        known = ", ".join(field.name for field in node.type)
        message = f"no field {name} in the struct, which has: {known}"
        raise TypeMismatch(message)
    type_ = node.type.field(index).type
    known_as = inside(type_)

    def kernel(data: Datum) -> Any:
        values = pc.struct_field(data, [index])
        return values if known_as == type_ else values.cast(known_as, safe=False)

    return apply(known_as, kernel, node)


def unpack(node: Node, type_: pa.DataType) -> Node:
    """Placeholder"""
    raise NotImplementedError


BUILDERS: dict[str, Any] = {}

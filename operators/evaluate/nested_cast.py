"""Lists and structs as others of the same shape: cast item by item and field by field; a value that fails takes its row with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import list_array, pc

from .buffers import numbers
from .nodes import Frame, Node, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import Datum, Mask, Result

    Cast = Callable[[Node, pa.DataType], Node]


def nested_kernel(source: Any, to: Any, cast: Cast) -> Callable[[Datum], Result] | None:
    """The kernel that casts arrays of `source` to `to` with `cast` for what is inside; None where the shapes differ."""
    if pa.types.is_list(source) and pa.types.is_list(to):
        inner = _inner(source.value_type, to.value_type, cast)
        return lambda data: _lists(data, to, inner)
    if pa.types.is_struct(source) and pa.types.is_struct(to) and [f.name for f in source] == [f.name for f in to]:
        inners = [_inner(source.field(i).type, to.field(i).type, cast) for i in range(to.num_fields)]
        return lambda data: _structs(data, to, inners)
    return None


def _inner(source: pa.DataType, to: pa.DataType, cast: Cast) -> Node:
    """A node over an array that stands in the frame's place of columns."""
    return cast(Node(source, lambda frame: (frame.columns, None)), to)


def list_offsets(data: Datum) -> Any:
    """The offsets into `data.flatten()`, which leaves out what stands below null lists."""
    lengths = numbers(pc.list_value_length(data).fill_null(0))
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def _lists(data: Datum, to: pa.DataType, inner: Node) -> Result:
    items = data.flatten()
    values, lost = inner.run(Frame(len(items), items))
    offsets = list_offsets(data)
    result = list_array(pa.array(offsets), values, to, data.is_null())
    if lost is None:
        return result, None
    before = np.concatenate([[0], np.cumsum(lost)])
    return result, before[offsets[1:]] > before[offsets[:-1]]


def _structs(data: Datum, to: pa.DataType, inners: list[Node]) -> Result:
    failed: Mask | None = None
    fields = []
    for part, inner in zip(data.flatten(), inners, strict=True):
        values, lost = inner.run(Frame(len(part), part))
        fields.append(values)
        failed = join(failed, lost)
    make: Any = pa.StructArray.from_arrays
    return make(fields, fields=list(to), mask=data.is_null()), failed  # type: ignore[call-overload]

"""Functions of text, by Arrow's kernels over UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.arrow import pc
from operators.evaluate.cast import cast
from operators.evaluate.nodes import Node, apply

if TYPE_CHECKING:
    from collections.abc import Callable

    from operators.evaluate.nodes import Datum

INT, TEXT = pa.int64(), pa.string()


def _plain(kernel: Callable[[Datum], Datum]) -> Callable[[list[Node], pa.DataType], Node]:
    return lambda arguments, type_: apply(type_, kernel, cast(arguments[0], TEXT))


def _search(kernel: Callable[[Datum, str], Datum]) -> Callable[[list[Node], pa.DataType], Node]:
    def build(arguments: list[Node], type_: pa.DataType) -> Node:
        part = _value(arguments[1])
        return apply(type_, lambda data: kernel(data, part), cast(arguments[0], TEXT))

    return build


def _substr(arguments: list[Node], type_: pa.DataType) -> Node:
    start = _value(arguments[1])
    length = _value(arguments[2]) if len(arguments) > 2 else None
    first = start - 1 if start > 0 else start
    stop = None if length is None else first + length
    if length is not None and first < 0 <= first + length:
        stop = None  # counted from the end, it reaches the end
    return apply(type_, lambda data: pc.utf8_slice_codeunits(data, first, stop), cast(arguments[0], TEXT))


def _concat(arguments: list[Node], type_: pa.DataType) -> Node:
    return apply(type_, lambda *data: pc.binary_join_element_wise(*data, ""), *(cast(argument, TEXT) for argument in arguments))


def _replace(arguments: list[Node], type_: pa.DataType) -> Node:
    old, new = _value(arguments[1]), _value(arguments[2])
    return apply(type_, lambda data: pc.replace_substring(data, old, new), cast(arguments[0], TEXT))


def _value(node: Node) -> Any:
    return None if node.constant is None else node.constant.as_py()


BUILDERS: dict[str, Callable[[list[Node], pa.DataType], Node]] = {
    "lower": _plain(pc.utf8_lower),
    "upper": _plain(pc.utf8_upper),
    "trim": _plain(pc.utf8_trim_whitespace),
    "length": _plain(lambda data: pc.utf8_length(data).cast(INT)),
    "substr": _substr,
    "contains": _search(pc.match_substring),
    "starts_with": _search(pc.starts_with),
    "ends_with": _search(pc.ends_with),
    "like": _search(pc.match_like),
    "concat": _concat,
    "replace": _replace,
}

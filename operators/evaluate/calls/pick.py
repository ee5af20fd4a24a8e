"""Functions that pick one of their arguments, and tests of floats.

In `greatest` and `least` nulls are passed over and NaN is above every number, as in comparisons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from headrace.arrow import pc
from operators.evaluate import compare, logic
from operators.evaluate.cast import cast
from operators.evaluate.nodes import Node, apply, constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from operators.evaluate.nodes import Datum

BOOL = pa.bool_()


def _coalesce(arguments: list[Node], _: pa.DataType) -> Node:
    return logic.coalesce(arguments)


def _greatest(arguments: list[Node], type_: pa.DataType) -> Node:
    return _extreme(arguments, type_, ">")


def _least(arguments: list[Node], type_: pa.DataType) -> Node:
    return _extreme(arguments, type_, "<")


def _extreme(arguments: list[Node], type_: pa.DataType, sign: str) -> Node:
    best = cast(arguments[0], type_)
    for argument in arguments[1:]:
        best = _better(best, cast(argument, type_), sign)
    return best


def _better(left: Node, right: Node, sign: str) -> Node:
    """The better of two where both are there, else the one that is."""
    wins = compare.compare(sign, left, right)
    if pa.types.is_null(left.type):
        return left

    def kernel(wins: Datum, left: Datum, right: Datum) -> Datum:
        picked = pc.if_else(wins, left, right)
        # no winner is known where one of the two is null, or both are
        return pc.coalesce(picked, left, right) if wins.null_count else picked

    return apply(left.type, kernel, wins, left, right)


def _clip(arguments: list[Node], type_: pa.DataType) -> Node:
    result = cast(arguments[0], type_)
    # low last, so that it wins where it is above high
    for bound, sign in reversed(list(zip(arguments[1:], "<>", strict=False))):
        edge = cast(bound, type_)
        if edge.constant is not None and not edge.constant.is_valid:
            continue
        outside = compare.compare(sign, result, edge)
        if pa.types.is_floating(type_):
            outside = logic.conjunction([outside, logic.negation(apply(BOOL, pc.is_nan, result))])
        result = logic.choose([outside], [edge], result)
    return result


def _null_if(arguments: list[Node], type_: pa.DataType) -> Node:
    equal = compare.compare("=", arguments[0], arguments[1])
    return logic.choose([equal], [constant(None, type_)], arguments[0])


def _is_nan(arguments: list[Node], _: pa.DataType) -> Node:
    return _flag(arguments[0], pc.is_nan, whole=False)


def _is_finite(arguments: list[Node], _: pa.DataType) -> Node:
    return _flag(arguments[0], pc.is_finite, whole=True)


def _flag(node: Node, kernel: Callable[[Datum], Datum], *, whole: bool) -> Node:
    if pa.types.is_floating(node.type):
        return apply(BOOL, kernel, node)
    return apply(BOOL, lambda data: pc.if_else(data.is_valid(), whole, pa.scalar(None, BOOL)), node)


BUILDERS = {
    "coalesce": _coalesce,
    "greatest": _greatest,
    "least": _least,
    "clip": _clip,
    "null_if": _null_if,
    "is_nan": _is_nan,
    "is_finite": _is_finite,
}

"""Comparisons and membership.

A comparison with null is null. NaN is above every number and equal to itself, as where values are sorted; -0.0 equals 0.0. Numbers of two
kinds meet in float64, a date meets a timestamp as its midnight, UTC. Text and binary compare by their bytes. Nothing here fails for a row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.arrow import pc
from headrace.errors import TypeMismatch
from headrace.functions.common import common_type

from .cast import cast
from .logic import disjunction
from .nodes import Node, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .nodes import Datum

BOOL = pa.bool_()
_KERNELS: dict[str, Callable[..., Datum]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_INVERSE = {">": "<=", ">=": "<"}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def compare(sign: str, left: Node, right: Node) -> Node:
    """The node of `left sign right`, bool; raises TypeMismatch where the two have no common type or no order."""
    type_ = common_type([left.type, right.type])
    if type_ is None or pa.types.is_nested(type_):
        message = f"cannot compare {left.type} with {right.type}"
        raise TypeMismatch(message)
    if pa.types.is_null(type_):
        return cast(left, BOOL)
    left, right = cast(left, type_), cast(right, type_)
    if not pa.types.is_floating(type_):
        return apply(BOOL, _KERNELS[sign], left, right)
    if left.constant is not None:
        left, right, sign = right, left, _MIRROR[sign]
    if right.constant is not None and not _nan(right.constant.as_py()):
        if sign in _INVERSE:
            # NaN is above the constant: not (x <= c) says so, x > c does not
            inverse = _KERNELS[_INVERSE[sign]]
            return apply(BOOL, lambda data, bound: pc.invert(inverse(data, bound)), left, right)
        return apply(BOOL, _KERNELS[sign], left, right)
    return apply(BOOL, _total_order(sign), left, right)


def member(node: Node, choices: Sequence[Node]) -> Node:
    """The node of `node in (choices)`: null where the value is null, and where it is not found but a choice is null."""
    if not choices:
        return apply(BOOL, lambda data: pc.if_else(data.is_valid(), False, None), node)
    if any(choice.constant is None for choice in choices):
        return disjunction([compare("=", node, choice) for choice in choices])
    type_ = common_type([node.type, *(choice.type for choice in choices)])
    if type_ is None or pa.types.is_nested(type_):
        types = ", ".join(sorted({str(choice.type) for choice in choices}))
        message = f"cannot look for {node.type} among {types}"
        raise TypeMismatch(message)
    cast_choices = [cast(choice, type_).constant for choice in choices]
    known: list[Any] = [choice for choice in cast_choices if choice is not None and choice.is_valid]
    has_null = len(known) < len(choices)
    values: Any = pa.array([scalar.as_py() for scalar in known], type_) if not _odd(type_) else _from_scalars(known, type_)
    floats = pa.types.is_floating(type_)
    if floats:
        values = pc.add(values, 0.0)  # -0.0 and 0.0 hash apart

    def kernel(data: Datum) -> Datum:
        found = pc.is_in(pc.add(data, 0.0) if floats else data, value_set=values)
        if has_null:
            return pc.if_else(found, found, pa.scalar(None, BOOL))
        return pc.if_else(data.is_valid(), found, pa.scalar(None, BOOL)) if data.null_count else found

    return apply(BOOL, kernel, cast(node, type_))


def has_nan(data: Datum) -> bool:
    """Whether a float array or scalar may hold NaN; infinities of both signs also say yes."""
    total = data.as_py() if isinstance(data, pa.Scalar) else pc.sum(data).as_py()
    return _nan(total)


def _total_order(sign: str) -> Callable[[Datum, Datum], Datum]:
    plain = _KERNELS[sign]

    def kernel(left: Datum, right: Datum) -> Datum:
        result = plain(left, right)
        if not (has_nan(left) or has_nan(right)):
            return result
        high, low = pc.is_nan(left), pc.is_nan(right)
        # with a NaN the answer is that of the two flags: true above false
        return pc.if_else(pc.or_(high, low), plain(high, low), result)

    return kernel


def _nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _odd(type_: pa.DataType) -> bool:
    """Types whose Python values do not carry every value of the type (times beyond year 9999)."""
    return bool(pa.types.is_temporal(type_))


def _from_scalars(scalars: Sequence[Any], type_: pa.DataType) -> Any:
    return pa.array([scalar.value for scalar in scalars], pa.int32() if pa.types.is_date32(type_) else pa.int64()).view(type_)

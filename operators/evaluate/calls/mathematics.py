"""Functions of numbers, by Arrow's kernels: these treat a value the same wherever it stands in a batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import pc
from operators.evaluate.arithmetic import binary, negative
from operators.evaluate.buffers import numbers, rebuild, valid
from operators.evaluate.cast import cast
from operators.evaluate.isolate import isolate
from operators.evaluate.nodes import Node, apply, constant, fallible

if TYPE_CHECKING:
    from collections.abc import Callable

    from operators.evaluate.nodes import Datum, Result

INT, FLOAT = pa.int64(), pa.float64()
_EARTH_KM = 6371.0088
_WHOLE = 2.0**53  # from here on every float is a whole number
_AWAY = "half_towards_infinity"


def _abs(arguments: list[Node], type_: pa.DataType) -> Node:
    node = cast(arguments[0], type_)
    if pa.types.is_null(type_):
        return node
    if type_ == FLOAT:
        return apply(type_, pc.abs, node)
    if type_ == INT:
        return fallible(type_, _magnitude, node)
    opposite = negative(node)
    from operators.evaluate.compare import compare
    from operators.evaluate.logic import choose

    return choose([compare("<", node, constant(0, type_))], [opposite], node)


def _magnitude(data: Datum) -> Result:
    return isolate(pc.abs_checked, INT, data)


def _sign(arguments: list[Node], type_: pa.DataType) -> Node:
    return apply(type_, lambda data: pc.sign(data).cast(type_), cast(arguments[0], type_))


def _above(bound: float, kernel: Callable[[Datum], Datum], *, closed: bool = False) -> Callable[[list[Node], pa.DataType], Node]:
    """A builder for a function that is defined above `bound` only, and at it where `closed`."""
    outside = pc.less if closed else pc.less_equal

    def defined(data: Datum) -> Datum:
        lost = outside(data, bound)
        return kernel(pc.if_else(lost, pa.scalar(None, FLOAT), data) if pc.any(lost).as_py() else data)

    return lambda arguments, type_: apply(type_, defined, cast(arguments[0], FLOAT))


def _exp(arguments: list[Node], type_: pa.DataType) -> Node:
    return apply(type_, pc.exp, cast(arguments[0], FLOAT))


def _power(arguments: list[Node], type_: pa.DataType) -> Node:
    def kernel(x: Datum, y: Datum) -> Datum:
        result = pc.power(x, y)
        total = pc.sum(result).as_py()
        if total is None or math.isfinite(total):
            return result
        given = pc.or_(pc.is_nan(x), pc.is_nan(y))
        pole = pc.and_(pc.equal(x, 0.0), pc.less(y, 0.0))
        lost = pc.or_(pc.and_(pc.is_nan(result), pc.invert(given)), pole)
        return pc.if_else(lost, pa.scalar(None, FLOAT), result)

    return apply(type_, kernel, cast(arguments[0], FLOAT), cast(arguments[1], FLOAT))


def _round(arguments: list[Node], type_: pa.DataType) -> Node:
    node = cast(arguments[0], type_)
    scalar = arguments[1].constant if len(arguments) > 1 else None
    digits: int = 0 if scalar is None else scalar.as_py()
    if type_ == FLOAT:
        return apply(type_, lambda data: _decimals(data, digits), node)
    if type_ == INT and digits < 0:
        return fallible(type_, lambda data: isolate(lambda part: pc.round(part, ndigits=digits, round_mode=_AWAY), INT, data), node)
    return node


def _decimals(data: Datum, digits: int) -> Datum:
    if digits == 0:
        return pc.round(data, round_mode=_AWAY)
    scale = 10.0 ** abs(digits)
    there, back = (pc.multiply, pc.divide) if digits > 0 else (pc.divide, pc.multiply)
    rounded = back(pc.round(there(data, scale), round_mode=_AWAY), scale)
    # a value of 2^53 or more is whole already, and what would become infinite stays as it is
    kept = pc.greater_equal(pc.abs(data), _WHOLE) if digits > 0 else pc.invert(pc.is_finite(rounded))
    return pc.if_else(kept, data, rounded) if pc.any(kept).as_py() else rounded


def _whole(kernel: Callable[[Datum], Datum]) -> Callable[[list[Node], pa.DataType], Node]:
    def build(arguments: list[Node], type_: pa.DataType) -> Node:
        node = cast(arguments[0], type_)
        return node if type_ == INT else apply(type_, kernel, node)

    return build


def _bucketize(arguments: list[Node], type_: pa.DataType) -> Node:
    bounds: Any = [argument.constant.as_py() for argument in arguments[1:] if argument.constant is not None]
    whole = all(isinstance(bound, int) for bound in bounds) and pa.types.is_integer(arguments[0].type)
    edges = np.array(bounds, dtype=np.int64 if whole else np.float64)

    def kernel(data: Datum) -> Any:
        return rebuild(np.searchsorted(edges, numbers(data), side="right"), valid(data), INT)

    return apply(type_, kernel, cast(arguments[0], INT if whole else FLOAT))


def _haversine(arguments: list[Node], type_: pa.DataType) -> Node:
    def kernel(lat1: Datum, lon1: Datum, lat2: Datum, lon2: Datum) -> Datum:
        degree = math.pi / 180
        north = pc.sin(pc.multiply(pc.subtract(lat2, lat1), degree / 2))
        east = pc.sin(pc.multiply(pc.subtract(lon2, lon1), degree / 2))
        width = pc.multiply(pc.cos(pc.multiply(lat1, degree)), pc.cos(pc.multiply(lat2, degree)))
        half = pc.add(pc.multiply(north, north), pc.multiply(width, pc.multiply(east, east)))
        # rounding may lift the square of a half chord a hair above 1
        half = pc.if_else(pc.greater(half, 1.0), 1.0, half)
        return pc.multiply(pc.asin(pc.sqrt(half)), 2 * _EARTH_KM)

    return apply(type_, kernel, *(cast(argument, FLOAT) for argument in arguments))


def _decay(arguments: list[Node], type_: pa.DataType) -> Node:
    half_life = cast(arguments[1], FLOAT)
    halvings = binary("/", binary("*", arguments[0], constant(1e6, FLOAT)), half_life)
    return apply(type_, lambda data: pc.power(0.5, data), halvings)


BUILDERS: dict[str, Callable[[list[Node], pa.DataType], Node]] = {
    "abs": _abs,
    "sign": _sign,
    "ln": _above(0.0, pc.ln),
    "log1p": _above(-1.0, pc.log1p),
    "log10": _above(0.0, pc.log10),
    "sqrt": _above(0.0, pc.sqrt, closed=True),
    "exp": _exp,
    "power": _power,
    "round": _round,
    "floor": _whole(pc.floor),
    "ceil": _whole(pc.ceil),
    "bucketize": _bucketize,
    "haversine": _haversine,
    "decay": _decay,
}

"""`+ - * / %` and the sign, for numbers, times and durations.

Integers are int64 and checked: a row that overflows fails, the others do not. Floats follow IEEE 754 and never fail. `/` is always of
float64. What divides by zero is null and no failure. `%` has the sign of the dividend, as in SQL. A date counts as its midnight, UTC.
It promises one `pyarrow.compute` call a batch where nothing fails; `headrace.typing` says the same of types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import pc
from headrace.errors import TypeMismatch

from .buffers import integers, numbers, rebuild, valid
from .cast import cast
from .nodes import Node, apply, fallible

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .nodes import Datum, Mask, Result

INT, FLOAT = pa.int64(), pa.float64()
TIME, SPAN = pa.timestamp("us", tz="UTC"), pa.duration("us")
_LEAST = np.iinfo(np.int64).min
_WORDS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "take the remainder of"}


def binary(sign: str, left: Node, right: Node) -> Node:
    """The node of `left sign right`; raises TypeMismatch where the two have no such operation."""
    left, right = _plain(left), _plain(right)
    kinds = (_kind(left.type), _kind(right.type))
    if "null" in kinds and "other" not in kinds:
        empty, other = (left, right) if kinds[0] == "null" else (right, left)
        return cast(empty, FLOAT if sign == "/" else other.type)
    if kinds == ("int", "int") and sign in _CHECKED:
        return fallible(INT, _CHECKED[sign], left, right)
    if set(kinds) <= {"int", "float"}:
        if sign == "%":
            type_ = FLOAT if "float" in kinds else INT
            return apply(type_, _remainder, cast(left, type_), cast(right, type_))
        return _floats(sign, cast(left, FLOAT), cast(right, FLOAT))
    built = _temporal(sign, kinds, left, right)
    if built is None:
        message = f"cannot {_WORDS[sign]} {left.type} and {right.type}"
        raise TypeMismatch(message)
    return built


def negative(node: Node) -> Node:
    """The node of `-node`."""
    node = _plain(node)
    kind = _kind(node.type)
    if kind == "null":
        return node
    if kind == "float":
        return apply(FLOAT, pc.negate, node)
    if kind == "int":
        return fallible(INT, lambda data: _subtract(pa.scalar(0, INT), data), node)
    if kind == "span":
        return fallible(SPAN, _as_time(_subtract, SPAN), constant_zero(), node)
    message = f"cannot negate {node.type}"
    raise TypeMismatch(message)


def constant_zero() -> Node:
    """A duration of nothing."""
    from .nodes import constant

    return constant(0, SPAN)


def _floats(sign: str, left: Node, right: Node) -> Node:
    if sign != "/":
        return apply(FLOAT, {"+": pc.add, "-": pc.subtract, "*": pc.multiply}[sign], left, right)
    if right.constant is not None and right.constant.as_py():
        return apply(FLOAT, pc.divide, left, right)
    return apply(FLOAT, _divide, left, right)


def _divide(left: Datum, right: Datum) -> Datum:
    zero = pc.equal(right, 0.0)
    if isinstance(zero, pa.Scalar) or pc.any(zero).as_py():
        right = pc.if_else(zero, pa.scalar(None, FLOAT), right)
    return pc.divide(left, right)


def _remainder(left: Datum, right: Datum) -> Datum:
    x, y = numbers(left), numbers(right)
    zero = y == 0
    keep = valid(left, right)
    if x.dtype == np.int64:
        # -1 has its own line: the least int64 divided by it overflows in hardware
        y = np.where(zero | (y == -1), 1, y)
    if zero.any():
        keep = ~zero if keep is None else keep & ~zero
    with np.errstate(invalid="ignore"):
        return rebuild(np.fmod(x, y), keep, left.type)


def _temporal(sign: str, kinds: tuple[str, str], left: Node, right: Node) -> Node | None:
    if kinds == ("time", "time"):
        return fallible(SPAN, _as_time(_subtract, SPAN), left, right) if sign == "-" else None
    if kinds == ("time", "span") and sign in "+-":
        return fallible(TIME, _as_time(_CHECKED[sign], TIME), left, right)
    if kinds == ("span", "time"):
        return fallible(TIME, _as_time(_add, TIME), left, right) if sign == "+" else None
    if kinds == ("span", "span"):
        if sign == "/":
            return _floats("/", _count(left), _count(right))
        return fallible(SPAN, _as_time(_CHECKED[sign], SPAN), left, right) if sign in "+-" else None
    if sign == "*" and kinds[1] == "span":
        left, right, kinds = right, left, (kinds[1], kinds[0])
    if kinds == ("span", "int") and sign == "*":
        return fallible(SPAN, _as_time(_multiply, SPAN), left, right)
    if kinds in {("span", "int"), ("span", "float")} and sign in "*/":
        return fallible(SPAN, _rounded, _floats(sign, _count(left), cast(right, FLOAT)))
    return None


def _count(node: Node) -> Node:
    return cast(apply(INT, integers, node), FLOAT)


def _rounded(data: Datum) -> Result:
    values, keep = np.rint(numbers(data)), valid(data)
    lost = ~(np.abs(values) < 2.0**63)
    if keep is not None:
        lost &= keep
    failed = lost if lost.any() else None
    keep = keep if failed is None else (~lost if keep is None else keep & ~lost)
    clean = values if keep is None else np.where(keep, values, 0.0)
    return rebuild(clean.astype(np.int64), keep, INT).view(SPAN), failed


def _as_time(kernel: Callable[[Datum, Datum], Result], type_: pa.DataType) -> Callable[[Datum, Datum], Result]:
    def run(left: Datum, right: Datum) -> Result:
        datum, failed = kernel(*(integers(each) if pa.types.is_temporal(each.type) else each for each in (left, right)))
        return datum.view(type_), failed

    return run


def _add(left: Datum, right: Datum) -> Result:
    try:
        return pc.add_checked(left, right), None
    except pa.ArrowInvalid:
        x, y = numbers(left), numbers(right)
        with np.errstate(over="ignore"):
            total = x + y
        return _masked(total, ((x ^ total) & (y ^ total)) < 0, left, right)


def _subtract(left: Datum, right: Datum) -> Result:
    try:
        return pc.subtract_checked(left, right), None
    except pa.ArrowInvalid:
        x, y = numbers(left), numbers(right)
        with np.errstate(over="ignore"):
            total = x - y
        return _masked(total, ((x ^ y) & (x ^ total)) < 0, left, right)


def _multiply(left: Datum, right: Datum) -> Result:
    try:
        return pc.multiply_checked(left, right), None
    except pa.ArrowInvalid:
        x, y = numbers(left), numbers(right)
        with np.errstate(over="ignore"):
            total = x * y
            # a product that wrapped does not divide back; -1 times the least int64 does, because the division wraps as well
            wrapped = (total // np.where(x == 0, 1, x) != y) & (x != 0) | ((x == -1) & (y == _LEAST))
        return _masked(total, wrapped, left, right)


_CHECKED = {"+": _add, "-": _subtract, "*": _multiply}


def _masked(values: npt.NDArray[Any], lost: Mask, left: Datum, right: Datum) -> Result:
    keep = valid(left, right)
    if keep is not None:
        lost = lost & keep
    return rebuild(values, ~lost if keep is None else keep & ~lost, INT), np.broadcast_to(lost, values.shape)


def _plain(node: Node) -> Node:
    """Integers as int64, floats as float64, dates as timestamps."""
    if pa.types.is_integer(node.type):
        return cast(node, INT)
    if pa.types.is_floating(node.type):
        return cast(node, FLOAT)
    return cast(node, TIME) if pa.types.is_date(node.type) else node


def _kind(type_: pa.DataType) -> str:
    if type_ == INT:
        return "int"
    if type_ == FLOAT:
        return "float"
    if pa.types.is_timestamp(type_):
        return "time"
    if pa.types.is_duration(type_):
        return "span"
    return "null" if pa.types.is_null(type_) else "other"

"""Random typed trees over random rows full of nulls, NaN and extremes.

Trees are drawn from the root down, by the kind of value that is wanted. `rough` functions, whose last bit depends on the C library, stand
only where a last bit cannot turn into another row: never below a comparison or a cast.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st
from sqlglot import exp

from headrace.tree import Call, CastTo, Instant, column, literal

if TYPE_CHECKING:
    from collections.abc import Callable

TIME = pa.timestamp("us", tz="UTC")
_COLUMNS: dict[str, pa.DataType] = {
    "i": pa.int64(),
    "j": pa.int64(),
    "n": pa.int8(),
    "f": pa.float64(),
    "g": pa.float32(),
    "b": pa.bool_(),
    "c": pa.bool_(),
    "s": pa.string(),
    "u": pa.string(),
    "t": TIME,
    "w": TIME,
}
SCHEMA = pa.schema(_COLUMNS)
COLUMNS = {"int": "ijn", "float": "fg", "bool": "bc", "text": "su", "time": "tw"}
_NAMES = {"int": "int64", "float": "float64", "bool": "bool", "text": "string"}
_INT_EDGES = [0, 1, -1, 2, 7, 100, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -(2**63)]
_FLOAT_EDGES = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-300, 1e300, 9.3e18, -9.3e18, 1e16, math.inf, -math.inf, math.nan]
_TEXTS = [
    "",
    "a",
    "Ab",
    "b a",
    " 7 ",
    "12",
    "-3",
    "+5",
    "1.5",
    "9223372036854775807",
    "9223372036854775808",
    "0x1f",
    "true",
    "No",
    "é",
    "%_",
]
_COMPARISONS: list[type[exp.Expression]] = [exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE]
_ARITHMETIC: list[type[exp.Expression]] = [exp.Add, exp.Sub, exp.Mul, exp.Mod]
_CONNECTIVES: list[type[exp.Expression]] = [exp.And, exp.Or]
_FEW = [-10, -3, 3, 4, 5, 10]
_TIMES = [0, -1, 86_399_999_999, 951_782_400_000_000, 1_700_000_000_123_456, 1_709_251_199_999_999, 4_102_444_800_000_000]

ints = st.sampled_from([*_INT_EDGES, *_FEW])
floats = st.sampled_from([*_FLOAT_EDGES, *(number / 4 for number in _FEW)])
texts = st.sampled_from(_TEXTS)
times = st.sampled_from(_TIMES)
_POOLS: dict[pa.DataType, list[Any]] = {
    pa.int64(): [*_INT_EDGES, *_FEW],
    pa.int8(): [-128, 127, 0, *_FEW],
    pa.float64(): [*_FLOAT_EDGES, *(number / 4 for number in _FEW)],
    pa.float32(): [0.0, -1.5, 0.25, 3.0, math.nan, math.inf],
    pa.bool_(): [True, False],
    pa.string(): _TEXTS,
    TIME: _TIMES,
}


@st.composite
def batches(draw: st.DrawFn, least: int = 1, most: int = 8) -> pa.RecordBatch:
    """A batch of `SCHEMA`."""
    rows = draw(st.integers(least, most))
    arrays = []
    for field in SCHEMA:
        pool = _POOLS[field.type]
        values = st.sampled_from([*pool, *[None] * (len(pool) // 6 + 1)])
        arrays.append(pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), field.type))
    return pa.record_batch(arrays, schema=SCHEMA)


@st.composite
def trees(draw: st.DrawFn, kind: str = "", depth: int = 3, *, rough: bool = True) -> exp.Expression:
    """A tree that gives values of `kind` (one of `COLUMNS`, any of them when it is empty)."""
    kind = kind or draw(st.sampled_from(sorted(COLUMNS)))

    def sub(wanted: str, *, still: bool = False) -> exp.Expression:
        return draw(trees(wanted, depth - 1, rough=rough and still))

    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(_leaf(kind))
    if draw(st.integers(0, 4)) == 0:
        pick: Callable[..., exp.Expression] = draw(st.sampled_from([_case, _coalesce, _null_if, _extreme]))
        return pick(draw, kind, sub)
    return _BUILD[kind](draw, sub, rough)


@st.composite
def _leaf(draw: st.DrawFn, kind: str) -> exp.Expression:
    choice = draw(st.integers(0, 9))
    if choice == 0:
        return _null(kind)
    if choice <= 6:
        return column("s", draw(st.sampled_from(COLUMNS[kind])))
    if kind == "time":
        return Instant(this=draw(times))
    if kind == "int":
        # the least int64 cannot be written: it is the negative of a number that does not fit
        return literal(draw(ints.filter(lambda value: value > -(2**63))))
    if kind == "float":
        return literal(draw(floats.filter(math.isfinite)))
    return literal(draw(st.booleans() if kind == "bool" else texts))


def _null(kind: str) -> exp.Expression:
    return CastTo(this=exp.Null(), to={**_NAMES, "time": "timestamp"}[kind])


def _case(draw: st.DrawFn, kind: str, sub: Callable[..., exp.Expression]) -> exp.Expression:
    ifs = [exp.If(this=sub("bool"), true=sub(kind, still=True)) for _ in range(draw(st.integers(1, 2)))]
    return exp.Case(ifs=ifs, default=sub(kind, still=True)) if draw(st.booleans()) else exp.Case(ifs=ifs)


def _coalesce(draw: st.DrawFn, kind: str, sub: Callable[..., exp.Expression]) -> exp.Expression:
    return Call(this="coalesce", expressions=[sub(kind, still=True) for _ in range(draw(st.integers(1, 3)))])


def _null_if(draw: st.DrawFn, kind: str, sub: Callable[..., exp.Expression]) -> exp.Expression:
    return Call(this="null_if", expressions=[sub(kind), sub(kind)])


def _extreme(draw: st.DrawFn, kind: str, sub: Callable[..., exp.Expression]) -> exp.Expression:
    return Call(this=draw(st.sampled_from(["greatest", "least"])), expressions=[sub(kind) for _ in range(draw(st.integers(1, 3)))])


def _int(draw: st.DrawFn, sub: Callable[..., exp.Expression], rough: bool) -> exp.Expression:
    choice = draw(st.integers(2, 13))
    if choice <= 3 or choice >= 12:
        return draw(st.sampled_from(_ARITHMETIC))(this=sub("int"), expression=sub("int"))
    if choice == 4:
        return exp.Neg(this=sub("int"))
    if choice in {5, 10, 11}:
        return CastTo(this=sub(draw(st.sampled_from(["float", "text", "bool"]))), to=draw(st.sampled_from(["int64", "int8", "int32"])))
    if choice == 6:
        return Call(this=draw(st.sampled_from(["abs", "sign", "floor", "round"])), expressions=[sub("int")])
    if choice == 7:
        return Call(this="length", expressions=[sub("text")])
    if choice == 8:
        return Call(this="bucketize", expressions=[sub("float"), literal(-1), literal(2.5), literal(1e6)])
    part = draw(st.sampled_from(["year", "month", "day", "hour", "minute", "second", "weekday", "day_of_year", "epoch_s"]))
    return Call(this=part, expressions=[sub("time")])


def _float(draw: st.DrawFn, sub: Callable[..., exp.Expression], rough: bool) -> exp.Expression:
    choice = draw(st.integers(0, 7))
    if choice <= 2:
        kinds = draw(st.sampled_from([("float", "float"), ("int", "float"), ("float", "int")]))
        sign = draw(st.sampled_from(_ARITHMETIC))
        return sign(this=sub(kinds[0]), expression=sub(kinds[1]))
    if choice == 3:
        kind = draw(st.sampled_from(["int", "float"]))
        return exp.Div(this=sub(kind), expression=sub(draw(st.sampled_from(["int", "float"]))))
    if choice == 4:
        return exp.Neg(this=sub("float"))
    if choice == 5:
        return CastTo(this=sub(draw(st.sampled_from(["int", "text", "bool"]))), to=draw(st.sampled_from(["float64", "float64", "float32"])))
    if choice == 6 and rough:
        name = draw(st.sampled_from(["exp", "ln", "log10", "power"]))
        return Call(this=name, expressions=[sub("float", still=True) for _ in range(2 if name == "power" else 1)])
    return Call(this=draw(st.sampled_from(["abs", "floor", "ceil", "round", "sqrt"])), expressions=[sub("float")])


def _bool(draw: st.DrawFn, sub: Callable[..., exp.Expression], rough: bool) -> exp.Expression:
    choice = draw(st.integers(0, 9))
    if choice <= 2:
        return draw(st.sampled_from(_CONNECTIVES))(this=sub("bool"), expression=sub("bool"))
    if choice == 3:
        return exp.Not(this=sub("bool"))
    if choice == 4:
        return exp.Is(this=sub(draw(st.sampled_from(sorted(COLUMNS)))), expression=exp.Null())
    if choice == 5:
        kind = draw(st.sampled_from(["int", "float", "text"]))
        choices = [draw(_leaf(kind).filter(lambda leaf: not isinstance(leaf, exp.Column))) for _ in range(draw(st.integers(1, 3)))]
        return exp.In(this=sub(kind), expressions=choices)
    if choice == 6:
        return Call(this=draw(st.sampled_from(["is_nan", "is_finite"])), expressions=[sub("float")])
    if choice == 7:
        name = draw(st.sampled_from(["contains", "starts_with", "ends_with", "like"]))
        return Call(this=name, expressions=[sub("text"), literal(draw(st.sampled_from(["a", "b", "", "%", "1_"])))])
    pair = draw(
        st.sampled_from([("int", "int"), ("float", "float"), ("int", "float"), ("text", "text"), ("time", "time"), ("bool", "bool")])
    )
    return draw(st.sampled_from(_COMPARISONS))(this=sub(pair[0]), expression=sub(pair[1]))


def _text(draw: st.DrawFn, sub: Callable[..., exp.Expression], rough: bool) -> exp.Expression:
    choice = draw(st.integers(0, 4))
    if choice == 0:
        return Call(this="concat", expressions=[sub("text") for _ in range(draw(st.integers(1, 3)))])
    if choice == 1:
        return Call(this="substr", expressions=[sub("text"), literal(draw(st.integers(1, 3))), literal(draw(st.integers(0, 3)))])
    if choice == 2:
        return Call(this="replace", expressions=[sub("text"), literal(draw(st.sampled_from(["a", " ", "12"]))), literal("zz")])
    if choice == 3:
        return CastTo(this=sub(draw(st.sampled_from(["int", "bool"]))), to="string")
    return Call(this=draw(st.sampled_from(["lower", "upper", "trim"])), expressions=[sub("text")])


def _time(draw: st.DrawFn, sub: Callable[..., exp.Expression], rough: bool) -> exp.Expression:
    unit = draw(st.sampled_from(["second", "minute", "hour", "day", "week", "month", "quarter", "year"]))
    return Call(this="date_trunc", expressions=[literal(unit), sub("time")])


_BUILD: dict[str, Callable[..., exp.Expression]] = {"int": _int, "float": _float, "bool": _bool, "text": _text, "time": _time}

"""The order of values: null, NaN, the two zeros, numbers of two kinds; membership and the connectives."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from sqlglot import exp

from .run import call, op, run

NAN = math.nan
FLOATS = [-math.inf, -1.0, -0.0, 0.0, 2.5, math.inf, NAN]
SIGNS: dict[type[exp.Expression], Any] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
}


def rank(value: float) -> tuple[bool, float]:
    """A key by which NaN is above everything and equal to itself."""
    return (True, 0.0) if math.isnan(value) else (False, value)


@pytest.mark.parametrize("kind", SIGNS)
def test_nan_is_above_every_number_and_equal_to_itself(kind: type[exp.Expression]) -> None:
    pairs = list(itertools.product(FLOATS, FLOATS))
    expected = [SIGNS[kind](rank(a), rank(b)) for a, b in pairs]
    assert run(op(kind, "@a", "@b"), a=("float64", [a for a, _ in pairs]), b=("float64", [b for _, b in pairs])) == (expected, 0)
    for a, b in pairs:
        assert run(op(kind, "@a", "@b"), a=("float64", [a]), b=("float64", [b])) == ([SIGNS[kind](rank(a), rank(b))], 0)
    for constant in (-1.0, 0.0, 2.5):
        expected = [SIGNS[kind](rank(a), rank(constant)) for a in FLOATS]
        assert run(op(kind, "@a", constant), a=("float64", FLOATS)) == (expected, 0)
        expected = [SIGNS[kind](rank(constant), rank(a)) for a in FLOATS]
        assert run(op(kind, constant, "@a"), a=("float64", FLOATS)) == (expected, 0)


@pytest.mark.parametrize("kind", SIGNS)
def test_a_comparison_with_null_is_null(kind: type[exp.Expression]) -> None:
    assert run(op(kind, "@a", "@b"), a=("float64", [None, NAN, None]), b=("float64", [1.0, None, None])) == ([None] * 3, 0)
    assert run(op(kind, "@a", exp.Null()), a=("string", ["x"])) == ([None], 0)


def test_texts_compare_by_their_bytes_and_dates_meet_timestamps() -> None:
    assert run(op(exp.LT, "@s", "a"), s=("string", ["B", "a", "é", "", None])) == ([True, False, False, True, None], 0)
    assert run(op(exp.GT, "@t", "@d"), t=("timestamp", [0, 1]), d=("date", [0, 0])) == ([False, True], 0)
    assert run(op(exp.LT, "@a", "@b"), a=("bool", [False, True]), b=("bool", [True, True])) == ([True, False], 0)


def test_in_is_null_where_nothing_is_known() -> None:
    x = ("int64", [1, 5, None])
    assert run(exp.In(this=op(exp.Add, "@x", 0), expressions=[call("abs", 1), exp.Null()]), x=x) == ([True, None, None], 0)
    assert run(exp.In(this=op(exp.Add, "@x", 0), expressions=[call("abs", 1)]), x=x) == ([True, False, None], 0)
    assert run(exp.In(this=op(exp.Add, "@x", 0), expressions=[exp.Null()]), x=x) == ([None, None, None], 0)
    columns = exp.In(this=op(exp.Add, "@x", 0), expressions=[op(exp.Sub, "@x", 4), op(exp.Add, "@x", 0)])
    assert run(columns, x=x) == ([True, True, None], 0)


def test_in_knows_nan_and_one_zero() -> None:
    floats = ("float64", [NAN, -0.0, 0.0, 1.0])
    nan = op(exp.Sub, "@inf", "@inf")
    assert run(op_in("@f", 0), f=floats) == ([False, True, True, False], 0)
    assert run(exp.In(this=call("coalesce", "@f"), expressions=[nan]), f=floats, inf=("float64", [math.inf] * 4)) == (
        [True, False, False, False],
        0,
    )


def op_in(value: Any, *choices: Any) -> exp.Expression:
    return exp.In(this=call("coalesce", value), expressions=[call("abs", choice) for choice in choices])


def test_kleene() -> None:
    truths = [True, False, None]
    a = [x for x in truths for _ in truths]
    b = truths * 3
    both = [False if x is False or y is False else None if None in {x, y} else True for x, y in zip(a, b, strict=True)]
    either = [True if x is True or y is True else None if None in {x, y} else False for x, y in zip(a, b, strict=True)]
    columns = {"a": ("bool", a), "b": ("bool", b)}
    assert run(op(exp.And, "@a", "@b"), **columns) == (both, 0)
    assert run(op(exp.Or, "@a", "@b"), **columns) == (either, 0)
    assert run(exp.Not(this=op(exp.And, "@a", "@a")), **columns) == ([None if x is None else not x for x in a], 0)


def test_greatest_least_and_clip() -> None:
    floats = ("float64", [1.0, NAN, None, 7.0, None])
    others = ("float64", [2.0, 5.0, 3.0, None, None])
    values, failures = run(call("greatest", "@a", "@b"), a=floats, b=others)
    assert (values[0], math.isnan(values[1]), values[2:], failures) == (2.0, True, [3.0, 7.0, None], 0)
    assert run(call("least", "@a", "@b"), a=floats, b=others) == ([1.0, 5.0, 3.0, 7.0, None], 0)
    assert run(call("greatest", "@s", "b"), s=("string", ["a", "c", None])) == (["b", "c", "b"], 0)
    assert run(call("clip", "@x", 0, 10), x=("int64", [-5, 5, 15, None])) == ([0, 5, 10, None], 0)
    assert run(call("clip", "@x", None, 10), x=("int64", [-5, 15])) == ([-5, 10], 0)
    assert run(call("clip", "@x", 0), x=("int64", [-5, 15])) == ([0, 15], 0)
    assert run(call("clip", "@x", 10, 0), x=("int64", [-5, 5, 15])) == ([10, 10, 10], 0)
    values, failures = run(call("clip", "@x", 0, 1), x=("float64", [NAN, math.inf, -math.inf, None]))
    assert (math.isnan(values[0]), values[1:], failures) == (True, [1.0, 0.0, None], 0)
    assert run(call("null_if", "@x", -1), x=("int64", [-1, 2, None])) == ([None, 2, None], 0)

"""Numbers, times and durations at their limits."""

from __future__ import annotations

import math

import pytest
from sqlglot import exp

from headrace.tree import Duration, Instant

from .run import op, run

MOST, LEAST = 2**63 - 1, -(2**63)
INTS = "int64"


def test_an_integer_that_overflows_fails_alone() -> None:
    assert run(op(exp.Add, "@x", 1), x=(INTS, [1, MOST, None, -1])) == ([2, None, None, 0], 1)
    assert run(op(exp.Sub, "@x", 2), x=(INTS, [1, LEAST, LEAST + 2, None])) == ([-1, None, LEAST, None], 1)
    assert run(op(exp.Mul, "@x", "@y"), x=(INTS, [3, 2**32, -1, LEAST, 0]), y=(INTS, [4, 2**31, LEAST, -1, LEAST])) == (
        [12, None, None, None, 0],
        3,
    )
    assert run(exp.Neg(this=op(exp.Add, "@x", 0)), x=(INTS, [LEAST, MOST, None])) == ([None, -MOST, None], 1)


@pytest.mark.parametrize("x", [0, 1, -1, 2, 3037000500, -3037000500, 2**32, 2**62, MOST, LEAST, LEAST + 1])
def test_every_pair_of_extremes_agrees_with_unbounded_integers(x: int) -> None:
    ys = [0, 1, -1, 2, -2, 3037000499, 3037000500, 2**31, -(2**31), 2**32, 2**62, -(2**62), MOST, MOST - 1, LEAST, LEAST + 1]
    for kind, exact in ((exp.Add, int.__add__), (exp.Sub, int.__sub__), (exp.Mul, int.__mul__)):
        expected = [value if LEAST <= (value := exact(x, y)) <= MOST else None for y in ys]
        for rows in (slice(None), *(slice(i, i + 1) for i in range(len(ys)))):
            part = expected[rows]
            assert run(op(kind, "@x", "@y"), x=(INTS, [x] * len(part)), y=(INTS, ys[rows])) == (part, part.count(None))


def test_narrow_integers_do_not_overflow_where_they_stand() -> None:
    assert run(op(exp.Add, "@x", "@x"), x=("int8", [100, -128, None])) == ([200, -256, None], 0)
    assert run(exp.Neg(this=op(exp.Mul, "@x", 1)), x=("int8", [-128])) == ([128], 0)


def test_float_arithmetic_never_fails() -> None:
    values, failures = run(op(exp.Mul, "@x", 1e300), x=("float64", [1e300, -1e300, 0.0, math.nan, None]))
    assert (values[:3], math.isnan(values[3]), values[4], failures) == ([math.inf, -math.inf, 0.0], True, None, 0)


def test_division_by_zero_is_null_and_no_failure() -> None:
    assert run(op(exp.Div, "@x", "@y"), x=(INTS, [1, 0, 3, None]), y=(INTS, [0, 0, 2, 0])) == ([None, None, 1.5, None], 0)
    assert run(op(exp.Div, "@x", 0), x=(INTS, [1, None])) == ([None, None], 0)
    assert run(op(exp.Div, 1, "@x"), x=("float64", [0.0, -0.0, 4.0, math.nan]))[0][:3] == [None, None, 0.25]
    assert run(op(exp.Mod, "@x", "@y"), x=(INTS, [7, -7, 7, LEAST, None]), y=(INTS, [0, 3, -3, -1, 1])) == ([None, -1, 1, 0, None], 0)
    assert run(op(exp.Mod, 7.5, "@y"), y=("float64", [0.0, 2.0, math.inf])) == ([None, 1.5, 7.5], 0)
    assert run(op(exp.Div, MOST, 1)) == ([float(MOST)], 0)


def test_times_and_durations() -> None:
    day = Duration(this=86_400_000_000)
    t = ("timestamp", [0, 86_400_000_000, None, MOST])
    assert run(op(exp.Sub, "@t", Instant(this=1)), t=t) == ([-1, 86_399_999_999, None, MOST - 1], 0)
    assert run(op(exp.Add, "@t", day), t=t) == ([86_400_000_000, 172_800_000_000, None, None], 1)
    assert run(op(exp.Add, day, "@t"), t=t) == ([86_400_000_000, 172_800_000_000, None, None], 1)
    assert run(op(exp.Sub, "@t", day), t=t) == ([-86_400_000_000, 0, None, MOST - 86_400_000_000], 0)
    assert run(op(exp.Sub, "@d", "@t"), d=("date", [1, 1, 1, 1]), t=t) == ([86_400_000_000, 0, None, 86_400_000_000 - MOST], 0)


def test_durations_by_numbers() -> None:
    d = ("duration", [3_000_000, -1, None, MOST])
    assert run(op(exp.Mul, "@d", 2), d=d) == ([6_000_000, -2, None, None], 1)
    assert run(op(exp.Mul, 0.5, "@d"), d=d) == ([1_500_000, 0, None, 2**62], 0)
    assert run(op(exp.Div, "@d", 2), d=d) == ([1_500_000, 0, None, 2**62], 0)
    assert run(op(exp.Div, "@d", 0), d=d) == ([None] * 4, 0)
    assert run(op(exp.Div, "@d", Duration(this=1_500_000)), d=("duration", [3_000_000, None])) == ([2.0, None], 0)
    assert run(op(exp.Mul, "@d", "@x"), d=("duration", [1, 1, 1]), x=("float64", [math.nan, math.inf, 1e300])) == ([None] * 3, 3)
    assert run(exp.Neg(this=op(exp.Add, "@d", Duration(this=0))), d=("duration", [5, LEAST, None])) == ([-5, None, None], 1)


def test_null_has_every_type() -> None:
    assert run(op(exp.Add, "@x", exp.Null()), x=(INTS, [1])) == ([None], 0)
    assert run(op(exp.Div, exp.Null(), "@x"), x=(INTS, [1])) == ([None], 0)
    assert run(op(exp.Sub, "@x", exp.Null()), x=("timestamp", [1])) == ([None], 0)
    assert run(op(exp.Add, exp.Null(), exp.Null())) == ([None], 0)

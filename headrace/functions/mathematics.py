"""Functions of numbers. Those that leave the integers give float64."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .model import Parameter, RowFunction, same

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOAT = pa.float64()
_X = (Parameter("x", "number"),)
_INVALID = "Null where an argument is null or x is {}."


def _digits(values: Sequence[Any]) -> str | None:
    if len(values) > 1 and not -18 <= values[1] <= 15:
        return f"digits must lie between -18 and 15, found {values[1]}"
    return None


def _bounds(values: Sequence[Any]) -> str | None:
    bounds = values[1:]
    if any(low >= high for low, high in pairwise(bounds)):
        return f"bounds must rise, found {', '.join(str(bound) for bound in bounds)}"
    return None


def _half_life(values: Sequence[Any]) -> str | None:
    return None if values[1] > 0 else f"the half-life must be above zero, found {values[1]}"


FUNCTIONS = (
    RowFunction(
        "abs",
        (Parameter("x", "magnitude"),),
        same,
        "x without its sign, of x's kind.",
        ">>> evaluate('abs', -3)\n3",
        failures="Fails for the least int64, which has no opposite.",
    ),
    RowFunction(
        "sign",
        _X,
        same,
        "-1, 0 or 1 as x is below, at or above zero, of x's kind; NaN for NaN.",
        ">>> evaluate('sign', -2.5)\n-1.0",
    ),
    RowFunction("ln", _X, FLOAT, "The natural logarithm.", ">>> evaluate('ln', 1)\n0.0", _INVALID.format("zero or less")),
    RowFunction(
        "log1p",
        _X,
        FLOAT,
        "The natural logarithm of 1 + x, exact for a small x.",
        ">>> evaluate('log1p', 0)\n0.0",
        _INVALID.format("-1 or less"),
    ),
    RowFunction("log10", _X, FLOAT, "The logarithm to base 10.", ">>> evaluate('log10', 1000)\n3.0", _INVALID.format("zero or less")),
    RowFunction("exp", _X, FLOAT, "e to the power of x; infinite where that is too large.", ">>> evaluate('exp', 0)\n1.0"),
    RowFunction("sqrt", _X, FLOAT, "The square root.", ">>> evaluate('sqrt', 9)\n3.0", _INVALID.format("below zero")),
    RowFunction(
        "power",
        (Parameter("x", "number"), Parameter("y", "number")),
        FLOAT,
        "x to the power of y, in float64; infinite where that is too large.",
        ">>> evaluate('power', 2, 10)\n1024.0",
        "Null where an argument is null, zero has a negative power, or a negative x a fractional one.",
        sql_names=("pow",),
    ),
    RowFunction(
        "round",
        (Parameter("x", "number"), Parameter("digits", "int", literal=True, optional=True)),
        same,
        "x to so many decimals (0 unless given; negative: tens, hundreds), halves away from zero, of x's kind.",
        ">>> evaluate('round', 2.5), evaluate('round', 1234, -2)\n(3.0, 1200)",
        failures="Fails where an integer leaves int64.",
        reject=_digits,
    ),
    RowFunction("floor", _X, same, "The greatest whole number that is not above x, of x's kind.", ">>> evaluate('floor', -1.5)\n-2.0"),
    RowFunction(
        "ceil",
        _X,
        same,
        "The least whole number that is not below x, of x's kind.",
        ">>> evaluate('ceil', -1.5)\n-1.0",
        sql_names=("ceiling",),
    ),
    RowFunction(
        "bucketize",
        (Parameter("x", "number"), Parameter("bound", "number", literal=True, many=True)),
        pa.int64(),
        "How many of the rising bounds are at or below x: 0 below the first, 1 from it on; NaN is above every bound.",
        ">>> evaluate('bucketize', 10, 1, 10, 100)\n2",
        reject=_bounds,
    ),
    RowFunction(
        "haversine",
        tuple(Parameter(name, "number") for name in ("lat1", "lon1", "lat2", "lon2")),
        FLOAT,
        "The distance in kilometres between two points given in degrees, on a sphere of radius 6371.0088 km (the earth's mean radius).",
        ">>> round(evaluate('haversine', 40.64, -73.78, 51.47, -0.45))\n5541",
    ),
    RowFunction(
        "decay",
        (Parameter("seconds", "number"), Parameter("half_life_us", "int", literal=True)),
        FLOAT,
        "What is left of 1 after so many seconds, when half is left after `half_life_us` microseconds.",
        ">>> evaluate('decay', 20, 10_000_000)\n0.25",
        reject=_half_life,
        internal=True,
    ),
)

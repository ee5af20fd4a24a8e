"""Functions that pick one of their arguments, and tests of floats."""

from __future__ import annotations

import pyarrow as pa

from .common import common_type
from .model import Parameter, RowFunction, meeting

_VALUES = Parameter("x", "any", many=True)
_ORDERED = Parameter("x", "value", many=True)


def _first(arg_types: list[pa.DataType]) -> pa.DataType:
    meeting("null_if")(arg_types)
    return arg_types[0]


def _bounded(arg_types: list[pa.DataType]) -> pa.DataType:
    type_ = common_type(arg_types)
    return meeting("clip")(arg_types) if type_ is None else type_


FUNCTIONS = (
    RowFunction(
        "coalesce",
        (_VALUES,),
        meeting("coalesce"),
        "The first argument that is not null.",
        ">>> evaluate('coalesce', None, 3, 4)\n3",
        "Null where all are null.",
        "An argument that fails counts only where all before it are null.",
        ("ifnull", "nvl"),
    ),
    RowFunction(
        "greatest",
        (_ORDERED,),
        meeting("greatest"),
        "The greatest argument; NaN is above every number, text is ordered by its bytes.",
        ">>> evaluate('greatest', 1, 5, None)\n5",
        "Nulls are passed over; null where all are null.",
    ),
    RowFunction(
        "least",
        (_ORDERED,),
        meeting("least"),
        "The least argument; NaN is above every number, text is ordered by its bytes.",
        ">>> evaluate('least', 1, 5, None)\n1",
        "Nulls are passed over; null where all are null.",
    ),
    RowFunction(
        "clip",
        (Parameter("x", "value"), Parameter("low", "value"), Parameter("high", "value", optional=True)),
        _bounded,
        "x, but low where it is below low, and high where it is above high; NaN stays NaN. Where low is above high, low wins.",
        ">>> evaluate('clip', 12, 0, 10)\n10",
        "Null where x is null; a bound that is null does not bound.",
    ),
    RowFunction(
        "null_if",
        (Parameter("x", "value"), Parameter("y", "value")),
        _first,
        "Null where x equals y, else x.",
        ">>> evaluate('null_if', -1, -1) is None\nTrue",
        "x where y is null.",
        sql_names=("nullif",),
    ),
    RowFunction(
        "is_nan",
        (Parameter("x", "number"),),
        pa.bool_(),
        "Whether x is NaN; an integer never is.",
        ">>> evaluate('is_nan', float('nan'))\nTrue",
        sql_names=("isnan",),
    ),
    RowFunction(
        "is_finite",
        (Parameter("x", "number"),),
        pa.bool_(),
        "Whether x is neither NaN nor an infinity.",
        ">>> evaluate('is_finite', float('inf'))\nFalse",
        sql_names=("isfinite",),
    ),
)

"""Python values as literals of the tree."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlglot import exp

from headrace import tree
from headrace.errors import TypeMismatch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def literal_node(value: Any) -> exp.Expression:
    """The node of a Python or NumPy scalar, a date, a datetime (UTC where it has no zone) or a timedelta.

    >>> literal_node(3).sql(), literal_node(datetime(1970, 1, 2)).this
    ('3', 86400000000)
    """
    if hasattr(value, "item") and not isinstance(value, bytes):
        value = value.item()   # a scalar of NumPy
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return tree.CastTo(this=tree.literal(repr(value)), to="float64")
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return exp.Neg(this=tree.literal(0.0))   # a literal has no sign
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        text = f"{value} does not fit into int64: write it as a float"
        raise TypeMismatch(text, value=value)
    if value is None or isinstance(value, bool | int | float | str):
        return tree.literal(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return tree.Instant(this=(aware - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, date):
        return tree.CastTo(this=tree.literal(value.isoformat()), to="date")
    if isinstance(value, timedelta):
        return tree.Duration(this=value // timedelta(microseconds=1))
    found = f"{type(value).__name__} is not a value that an expression can hold"
    text = f"{found}: {value!r}; it takes numbers, bool, text, dates, times and None"
    raise TypeMismatch(text)

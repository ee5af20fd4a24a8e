"""Values as people and JSON have them.

It promises that `shown` without digits tells any two values of a type apart, and that `jsonable` gives what JSON can hold: instants as
ISO 8601, NaN and infinities as text.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

from headrace.durations import format_duration
from headrace.times import format_time, to_us


def jsonable(value: Any) -> Any:
    """`value` as JSON can hold it.

    >>> jsonable({"at": datetime(2024, 1, 2), "x": [float("nan"), 1.5, None]})
    {'at': '2024-01-02T00:00:00Z', 'x': ['NaN', 1.5, None]}
    """
    if isinstance(value, dict):
        return {str(name): jsonable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else shown(value)
    return shown(value)


def shown(value: Any, digits: int | None = None) -> str:
    """A value as a cell of a table has it; floats with `digits` significant digits, all that tell it apart where None.

    >>> shown(2.0), shown(1 / 3, 4), shown(None), shown(123456789.5, 6), shown([1, None])
    ('2.0', '0.3333', 'null', '123456789.5', '[1, null]')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value, digits)
    if isinstance(value, datetime):
        return format_time(to_us(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value // timedelta(microseconds=1))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(each, digits)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(each, digits) for each in value)}]"
    return str(value)


def _float(value: float, digits: int | None) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    exact = repr(value)
    if digits is None or len(exact) <= digits + 2:
        return exact
    size = abs(value)
    if size >= 10.0 ** (digits - 2):
        return f"{value:.1f}" if size < 1e15 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}"

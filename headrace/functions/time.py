"""Functions of times, all in UTC and the proleptic Gregorian calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import did_you_mean

from .model import Parameter, RowFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

INT, TIME = pa.int64(), pa.timestamp("us", tz="UTC")
TRUNC_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_DAY = (Parameter("x", "day"),)
_TIME = (Parameter("x", "timestamp"),)
_SETUP = ">>> from datetime import datetime, timedelta, timezone\n>>> friday = datetime(2024, 3, 1, 18, 30, 15, tzinfo=timezone.utc)\n"


def _unit(values: Sequence[Any]) -> str | None:
    if values[0] in TRUNC_UNITS:
        return None
    return f"unknown unit '{values[0]}'{did_you_mean(values[0], TRUNC_UNITS)}; it has: {', '.join(TRUNC_UNITS)}"


def _part(name: str, summary: str, value: int, *, day: bool = True, sql_names: tuple[str, ...] = ()) -> RowFunction:
    example = f"{_SETUP}>>> evaluate('{name}', friday)\n{value}"
    return RowFunction(name, _DAY if day else _TIME, INT, summary, example, sql_names=sql_names)


FUNCTIONS = (
    _part("year", "The year.", 2024),
    _part("month", "The month, 1 to 12.", 3),
    _part("day", "The day of the month, 1 to 31.", 1, sql_names=("day_of_month", "dayofmonth")),
    _part("day_of_year", "The day of the year, 1 to 366.", 61, sql_names=("dayofyear",)),
    _part("weekday", "The day of the week, 0 for Monday to 6 for Sunday.", 4),
    _part("hour", "The hour, 0 to 23.", 18, day=False),
    _part("minute", "The minute, 0 to 59.", 30, day=False),
    _part("second", "The whole second, 0 to 59.", 15, day=False),
    RowFunction(
        "is_weekend",
        _DAY,
        pa.bool_(),
        "Whether it is a Saturday or a Sunday.",
        f"{_SETUP}>>> evaluate('is_weekend', friday + timedelta(days=1))\nTrue",
    ),
    RowFunction(
        "epoch_s",
        _DAY,
        INT,
        "The whole seconds since 1970-01-01 00:00, rounded down.",
        f"{_SETUP}>>> evaluate('epoch_s', friday)\n1709317815",
    ),
    RowFunction(
        "date_trunc",
        (Parameter("unit", "string", literal=True), Parameter("x", "day")),
        TIME,
        "The beginning of the second, minute, hour, day, week (Monday), month, quarter or year in which x lies.",
        f"{_SETUP}>>> evaluate('date_trunc', 'hour', friday).isoformat()\n'2024-03-01T18:00:00+00:00'",
        failures="Fails where that lies before the first timestamp there is.",
        reject=_unit,
    ),
    RowFunction(
        "seconds",
        (Parameter("x", "duration"),),
        pa.float64(),
        "A duration in seconds.",
        f"{_SETUP}>>> evaluate('seconds', timedelta(minutes=1.5))\n90.0",
    ),
    RowFunction("now", (), TIME, "The asker's instant.", "", "Never null.", internal=True),
)

"""Functions of times: parts of the calendar and of the clock, UTC.

They need no time zone data of the system. Arrow counts years in 16 bits; a batch that reaches further goes by NumPy's calendar, which gives
the same and is slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import pc
from operators.evaluate.buffers import integers, numbers, rebuild, valid
from operators.evaluate.cast import cast
from operators.evaluate.nodes import Node, apply, fallible

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from operators.evaluate.nodes import Datum, Result

    Counts = npt.NDArray[np.int64]

INT, FLOAT, TIME, BOOL = pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC"), pa.bool_()
_SECOND_US, _DAY_US = 1_000_000, 86_400_000_000
_UNITS_US = {"second": _SECOND_US, "minute": 60 * _SECOND_US, "hour": 3600 * _SECOND_US, "day": _DAY_US}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_FAR_US = 30_000 * 365 * _DAY_US


def _months(times: Counts) -> Counts:
    # by days: the least int64 is a time here and none in NumPy
    months: Counts = _days(times).view("M8[D]").astype("M8[M]").astype(np.int64)
    return months


def _days(times: Counts) -> Counts:
    return np.floor_divide(times, _DAY_US)


def _day_of_month(times: Counts) -> Counts:
    first: Counts = _months(times).view("M8[M]").astype("M8[D]").astype(np.int64)
    return _days(times) - first + 1


def _day_of_year(times: Counts) -> Counts:
    first: Counts = _days(times).view("M8[D]").astype("M8[Y]").astype("M8[D]").astype(np.int64)
    return _days(times) - first + 1


def _calendar(near: Callable[[Datum], Datum], far: Callable[[Counts], Counts]) -> Callable[[list[Node], pa.DataType], Node]:
    """A builder for a part of the date: `near` by Arrow, `far` over microseconds by NumPy."""

    def kernel(data: Datum) -> Any:
        span = pc.min_max(data.view(INT))
        low, high = span["min"].as_py(), span["max"].as_py()
        if low is None or (low > -_FAR_US and high < _FAR_US):
            return near(data.view(pa.timestamp("us"))).cast(INT)
        return rebuild(far(numbers(data.view(INT))), valid(data), INT)

    return lambda arguments, type_: apply(type_, kernel, cast(arguments[0], TIME))


def _clock(unit_us: int, turn: int) -> Callable[[list[Node], pa.DataType], Node]:
    """A builder for a part of the time of day: whole units since 1970, modulo `turn`."""

    def kernel(data: Datum) -> Any:
        return rebuild(np.floor_divide(numbers(data.view(INT)), unit_us) % turn, valid(data), INT)

    return lambda arguments, type_: apply(type_, kernel, cast(arguments[0], TIME))


def _weekdays(data: Datum) -> Counts:
    # 1970-01-01 was a Thursday
    weekday: Counts = (_days(numbers(data.view(INT))) + 3) % 7
    return weekday


def _weekday(arguments: list[Node], type_: pa.DataType) -> Node:
    return apply(type_, lambda data: rebuild(_weekdays(data), valid(data), INT), cast(arguments[0], TIME))


def _is_weekend(arguments: list[Node], type_: pa.DataType) -> Node:
    return apply(type_, lambda data: rebuild(_weekdays(data) >= 5, valid(data), BOOL), cast(arguments[0], TIME))


def _epoch_s(arguments: list[Node], type_: pa.DataType) -> Node:
    def kernel(data: Datum) -> Any:
        return rebuild(np.floor_divide(numbers(data.view(INT)), _SECOND_US), valid(data), INT)

    return apply(type_, kernel, cast(arguments[0], TIME))


def _date_trunc(arguments: list[Node], type_: pa.DataType) -> Node:
    scalar = arguments[0].constant
    unit: str = "" if scalar is None else scalar.as_py()

    def start(times: Counts) -> Counts:
        if unit in _UNITS_US:
            return np.floor_divide(times, _UNITS_US[unit]) * _UNITS_US[unit]
        if unit == "week":
            days = _days(times)
            return (days - (days + 3) % 7) * _DAY_US
        months = np.floor_divide(_months(times), _MONTHS[unit]) * _MONTHS[unit]
        return months.view("M8[M]").astype("M8[D]").astype(np.int64) * _DAY_US

    def kernel(data: Datum) -> Result:
        times, keep = numbers(data.view(INT)), valid(data)
        with np.errstate(over="ignore"):
            starts = start(times)
        # what lies before the least int64 comes around to the other end
        lost = starts > times
        lost = lost if keep is None else lost & keep
        if not lost.any():
            return rebuild(starts, keep, INT).view(TIME), None
        return rebuild(starts, ~lost if keep is None else keep & ~lost, INT).view(TIME), lost

    return fallible(type_, kernel, cast(arguments[1], TIME))


def _seconds(arguments: list[Node], type_: pa.DataType) -> Node:
    return apply(type_, lambda data: pc.divide(integers(data).cast(FLOAT, safe=False), 1e6), cast(arguments[0], pa.duration("us")))


BUILDERS: dict[str, Callable[[list[Node], pa.DataType], Node]] = {
    "year": _calendar(pc.year, lambda times: np.floor_divide(_months(times), 12) + 1970),
    "month": _calendar(pc.month, lambda times: _months(times) % 12 + 1),
    "day": _calendar(pc.day, _day_of_month),
    "day_of_year": _calendar(pc.day_of_year, _day_of_year),
    "weekday": _weekday,
    "hour": _clock(3600 * _SECOND_US, 24),
    "minute": _clock(60 * _SECOND_US, 60),
    "second": _clock(_SECOND_US, 60),
    "is_weekend": _is_weekend,
    "epoch_s": _epoch_s,
    "date_trunc": _date_trunc,
    "seconds": _seconds,
}

"""Points in time as people write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidValue
from headrace.times import DAY_US, format_time, now_us, parse_time

NOW = 20_000 * DAY_US + 3_600_000_000


@pytest.mark.parametrize(
    "value, expected",
    [
        ("1970-01-01", 0),
        ("1970-01-01 00:00:01", 1_000_000),
        ("1970-01-01T02:00+02:00", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("now", NOW),
        ("today", 20_000 * DAY_US),
        ("Yesterday", 19_999 * DAY_US),
        ("tomorrow", 20_001 * DAY_US),
        ("-1d", NOW - DAY_US),
        (" -1h30m ", NOW - 5_400_000_000),
        ("+1s", NOW + 1_000_000),
        (dt.date(1970, 1, 2), DAY_US),
        (dt.datetime(1970, 1, 2), DAY_US),  # noqa: DTZ001   # without a zone it is UTC
        (dt.datetime(1970, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), 0),
    ],
)
def test_what_is_read(value: str | dt.date, expected: int) -> None:
    assert parse_time(value, now=NOW) == expected


@pytest.mark.parametrize("value", ["soon", "", "-", "-1month", "2024-13-01", "1704067200"])
def test_what_is_not(value: str) -> None:
    with pytest.raises(InvalidValue, match=rf"^--to is not a time: {value!r}; write '2024-01-31', "):
        parse_time(value, "--to")


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_what_is_written_is_read(moment: dt.datetime) -> None:
    us = parse_time(moment)
    assert parse_time(format_time(us)) == us


def test_the_clock_is_microseconds() -> None:
    assert abs(parse_time("now") - now_us()) < 60_000_000
    assert parse_time("2020-01-01") < now_us() < parse_time("2200-01-01")

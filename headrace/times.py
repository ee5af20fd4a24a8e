"""Points in time as people write them, in microseconds UTC: ISO 8601, `-1d`, `now`, `today`, `yesterday`, `tomorrow`.

A text without a zone is UTC; a day begins at 00:00 UTC. It promises that `parse_time` reads what `format_time` writes. Lengths of time are
left to `headrace.durations`.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

from headrace.durations import UNITS_US, parse_duration
from headrace.errors import HeadraceError, InvalidValue

DAY_US = UNITS_US["d"]
FORMS = "'2024-01-31', '2024-01-31T12:00:00Z', '-1d' (before now), 'now', 'today', 'yesterday' or a datetime"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def now_us() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000


def parse_time(value: str | date, what: str = "a time", now: int | None = None) -> int:
    """Microseconds since 1970 of `value`; `what` names it in the error, `now` stands for the wall clock.

    >>> parse_time("1970-01-02"), parse_time("1970-01-01T01:00:00+01:00"), parse_time("-1h", now=7_200_000_000)
    (86400000000, 0, 3600000000)
    >>> parse_time("yesterday", now=5 * DAY_US + 7) == 4 * DAY_US
    True
    >>> parse_time("soon", "--from")
    Traceback (most recent call last):
    headrace.errors.InvalidValue: --from is not a time: 'soon'; write '2024-01-31', '2024-01-31T12:00:00Z', '-1d' (before now), 'now',
    'today', 'yesterday' or a datetime
    """
    if isinstance(value, datetime):
        return to_us(value)
    if isinstance(value, date):
        return (value - _EPOCH.date()).days * DAY_US
    found = _read(value.strip(), now_us() if now is None else now)
    if found is None:
        text = f"{what} is not a time: {value!r}; write {FORMS}"
        raise InvalidValue(text, value=value)
    return found


def format_time(us: int) -> str:
    """ISO 8601 in UTC, without the parts that are zero below the second.

    >>> format_time(0), format_time(1_500_000)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z')
    """
    return (_EPOCH + us * _MICROSECOND).isoformat().replace("+00:00", "Z")


def to_us(moment: datetime) -> int:
    """Microseconds of a datetime; one without a zone is UTC."""
    return ((moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment) - _EPOCH) // _MICROSECOND


def _read(text: str, now: int) -> int | None:
    word = text.lower()
    if word == "now":
        return now
    if word in _DAYS:
        return (now // DAY_US + _DAYS[word]) * DAY_US
    if word[:1] in {"-", "+"}:
        try:
            return now + parse_duration(word)
        except HeadraceError:
            return None
    try:
        return to_us(datetime.fromisoformat(text))
    except ValueError:
        return None

"""Lengths of time as people write them, in microseconds.

`90s`, `5m`, `1h30m`, `2w`, `7 days`, `P7DT12H` and `datetime.timedelta`. A day is 24 hours and a week 7 days, always; months and years have
no length and are refused. It promises that `format_duration` writes what `parse_duration` reads.
"""

from __future__ import annotations

import re
from datetime import timedelta

from headrace.errors import InvalidValue

UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
"""Microseconds of each unit."""

_WORDS = {
    "us": "us", "µs": "us", "microsecond": "us", "microseconds": "us",
    "ms": "ms", "millisecond": "ms", "milliseconds": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
    "w": "w", "week": "w", "weeks": "w",
}  # fmt: skip
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*", re.IGNORECASE)
_ISO = re.compile(r"P(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?")
_LONGEST_US = 2**62
FORMS = "'90s', '5m', '1h30m', '7d', '2w', ISO 8601 such as 'P7D', or a timedelta"


def parse_duration(value: str | timedelta, what: str = "a duration") -> int:
    """Microseconds of `value`, with its sign; `what` names it in the error.

    >>> parse_duration("1h30m"), parse_duration("7 days"), parse_duration("PT90S"), parse_duration("-5m")
    (5400000000, 604800000000, 90000000, -300000000)
    """
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    found = _read(value) if isinstance(value, str) else None  # type: ignore[redundant-expr]   # from a caller without types
    if found is None:
        text = f"{what} is not understood: {value!r}; write {FORMS}"
        raise InvalidValue(text, value=value)
    if abs(found) > _LONGEST_US:
        text = f"{what} is longer than 146,000 years: {value!r}; write 'ever' for a window without a bound"
        raise InvalidValue(text, value=value)
    return found


def format_duration(us: int) -> str:
    """The text in whole units, the largest first, none above days.

    >>> format_duration(604_800_000_000), format_duration(5_400_000_000), format_duration(0), format_duration(-1_500_000)
    ('7d', '1h30m', '0s', '-1s500ms')
    """
    if us == 0:
        return "0s"
    parts, rest = [], abs(us)
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, UNITS_US[unit])
        parts += [f"{count}{unit}"] if count else []
    return f"{'-' if us < 0 else ''}{''.join(parts)}"


def _read(text: str) -> int | None:
    body = text.strip()
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-").removeprefix("+").strip()
    if body.upper().startswith("P"):
        return _read_iso(body.upper(), sign)
    total, at = 0, 0
    while at < len(body):
        part = _PART.match(body, at)
        if part is None:
            return None
        unit = _WORDS.get(part[2].lower())
        if unit is None:
            return None
        total += _times(part[1], UNITS_US[unit])
        at = part.end()
    return sign * total if body else None


def _read_iso(body: str, sign: int) -> int | None:
    found = _ISO.fullmatch(body)
    if found is None or not any(found.groups()) or any(part is not None and part.count(".") > 1 for part in found.groups()):
        return None
    return sign * sum(_times(amount, UNITS_US[unit]) for amount, unit in zip(found.groups(), "wdhms", strict=True) if amount)


def _times(amount: str, unit_us: int) -> int:
    """Exact in microseconds; what is finer is cut off."""
    whole, _, fraction = amount.partition(".")
    return int(whole or 0) * unit_us + (int(fraction) * unit_us // 10 ** len(fraction) if fraction else 0)

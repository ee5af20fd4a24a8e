"""The words of errors that were written for Python, as SQL says them.

A definition's checks are the same for both, and their texts name what to write. It promises to change only the phrases below; one that is
not among them stays as it is. A test holds every phrase to a text that the checks still have.
"""

from __future__ import annotations

import re

from headrace.durations import parse_duration
from headrace.errors import HeadraceError

_PHRASES: tuple[tuple[str, str], ...] = (
    (r"use hr\.concat\(…\)", "use ||"),
    (r"use \.cast\('int64'\)", "use CAST(x AS BIGINT)"),
    (r"use \.cast\('float64'\)", "use CAST(x AS DOUBLE)"),
    (r"with \.cast\('float64'\)", "with CAST(x AS DOUBLE)"),
    (r"use \.seconds\(\)", "use SECONDS(x)"),
    (r"use ~$", "use NOT"),
    (r"use hr\.function for it", "use a function declared in Python for it"),
    (r"compare with hr\.literal\(datetime\)", "compare with TIMESTAMP '2024-01-31 12:00:00'"),
    (r", '2w', ISO 8601 such as 'P7D', or a timedelta", ", '2w', or ISO 8601 such as 'P7D'"),
    (r"use \.sum\(\) or \.count\(\) with", "use SUM or COUNT with"),
    (r" in \.over\(…\)", ""),
    (r"name it with keys=\{'column': (\S+)\}", r"name it in its table with keys = 'column: \1'"),
    (r"^closed='(\w+)' needs", r"CLOSED '\1' needs"),
    (r"with_columns cannot make", "a sub-query cannot make"),
    (r"declared as 'timestamp\[ms\]'", "declared as TIMESTAMP UNIT 'ms'"),
    (r"use exclude='row' or exclude='instant'", "use EXCLUDE CURRENT ROW or EXCLUDE GROUP"),
    (r"^rows=(\S+) holds", r"ROWS \1 holds"),
)  # fmt: skip
_DELAY = re.compile(r"delay='(\w+)'")


def in_sql(text: str) -> str:
    """The text with those phrases in SQL.

    >>> in_sql("cannot add string and int64: use .cast('float64') on a text that is a number")
    'cannot add string and int64: use CAST(x AS DOUBLE) on a text that is a number'
    """
    for pattern, words in _PHRASES:
        text = re.sub(pattern, words, text)
    return _DELAY.sub(_delay, text)


def _delay(found: re.Match[str]) -> str:
    from .writing.names import duration

    try:
        return f"DELAY '{duration(parse_duration(found[1]))}'"
    except HeadraceError:   # a name that looks like one
        return found[0]

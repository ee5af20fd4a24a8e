"""Times that are written as text: ISO 8601 with or without a zone; without one it is UTC.

It promises that `parse_times` agrees with `datetime.fromisoformat` on what both read, cut to microseconds; what is not a time is null and
named. It relies on Arrow's parser for the usual forms and reads the others one by one.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from headrace.archive.layout import TIMESTAMP
from headrace.arrow import Column, array, nulls, pc

_PLAIN = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_times(texts: Column) -> tuple[Column, list[int]]:
    """Timestamps of a string array, and the rows that hold something else.

    >>> times, bad = parse_times(pa.array(["2024-01-01", "2024-01-01T10:00:00.5Z", "2024-01-01 10:00+02:00", "soon", None]))
    >>> [None if time is None else time.isoformat() for time in times.to_pylist()], bad
    (['2024-01-01T00:00:00+00:00', '2024-01-01T10:00:00.500000+00:00', '2024-01-01T08:00:00+00:00', None, None], [3])
    """
    body = pc.if_else(pc.ends_with(texts, pattern="Z"), pc.utf8_slice_codeunits(texts, start=0, stop=-1), texts)
    plain = pc.fill_null(pc.match_substring_regex(body, pattern=_PLAIN), fill_value=False)
    try:
        fast = pc.if_else(plain, body, pa.scalar(None, pa.string())).cast(pa.timestamp("us")).cast(TIMESTAMP)
    except pa.ArrowInvalid:  # a 31st of February among them
        plain = array(np.zeros(len(texts), bool))
        fast = nulls(len(texts), TIMESTAMP)
    rest = np.flatnonzero(pc.and_(pc.is_valid(texts), pc.invert(plain)).to_numpy(zero_copy_only=False))
    if not len(rest):
        return fast, []
    found: list[int | None] = fast.cast(pa.int64()).to_pylist()
    bad = []
    for row in rest.tolist():
        micros = iso_us(texts[row].as_py())
        found[row] = micros
        if micros is None:
            bad.append(row)
    return array(found, pa.int64()).cast(TIMESTAMP), bad


def iso_us(text: str) -> int | None:
    """Microseconds of an ISO 8601 text, None for any other text.

    >>> iso_us("1970-01-01T00:00:01.000002003Z"), iso_us("yesterday")
    (1000002, None)
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    since = found - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

"""Text as numbers, bools, times: what is accepted, and how a text that is not is found without a loop.

Around the text, white space is ignored.
- integers: digits with an optional sign; anything else, also `1.0` and `0x1f`, fails; out of range fails.
- floats: decimal and scientific notation, `nan`, `inf`, `infinity` in any case; what is too large is infinite.
- bool: true t 1 yes y, false f 0 no n, in any case.
- timestamp: ISO 8601, `2024-01-31`, `2024-01-31T10:00`, seconds and up to nine decimals (those after six are cut), `Z` or an offset;
  without one, UTC. date: the same, its day where it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import bounds, pc

from .buffers import truth
from .isolate import isolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import Datum, Mask, Result

_FLOAT = r"(?i)^[+-]?(nan|inf|infinity|([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?)$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}(:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
_ZONED = r"(Z|[T ].*[+-][0-9]{2}(:?[0-9]{2})?)$"
_TRUE = pa.array(["true", "t", "1", "yes", "y"])
_FALSE = pa.array(["false", "f", "0", "no", "n"])
_NAIVE, _UTC = pa.timestamp("us"), pa.timestamp("us", tz="UTC")


def text_reader(to: pa.DataType) -> Callable[[Datum], Result] | None:
    """The kernel that reads text as `to`; None where text cannot be read as that."""
    if pa.types.is_boolean(to):
        return _bool
    if pa.types.is_integer(to):
        return lambda data: _integer(data, to)
    if pa.types.is_floating(to):
        return lambda data: _float(data, to)
    if pa.types.is_timestamp(to):
        return _moment
    if pa.types.is_date32(to):
        return _date
    return None


def _integer(data: Datum, to: pa.DataType) -> Result:
    try:
        result = pc.cast(data, to)
    except pa.ArrowInvalid:
        pass
    else:
        if not _holds(data, b"xX"):  # Arrow also reads hexadecimal
            return result, None
    text = pc.utf8_trim_whitespace(data)
    bare = pc.ascii_ltrim(text, characters="+-")
    signs = pc.subtract(pc.binary_length(text), pc.binary_length(bare))
    failed = truth(data.is_valid()) & ~truth(pc.and_(pc.ascii_is_decimal(bare), pc.less_equal(signs, 1)))
    text = _nulled(pc.ascii_ltrim(text, characters="+"), failed)
    try:
        return pc.cast(text, to), failed
    except pa.ArrowInvalid:
        digits = pc.replace_substring_regex(text, r"^(-?)0*([0-9])", r"\1\2")
        outside = truth(digits.is_valid()) & ~truth(_fits(digits, to))
        return pc.cast(_nulled(digits, outside), to), failed | outside


def _holds(data: Datum, wanted: bytes) -> bool:
    """Whether one of the bytes stands in the texts (or in nulls, or beside a slice: an answer on the safe side)."""
    buffer = data.buffers()[2]
    if buffer is None:
        return False
    content = np.frombuffer(buffer, dtype=np.uint8)
    return any(bool((content == byte).any()) for byte in wanted)


def _fits(digits: Any, to: pa.DataType) -> Any:
    """Whether a number without leading zeros lies within the bounds of `to`: fewer digits, or as many and not above."""
    minus = pc.starts_with(digits, "-")
    bare = pc.utf8_ltrim(digits, characters="-")
    length = pc.utf8_length(bare)
    least, most = bounds(to)
    low, high = str(-least), str(most)
    wide = pc.if_else(minus, len(low), len(high))
    below = pc.less_equal(bare, pc.if_else(minus, low, high))
    return pc.or_(pc.less(length, wide), pc.and_(pc.equal(length, wide), below))


def _float(data: Datum, to: pa.DataType) -> Result:
    try:
        if not _holds(data, b"("):  # Arrow also reads nan(...)
            return pc.cast(data, to), None
    except pa.ArrowInvalid:
        pass
    clean, lost = _matching(pc.utf8_trim_whitespace(data), _FLOAT)
    return pc.cast(clean, to), lost


def _bool(data: Datum) -> Result:
    text = pc.utf8_lower(pc.utf8_trim_whitespace(data))
    true, false = pc.is_in(text, value_set=_TRUE), pc.is_in(text, value_set=_FALSE)
    known = truth(pc.or_(true, false))
    failed = truth(data.is_valid()) & ~known
    return pc.if_else(pa.array(known), true, pa.scalar(None, pa.bool_())), failed if failed.any() else None


def _moment(data: Datum) -> Result:
    for way in (_NAIVE, _UTC):
        try:
            return pc.cast(data, way).view(_UTC), None
        except pa.ArrowInvalid:
            continue
    text, lost = _moments(data)
    zoned = pc.match_substring_regex(text, _ZONED)
    text = pc.if_else(zoned, text, pc.binary_join_element_wise(_with_time(text), "Z", ""))
    result, failed = isolate(lambda part: pc.cast(part, _UTC), _UTC, text)
    return result, lost if failed is None else lost | failed


def _date(data: Datum) -> Result:
    try:
        return pc.cast(data, pa.date32()), None
    except pa.ArrowInvalid:
        text, lost = _moments(data)
        # the rest of the text is checked, and then the day taken as it is written
        _, failed = _moment(text)
        lost = lost if failed is None else lost | failed
        return pc.cast(_nulled(pc.utf8_slice_codeunits(text, 0, 10), lost), pa.date32()), lost


def _moments(data: Datum) -> tuple[Any, Mask]:
    text, lost = _matching(pc.utf8_trim_whitespace(data), _MOMENT)
    return pc.replace_substring_regex(text, r"([.][0-9]{6})[0-9]+", r"\1"), lost


def _with_time(text: Any) -> Any:
    """A bare day gets a midnight: Arrow takes no zone behind a day alone."""
    return pc.if_else(pc.equal(pc.utf8_length(text), 10), pc.binary_join_element_wise(text, "T00:00:00", ""), text)


def _matching(text: Any, pattern: str) -> tuple[Any, Mask]:
    """`text`, null where it does not match, and where that is."""
    failed = truth(text.is_valid()) & ~truth(pc.match_substring_regex(text, pattern))
    return _nulled(text, failed), failed


def _nulled(text: Any, failed: Mask) -> Any:
    return pc.if_else(pa.array(~failed), text, pa.scalar(None, pa.string()))

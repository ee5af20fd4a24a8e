"""Rows of numbers as msgpack arrays, the way msgspec writes them: every whole number as short as it can be, a float in nine bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.machine.functions import inline, kernel
from operators.machine.operations import byte, word

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Words

WHOLE, REAL, TRUTH = 0, 1, 2
"""What the words of a column are."""
COLUMN_WORDS = 4
VALUE_BYTES, ARRAY_BYTES = 9, 3
"""The most that a value takes, and what stands before a row's values."""
SHORT_ARRAY = 16
NIL, FALSE, FLOAT, ARRAY, LONG_ARRAY = 0xC0, 0xC2, 0xCB, 0x90, 0xDC
NATURAL, NEGATIVE = 0xCC, 0xD0
"""Behind them come the codes of two, four and eight bytes."""


@inline
def put(out: Bytes, at: int, value: int, size: int) -> int:
    """The lowest `size` bytes of a word, the highest first; where it ends."""
    for i in range(size):
        out[at + i] = (value >> (8 * (size - 1 - i))) & 255
    return at + size


@inline
def put_whole(out: Bytes, at: int, value: int) -> int:
    """A whole number."""
    if value >= -32 and value < 128:
        return put(out, at, value, 1)
    size = 8
    code = 3
    if value >= 0:
        if value < 0x100:
            size, code = 1, 0
        elif value < 0x10000:
            size, code = 2, 1
        elif value < 0x100000000:
            size, code = 4, 2
        out[at] = NATURAL + code
    else:
        if value >= -0x80:
            size, code = 1, 0
        elif value >= -0x8000:
            size, code = 2, 1
        elif value >= -0x80000000:
            size, code = 4, 2
        out[at] = NEGATIVE + code
    return put(out, at + 1, value, size)


@inline
def bit(bits: int, number: int) -> bool:
    """A bit of an Arrow bitmap."""
    return (byte(bits, number >> 3) >> (number & 7)) & 1 == 1


@kernel
def write_rows(columns: Words, heads: Bytes, width: int, out: Bytes, ends: Words) -> None:
    """Write each row behind the `width` bytes of its head, and to `ends` where it begins and the last one ends.

    A column is four words: what its values are, where they are, where the bitmap of those that are not null is (0 for none), and the number
    of its first row in both.
    """
    count = len(columns) // COLUMN_WORDS
    at = 0
    for row in range(len(ends) - 1):
        ends[row] = at
        for i in range(width):
            out[at + i] = heads[row * width + i]
        at += width
        if count < SHORT_ARRAY:
            at = put(out, at, ARRAY + count, 1)
        else:
            out[at] = LONG_ARRAY
            at = put(out, at + 1, count, 2)
        for c in range(count):
            kind = columns[COLUMN_WORDS * c]
            values = columns[COLUMN_WORDS * c + 1]
            known = columns[COLUMN_WORDS * c + 2]
            number = columns[COLUMN_WORDS * c + 3] + row
            if known != 0 and not bit(known, number):
                at = put(out, at, NIL, 1)
            elif kind == WHOLE:
                at = put_whole(out, at, word(values, number))
            elif kind == REAL:
                out[at] = FLOAT
                at = put(out, at + 1, word(values, number), 8)
            elif bit(values, number):
                at = put(out, at, FALSE + 1, 1)
            else:
                at = put(out, at, FALSE, 1)
    ends[len(ends) - 1] = at

"""Rows of numbers as bytes: a few columns in eight bytes each, which compare as they stand, then a msgpack array as msgspec writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels.tables import MIN64
from operators.machine.functions import inline, kernel
from operators.machine.operations import byte, word

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Words

WHOLE, REAL, TRUTH = 0, 1, 2
"""What the words of a column are in an array."""
SIGNED, NATURAL = 3, 4
"""The same of a column that stands before it, in eight bytes."""
COLUMN_WORDS = 4
VALUE_BYTES, ARRAY_BYTES = 9, 3
"""The most that a value takes, and what stands before the values of an array."""
SHORT_ARRAY = 16
NIL, FALSE, FLOAT, ARRAY, LONG_ARRAY = 0xC0, 0xC2, 0xCB, 0x90, 0xDC
POSITIVE, NEGATIVE = 0xCC, 0xD0
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
        out[at] = POSITIVE + code
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


@inline
def put_array(out: Bytes, at: int, count: int) -> int:
    """That so many values follow."""
    if count < SHORT_ARRAY:
        return put(out, at, ARRAY + count, 1)
    out[at] = LONG_ARRAY
    return put(out, at + 1, count, 2)


@kernel
def write_rows(columns: Words, first: int, before: int, out: Bytes, ends: Words) -> None:
    """Write of each row the byte `first`, so many columns `before` the array, and the others in it; to `ends` where it begins and all end.

    A column is four words: what its values are, where they are, where the bitmap of those that are not null is (0 for none), and the number
    of its first row in both.
    """
    count = len(columns) // COLUMN_WORDS
    at = 0
    for row in range(len(ends) - 1):
        ends[row] = at
        at = put(out, at, first, 1)
        for c in range(before):
            value = word(columns[COLUMN_WORDS * c + 1], columns[COLUMN_WORDS * c + 3] + row)
            if columns[COLUMN_WORDS * c] == SIGNED:
                value = value ^ MIN64
            at = put(out, at, value, 8)
        at = put_array(out, at, count - before)
        for c in range(before, count):
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

"""The order of values: numbers by size with NaN above all, texts by their bytes."""

from __future__ import annotations

from operators.kernels import tables as t
from operators.machine.functions import inline, outlined
from operators.machine.operations import as_float, byte, fixed, word


@outlined
def is_less_text(x: int, a: int, b: int) -> bool:
    """Whether text number a sorts before text number b."""
    offsets = fixed(x, t.X_TEXT_OFFSETS)
    text = fixed(x, t.X_TEXT)
    at = word(offsets, a)
    length = word(offsets, a + 1) - at
    other = word(offsets, b)
    other_length = word(offsets, b + 1) - other
    for i in range(min(length, other_length)):
        u = byte(text, at + i) & 255
        v = byte(text, other + i) & 255
        if u != v:
            return u < v
    return length < other_length


@inline
def is_less(x: int, a: int, b: int, kind: int) -> bool:
    """Whether the value with the word a sorts before that of b."""
    if kind == t.VT_INT:
        return a < b
    if kind == t.VT_FLOAT:
        u = as_float(a)
        v = as_float(b)
        # a NaN is not equal to itself
        return u < v or (u == u and v != v)
    return is_less_text(x, a, b)

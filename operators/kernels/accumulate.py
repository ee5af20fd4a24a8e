"""Accumulators of windows: what an event adds when it enters, takes when it leaves, and how they are counted anew.

Words by kind: A_INT [low, high, count|-]; A_FLOAT [hi, lo, lost, count|special]; A_SQUARE [hi, lo, square hi, square lo, lost, square lost,
count|special]; A_DECAY [sum, anchor, events|count]; A_NON_NULL [count|-]. `count` is of non-null inputs, `special` of NaN and infinities,
which are never added. `lost` bounds what rounding took; when it could matter, the window is counted anew from its ring.
"""

from __future__ import annotations

import math

from operators.kernels.exact import add, two_product, wide_add
from operators.kernels.slots import is_null
from operators.kernels.tables import (
    A_COLS, A_DECAY, A_FLOAT, A_HALF, A_IN, A_INT, A_KIND, A_NON_NULL, A_OFF, A_TYPE, ACC_WORDS, VT_FLOAT, W_A0, W_A1, X_ACCS,
)  # fmt: skip
from operators.machine.functions import shared
from operators.machine.operations import as_float, power, half, real, set_half, set_real, set_word, word

LOST_SUM = 2.0**-60
"""A float sum is counted anew when its rounding losses exceed this share of it."""
LOST_SQUARE = 2.0**-88


@shared
def number(value: int, kind: int) -> float:
    """A slot's word as a float64."""
    return as_float(value) if kind == VT_FLOAT else float(value)


@shared
def put_decayed(x: int, a: int, k: int, r: int, slot: int) -> None:
    """Fold one event into a decayed sum, which then stands at the event's time."""
    off = word(a, A_OFF)
    t = word(slot, 0)
    count = half(r, 2 * off + 4)
    total = real(r, off)
    if count > 0:
        total *= power(2.0, -(t - word(r, off + 1)) / word(a, A_HALF))
    j = word(a, A_IN)
    if j < 0 or not is_null(x, k, slot, j):
        total += 1.0 if j < 0 else number(word(slot, 1 + j), word(a, A_TYPE))
        set_half(r, 2 * off + 5, half(r, 2 * off + 5) + 1)
    set_real(r, off, total)
    set_word(r, off + 1, t)
    set_half(r, 2 * off + 4, count + 1)


@shared
def put_int(r: int, off: int, value: int, sign: int) -> None:
    """Add to or take from a 128-bit sum."""
    set_half(r, 2 * off + 4, half(r, 2 * off + 4) + sign)
    if sign > 0:
        low, high = wide_add(word(r, off), word(r, off + 1), value)
    else:
        # minus value is its complement plus one, which has no overflow
        low, high = wide_add(word(r, off), word(r, off + 1), ~value)
        low, high = wide_add(low, high, 1)
    set_word(r, off, low)
    set_word(r, off + 1, high)


@shared
def put_float(r: int, off: int, v: float, sign: int) -> bool:
    """Add to or take from a sum in two doubles; returns whether it must be counted anew."""
    set_half(r, 2 * off + 6, half(r, 2 * off + 6) + sign)
    if not math.isfinite(v):
        set_half(r, 2 * off + 7, half(r, 2 * off + 7) + sign)
        return False
    hi, lo, lost = add(real(r, off), real(r, off + 1), sign * v)
    lost += real(r, off + 2)
    set_real(r, off, hi)
    set_real(r, off + 1, lo)
    set_real(r, off + 2, lost)
    return sign < 0 and lost != 0.0 and not lost <= LOST_SUM * abs(hi)


@shared
def put_square(r: int, off: int, v: float, sign: int) -> bool:
    """Add to or take from the sums of v and its square; returns whether they must be counted anew."""
    set_half(r, 2 * off + 12, half(r, 2 * off + 12) + sign)
    if not math.isfinite(v):
        set_half(r, 2 * off + 13, half(r, 2 * off + 13) + sign)
        return False
    hi, lo, lost = add(real(r, off), real(r, off + 1), sign * v)
    lost += real(r, off + 4)
    set_real(r, off, hi)
    set_real(r, off + 1, lo)
    set_real(r, off + 4, lost)
    p, q = two_product(v, v)
    hi2, lo2, lost2 = add(real(r, off + 2), real(r, off + 3), sign * p)
    hi2, lo2, lost3 = add(hi2, lo2, sign * q)
    lost2 += real(r, off + 5) + lost3
    set_real(r, off + 2, hi2)
    set_real(r, off + 3, lo2)
    set_real(r, off + 5, lost2)
    return sign < 0 and (
        (lost != 0.0 and not lost <= LOST_SUM * abs(hi)) or (lost2 != 0.0 and not lost2 <= LOST_SQUARE * abs(hi2))
    )


@shared
def put(x: int, a: int, k: int, r: int, slot: int, sign: int) -> bool:
    """Add (sign 1) or take (sign -1) one event; returns whether the accumulator must be counted anew."""
    kind = word(a, A_KIND)
    if kind == A_DECAY:
        if sign > 0:
            put_decayed(x, a, k, r, slot)
        return False
    j = word(a, A_IN)
    if is_null(x, k, slot, j):
        return False
    off = word(a, A_OFF)
    value = word(slot, 1 + j)
    if kind == A_FLOAT:
        return put_float(r, off, as_float(value), sign)
    if kind == A_INT:
        put_int(r, off, value, sign)
        return False
    if kind == A_NON_NULL:
        set_half(r, 2 * off, half(r, 2 * off) + sign)
        return False
    return put_square(r, off, number(value, word(a, A_TYPE)), sign)


@shared
def clear_one(a: int, r: int) -> None:
    """Set accumulator a to that of no event."""
    off = word(a, A_OFF)
    for i in range(ACC_WORDS[word(a, A_KIND)]):
        set_word(r, off + i, 0)


@shared
def recount_one(x: int, a: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int) -> None:
    """Accumulator a from the events [tail, end) alone."""
    clear_one(a, r)
    for seq in range(tail, end):
        put(x, a, k, r, base + (seq & mask) * step, 1)


@shared
def recount(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int) -> None:
    """Every accumulator of the window from the events [tail, end) alone."""
    accs = word(x, X_ACCS)
    for a in range(word(w, W_A0), word(w, W_A1)):
        recount_one(x, accs + 8 * A_COLS * a, k, r, base, mask, step, tail, end)


@shared
def enter(x: int, w: int, k: int, r: int, slot: int) -> None:
    """Add an event to the window's accumulators."""
    accs = word(x, X_ACCS)
    for a in range(word(w, W_A0), word(w, W_A1)):
        put(x, accs + 8 * A_COLS * a, k, r, slot, 1)


@shared
def leave(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int) -> None:
    """Take the event at `tail`, the window's oldest of [tail, end)."""
    accs = word(x, X_ACCS)
    if tail + 1 == end:
        for a in range(word(w, W_A0), word(w, W_A1)):
            clear_one(accs + 8 * A_COLS * a, r)
        return
    slot = base + (tail & mask) * step
    for a in range(word(w, W_A0), word(w, W_A1)):
        at = accs + 8 * A_COLS * a
        if put(x, at, k, r, slot, -1):
            recount_one(x, at, k, r, base, mask, step, tail + 1, end)

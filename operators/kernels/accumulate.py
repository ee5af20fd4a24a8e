"""Accumulators of windows: what an event adds when it enters, takes when it leaves, and how they are counted anew.

Words by kind: A_INT [low, high, count|-]; A_FLOAT [hi, lo, lost, count|special]; A_SQUARE [hi, lo, square hi, square lo, lost, square
lost, count|special]; A_DECAY [sum, anchor, events|count]; A_NON_NULL [count|-]. `count` is of non-null inputs, `special` of NaN and
infinities, which are never added. `lost` bounds what rounding took; when it could matter, the window is counted anew from its ring.
"""

from __future__ import annotations

import math

from operators.kernels import tables as t
from operators.kernels.exact import add, two_product, wide_add
from operators.kernels.slots import is_null
from operators.machine.functions import inline, outlined
from operators.machine.operations import as_float, fixed, half, power, real, set_half, set_real, set_word, word

LOST_SUM = 2.0**-60
"""A float sum is counted anew when its rounding losses exceed this share of it."""
LOST_SQUARE = 2.0**-88


@inline
def number(value: int, kind: int) -> float:
    """A slot's word as a float64."""
    return as_float(value) if kind == t.VT_FLOAT else float(value)


@outlined
def put_decayed(a: int, k: int, r: int, slot: int) -> None:
    """Fold one event into a decayed sum, which then stands at the event's time."""
    off = fixed(a, t.A_OFF)
    time = word(slot, 0)
    count = half(r, 2 * off + 4)
    total = real(r, off)
    if count > 0:
        total *= power(2.0, -(time - word(r, off + 1)) / fixed(a, t.A_HALF))
    j = fixed(a, t.A_IN)
    if j < 0 or not is_null(k, slot, j, fixed(a, t.A_NULL)):
        total += 1.0 if j < 0 else number(word(slot, 1 + j), fixed(a, t.A_TYPE))
        set_half(r, 2 * off + 5, half(r, 2 * off + 5) + 1)
    set_real(r, off, total)
    set_word(r, off + 1, time)
    set_half(r, 2 * off + 4, count + 1)


@inline
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


@inline
def is_lossy(hi: float, lost: float) -> bool:
    """Whether what rounding took from a sum in two doubles could show in its value."""
    return lost != 0.0 and not lost <= LOST_SUM * abs(hi)


@inline
def shift_float(x: int, a: int, k: int, r: int, base: int, mask: int, step: int, tail: int, until: int, end: int, slot: int) -> None:
    """`move` of a sum in two doubles."""
    off = fixed(a, t.A_OFF)
    j = fixed(a, t.A_IN)
    null = fixed(a, t.A_NULL)
    hi = 0.0
    lo = 0.0
    lost = 0.0
    count = 0
    special = 0
    if until < end or tail == until:
        hi = real(r, off)
        lo = real(r, off + 1)
        lost = real(r, off + 2)
        count = half(r, 2 * off + 6)
        special = half(r, 2 * off + 7)
        for seq in range(tail, until):
            gone = base + (seq & mask) * step
            if not is_null(k, gone, j, null):
                v = as_float(word(gone, 1 + j))
                count -= 1
                if math.isfinite(v):
                    hi, lo, more = add(hi, lo, -v)
                    lost += more
                    if is_lossy(hi, lost):
                        recount_one(x, a, k, r, base, mask, step, seq + 1, end)
                        hi = real(r, off)
                        lo = real(r, off + 1)
                        lost = real(r, off + 2)
                else:
                    special -= 1
    if slot != 0 and not is_null(k, slot, j, null):
        v = as_float(word(slot, 1 + j))
        count += 1
        if math.isfinite(v):
            hi, lo, more = add(hi, lo, v)
            lost += more
        else:
            special += 1
    set_real(r, off, hi)
    set_real(r, off + 1, lo)
    set_real(r, off + 2, lost)
    set_half(r, 2 * off + 6, count)
    set_half(r, 2 * off + 7, special)


@outlined
def move_float(x: int, a: int, k: int, r: int, base: int, mask: int, step: int, tail: int, until: int, end: int, slot: int) -> None:
    """`shift_float`, where it is not frequent."""
    shift_float(x, a, k, r, base, mask, step, tail, until, end, slot)


@outlined
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


@outlined
def put(a: int, k: int, r: int, slot: int, sign: int) -> bool:
    """Add (sign 1) or take (sign -1) one event; whether the accumulator must be counted anew. Sums of floats are left to `move_float`."""
    kind = fixed(a, t.A_KIND)
    if kind == t.A_DECAY:
        if sign > 0:
            put_decayed(a, k, r, slot)
        return False
    j = fixed(a, t.A_IN)
    if is_null(k, slot, j, fixed(a, t.A_NULL)):
        return False
    off = fixed(a, t.A_OFF)
    value = word(slot, 1 + j)
    if kind == t.A_INT:
        put_int(r, off, value, sign)
        return False
    if kind == t.A_NON_NULL:
        set_half(r, 2 * off, half(r, 2 * off) + sign)
        return False
    return put_square(r, off, number(value, fixed(a, t.A_TYPE)), sign)


@outlined
def clear_one(a: int, r: int) -> None:
    """Set an accumulator to that of no event."""
    off = fixed(a, t.A_OFF)
    for i in range(t.ACC_WORDS[fixed(a, t.A_KIND)]):
        set_word(r, off + i, 0)


@outlined
def recount_one(x: int, a: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int) -> None:
    """Accumulator a from the events [tail, end) alone."""
    clear_one(a, r)
    for seq in range(tail, end):
        slot = base + (seq & mask) * step
        if fixed(a, t.A_KIND) == t.A_FLOAT:
            move_float(x, a, k, r, base, mask, step, seq, seq, seq, slot)
        else:
            put(a, k, r, slot, 1)


@outlined
def recount(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int) -> None:
    """Every accumulator of the window from the events [tail, end) alone."""
    accs = fixed(x, t.X_ACCS)
    for a in range(fixed(w, t.W_A0), fixed(w, t.W_A1)):
        recount_one(x, accs + 8 * t.A_COLS * a, k, r, base, mask, step, tail, end)


@outlined
def move_other(x: int, a: int, k: int, r: int, base: int, mask: int, step: int, tail: int, until: int, end: int, slot: int) -> None:
    """`move` of any other accumulator."""
    if tail < until and until == end:
        clear_one(a, r)
    else:
        for seq in range(tail, until):
            if put(a, k, r, base + (seq & mask) * step, -1):
                recount_one(x, a, k, r, base, mask, step, seq + 1, end)
    if slot != 0:
        put(a, k, r, slot, 1)


@inline
def move(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, tail: int, until: int, end: int, slot: int) -> None:
    """Take the events [tail, until) from the accumulators of a window that holds [tail, end), then add the one in `slot`, 0 for none.

    A window that becomes empty starts from nothing again.
    """
    accs = fixed(x, t.X_ACCS)
    for index in range(fixed(w, t.W_A0), fixed(w, t.W_A1)):
        a = accs + 8 * t.A_COLS * index
        if fixed(a, t.A_KIND) == t.A_FLOAT:
            move_float(x, a, k, r, base, mask, step, tail, until, end, slot)
        else:
            move_other(x, a, k, r, base, mask, step, tail, until, end, slot)

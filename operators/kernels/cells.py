"""Cells: the value of an aggregate over a window, from its accumulators or by a look at its events.

`emit` writes one cell of an entity whose windows are advanced; `emit_range` the same from the events [lo, hi) alone,
for a row whose instant the windows have passed. Both write a word and a valid byte; an int outside int64 is null and counted.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels.accumulate import number
from operators.kernels.compare import is_less
from operators.kernels.deques import extreme_of
from operators.kernels.exact import add, divide, two_product, variance, wide_add, wide_to_double_double
from operators.kernels.slots import is_null, ring_of, time_at
from operators.kernels.tables import (
    A_COLS, A_DECAY, A_FLOAT, A_HALF, A_INT, A_KIND, A_NON_NULL, A_OFF, A_SQUARE, C_ACC, C_HEAD, C_IGNORE, C_IN, C_KIND, C_N, C_OUT, C_TYPE,
    C_WINDOW, CTL_OVERFLOW, H_COLS, K_COUNT, K_COUNT_ALL, K_DECAY, K_FIRST, K_LAG, K_LAST, K_LAST_N, K_LAST_TIME, K_MAX, K_MEAN, K_N_UNIQUE,
    K_STD, K_SUM, K_VAR, T_COLS, VT_FLOAT, W_COLS, W_OFF, W_TRACK, X_ACCS, X_CONTROL, X_HEADS, X_OUT_CAPACITY, X_OUT_VALID, X_OUT_WIDTH,
    X_OUT_WORDS, X_TRACKS, X_WINDOWS,
)  # fmt: skip
from operators.machine.functions import shared
from operators.machine.operations import allocate, as_float, as_word, deallocate, power, half, real, set_byte, set_word, word

MINUS_ZERO = -(2**63)
MIX = -7046029254386353131


@shared
def write(x: int, g: int, column: int, row: int, value: int, valid: int) -> None:
    """Write one word of the output and its valid byte."""
    at = (g * word(x, X_OUT_WIDTH) + column) * word(x, X_OUT_CAPACITY) + row
    set_word(word(x, X_OUT_WORDS), at, value)
    set_byte(word(x, X_OUT_VALID), at, valid)


@shared
def window_of(x: int, c: int) -> int:
    """The address of a cell's window."""
    return word(x, X_WINDOWS) + 8 * W_COLS * word(c, C_WINDOW)


@shared
def track_of(x: int, w: int) -> int:
    """The address of a window's track."""
    return word(x, X_TRACKS) + 8 * T_COLS * word(w, W_TRACK)


@shared
def special_sum(x: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, j: int) -> float:
    """What NaN and infinities among [lo, hi) make of a sum."""
    nan = False
    plus = False
    minus = False
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if not is_null(x, k, slot, j):
            v = as_float(word(slot, 1 + j))
            nan = nan or v != v
            plus = plus or v == np.inf
            minus = minus or v == -np.inf
    if nan or (plus and minus):
        return np.nan
    return np.inf if plus else -np.inf


@shared
def overflow(x: int) -> tuple[int, int]:
    """Count a value that its type cannot hold; it is null."""
    control = word(x, X_CONTROL)
    set_word(control, CTL_OVERFLOW, word(control, CTL_OVERFLOW) + 1)
    return 0, 0


@shared
def moment(x: int, kind: int, hi: float, lo: float, q_hi: float, q_lo: float, count: int, special: float) -> tuple[int, int]:
    """(word, valid) of a sum, mean, var or std of floats; `special` is what non-finite inputs make of the sum, else 0."""
    if count == 0:
        return 0, 0
    if kind == K_VAR or kind == K_STD:
        if count < 2:
            return 0, 0
        if special != 0.0:
            return as_word(np.nan), 1
        v = variance(hi, lo, q_hi, q_lo, count)
        return as_word(math.sqrt(v) if kind == K_STD else v), 1
    if special != 0.0:
        return as_word(special), 1
    value = hi + lo if kind == K_SUM else divide(hi, lo, float(count))
    if not math.isfinite(value):
        return overflow(x)
    return as_word(value), 1


@shared
def whole_moment(x: int, kind: int, low: int, high: int, count: int) -> tuple[int, int]:
    """(word, valid) of a sum or mean of whole numbers."""
    if count == 0:
        return 0, 0
    if kind == K_SUM:
        if high != (low >> 63):
            return overflow(x)
        return low, 1
    hi, lo = wide_to_double_double(low, high)
    return as_word(divide(hi, lo, float(count))), 1


@shared
def extreme(x: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, j: int, kind: int, largest: bool) -> tuple[int, int]:
    """(word, valid) of the largest or smallest input of [lo, hi)."""
    best = 0
    valid = 0
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if not is_null(x, k, slot, j):
            value = word(slot, 1 + j)
            if valid == 0 or (not is_less(x, value, best, kind) if largest else not is_less(x, best, value, kind)):
                best = value
                valid = 1
    return best, valid


@shared
def nth_back(x: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, j: int, n: int, ignore: bool) -> tuple[int, int]:
    """(word, valid) of the input n places before the newest of [lo, hi), nulls passed over if `ignore`."""
    seq = hi - 1
    if not ignore:
        seq -= n
        n = 0
    while seq >= lo:
        slot = base + (seq & mask) * step
        null = is_null(x, k, slot, j)
        if null and not ignore:
            return 0, 0
        if not null:
            if n == 0:
                return word(slot, 1 + j), 1
            n -= 1
        seq -= 1
    return 0, 0


@shared
def first_of(x: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, j: int, ignore: bool) -> tuple[int, int]:
    """(word, valid) of the oldest input of [lo, hi)."""
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if not is_null(x, k, slot, j):
            return word(slot, 1 + j), 1
        if not ignore:
            return 0, 0
    return 0, 0


@shared
def distinct(x: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, j: int, kind: int) -> int:
    """How many different non-null inputs stand in [lo, hi); 0.0 and -0.0 are one, every NaN is one."""
    size = 4
    while size < 2 * (hi - lo):
        size *= 2
    seen = allocate(16 * size)
    for i in range(size):
        set_word(seen, size + i, 0)
    count = 0
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if is_null(x, k, slot, j):
            continue
        value = word(slot, 1 + j)
        if kind == VT_FLOAT and value == MINUS_ZERO:
            value = 0
        at = ((value ^ (value >> 29)) * MIX >> 17) & (size - 1)
        while word(seen, size + at) and word(seen, at) != value:
            at = (at + 1) & (size - 1)
        if not word(seen, size + at):
            set_word(seen, size + at, 1)
            set_word(seen, at, value)
            count += 1
    deallocate(seen)
    return count


@shared
def emit_list(x: int, c: int, k: int, base: int, mask: int, step: int, g: int, row: int, lo: int, hi: int) -> None:
    """Write the newest n inputs, oldest first, into the n columns before the cell's, and their number into it."""
    j = word(c, C_IN)
    n = word(c, C_N)
    column = word(c, C_OUT)
    count = 0
    seq = hi - 1
    while seq >= lo and count < n:
        slot = base + (seq & mask) * step
        null = is_null(x, k, slot, j)
        if not (null and word(c, C_IGNORE) == 1):
            count += 1
            write(x, g, column + n - count, row, 0 if null else word(slot, 1 + j), 0 if null else 1)
        seq -= 1
    # over nothing a list is null, like every aggregate but count
    write(x, g, column + n, row, count, 1 if count > 0 else 0)


@shared
def by_place(x: int, c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """(word, valid) of a cell that is read off the events' places."""
    kind = word(c, C_KIND)
    j = word(c, C_IN)
    ignore = word(c, C_IGNORE) == 1
    if kind == K_COUNT_ALL:
        return hi - lo, 1
    if kind == K_LAST_TIME:
        if hi <= lo:
            return 0, 0
        return time_at(base, mask, step, hi - 1), 1
    if kind == K_FIRST:
        return first_of(x, k, base, mask, step, lo, hi, j, ignore)
    if kind == K_LAST or kind == K_LAG:
        return nth_back(x, k, base, mask, step, lo, hi, j, word(c, C_N) if kind == K_LAG else 0, ignore)
    if kind == K_N_UNIQUE:
        different = distinct(x, k, base, mask, step, lo, hi, j, word(c, C_TYPE))
        return different, 1 if different > 0 else 0
    return extreme(x, k, base, mask, step, lo, hi, j, word(c, C_TYPE), kind == K_MAX)


@shared
def accumulated(x: int, c: int, a: int, k: int, r: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """(word, valid) of a cell that has an accumulator."""
    off = word(a, A_OFF)
    accumulator = word(a, A_KIND)
    kind = word(c, C_KIND)
    count_at = 0
    if accumulator == A_FLOAT:
        count_at = 6
    elif accumulator == A_SQUARE:
        count_at = 12
    elif accumulator != A_NON_NULL:
        count_at = 4
    count = half(r, 2 * off + count_at)
    if kind == K_COUNT:
        return count, 1
    if accumulator == A_INT:
        return whole_moment(x, kind, word(r, off), word(r, off + 1), count)
    if accumulator == A_DECAY:
        return word(r, off), 1 if half(r, 2 * off + 5) > 0 else 0
    special = 0.0
    if half(r, 2 * off + count_at + 1) > 0:
        special = special_sum(x, k, base, mask, step, lo, hi, word(c, C_IN))
    q_hi = 0.0
    q_lo = 0.0
    if accumulator == A_SQUARE:
        q_hi = real(r, off + 2)
        q_lo = real(r, off + 3)
    return moment(x, kind, real(r, off), real(r, off + 1), q_hi, q_lo, count, special)


@shared
def emit(x: int, c: int, r: int, g: int, row: int) -> None:
    """Write cell c of record r, whose windows are advanced, to a row of group g."""
    w = window_of(x, c)
    k = track_of(x, w)
    base, mask, step = ring_of(x, k, r)
    tail = half(r, 2 * word(w, W_OFF))
    end = half(r, 2 * word(w, W_OFF) + 1)
    kind = word(c, C_KIND)
    if kind == K_LAST_N:
        emit_list(x, c, k, base, mask, step, g, row, tail, end)
        return
    if kind == K_COUNT_ALL:
        value, valid = end - tail, 1
    elif word(c, C_ACC) >= 0:
        a = word(x, X_ACCS) + 8 * A_COLS * word(c, C_ACC)
        value, valid = accumulated(x, c, a, k, r, base, mask, step, tail, end)
    elif word(c, C_HEAD) >= 0:
        head = word(x, X_HEADS) + 8 * H_COLS * word(c, C_HEAD)
        value, valid = extreme_of(x, head, r, base, mask, step, tail, word(c, C_IN))
    else:
        value, valid = by_place(x, c, k, base, mask, step, tail, end)
    write(x, g, word(c, C_OUT), row, value, valid)


@shared
def decayed_range(x: int, c: int, a: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """(word, valid) of a decayed sum over [lo, hi), at the time of its newest event."""
    total = 0.0
    before = 0
    valid = 0
    j = word(c, C_IN)
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        t = word(slot, 0)
        if seq > lo:
            total *= power(2.0, -(t - before) / word(a, A_HALF))
        if j < 0 or not is_null(x, k, slot, j):
            total += 1.0 if j < 0 else number(word(slot, 1 + j), word(c, C_TYPE))
            valid = 1
        before = t
    return as_word(total), valid


@shared
def moment_range(x: int, c: int, a: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """(word, valid) of a count, sum, mean, var or std over [lo, hi)."""
    kind = word(c, C_KIND)
    accumulator = word(a, A_KIND)
    j = word(c, C_IN)
    low = 0
    high = 0
    f = 0.0
    f_low = 0.0
    q = 0.0
    q_low = 0.0
    count = 0
    special = 0
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if is_null(x, k, slot, j):
            continue
        count += 1
        if kind == K_COUNT:
            continue
        if accumulator == A_INT:
            low, high = wide_add(low, high, word(slot, 1 + j))
            continue
        v = number(word(slot, 1 + j), word(c, C_TYPE))
        if not math.isfinite(v):
            special += 1
            continue
        f, f_low, _ = add(f, f_low, v)
        if accumulator == A_SQUARE:
            p, p_low = two_product(v, v)
            q, q_low, _ = add(q, q_low, p)
            q, q_low, _ = add(q, q_low, p_low)
    if kind == K_COUNT:
        return count, 1
    if accumulator == A_INT:
        return whole_moment(x, kind, low, high, count)
    special_value = 0.0
    if special > 0:
        special_value = special_sum(x, k, base, mask, step, lo, hi, j)
    return moment(x, kind, f, f_low, q, q_low, count, special_value)


@shared
def emit_range(x: int, c: int, r: int, g: int, row: int, lo: int, hi: int) -> None:
    """Write cell c of record r from the events [lo, hi) alone."""
    k = track_of(x, window_of(x, c))
    base, mask, step = ring_of(x, k, r)
    kind = word(c, C_KIND)
    if kind == K_LAST_N:
        emit_list(x, c, k, base, mask, step, g, row, lo, hi)
        return
    a = word(x, X_ACCS) + 8 * A_COLS * word(c, C_ACC)
    if kind == K_DECAY:
        value, valid = decayed_range(x, c, a, k, base, mask, step, lo, hi)
    elif kind == K_COUNT or kind == K_SUM or kind == K_MEAN or kind == K_VAR or kind == K_STD:
        value, valid = moment_range(x, c, a, k, base, mask, step, lo, hi)
    else:
        value, valid = by_place(x, c, k, base, mask, step, lo, hi)
    write(x, g, word(c, C_OUT), row, value, valid)


@shared
def emit_nothing(x: int, c: int, g: int, row: int, known: bool) -> None:
    """Write cell c as over nothing: counts 0, the rest null; if not `known`, null even where it is a count."""
    kind = word(c, C_KIND)
    column = word(c, C_OUT) + (word(c, C_N) if kind == K_LAST_N else 0)
    write(x, g, column, row, 0, 1 if known and (kind == K_COUNT or kind == K_COUNT_ALL) else 0)

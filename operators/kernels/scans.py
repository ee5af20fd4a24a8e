"""Aggregates by a look at the events [lo, hi) of a ring: those that have no accumulator, and all of them for a row that comes late.

Each gives `(word, valid)`. They are exact on their own; the tests hold the accumulators against them.
"""

from __future__ import annotations

import math

import numpy as np

from operators.kernels import tables as t
from operators.kernels.accumulate import number
from operators.kernels.compare import is_less
from operators.kernels.exact import add, two_product, wide_add
from operators.kernels.moments import moment, whole_moment
from operators.kernels.slots import is_null, time_at
from operators.machine.functions import inline, outlined
from operators.machine.operations import allocate, as_float, as_word, deallocate, fixed, power, set_word, word

MINUS_ZERO = -(2**63)
MIX = -7046029254386353131


@inline
def is_missing(c: int, k: int, slot: int) -> bool:
    """Whether the input of cell c is null in the event in `slot`."""
    return is_null(k, slot, fixed(c, t.C_IN), fixed(c, t.C_NULL))


@inline
def input_at(c: int, slot: int) -> int:
    """The word of cell c's input in the event in `slot`."""
    return word(slot, 1 + fixed(c, t.C_IN))


@outlined
def special_sum(c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> float:
    """What NaN and infinities make of a sum."""
    nan = False
    plus = False
    minus = False
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if not is_missing(c, k, slot):
            v = as_float(input_at(c, slot))
            nan = nan or not (math.isfinite(v) or abs(v) == np.inf)
            plus = plus or v == np.inf
            minus = minus or v == -np.inf
    if nan or (plus and minus):
        return np.nan
    return np.inf if plus else -np.inf


@outlined
def extreme(x: int, c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """The largest or smallest input; of equal ones the newest."""
    kind = fixed(c, t.C_TYPE)
    largest = fixed(c, t.C_KIND) == t.K_MAX
    best = 0
    valid = 0
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if not is_missing(c, k, slot):
            value = input_at(c, slot)
            if valid == 0 or (not is_less(x, value, best, kind) if largest else not is_less(x, best, value, kind)):
                best = value
                valid = 1
    return best, valid


@outlined
def nth_back(c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, n: int) -> tuple[int, int]:
    """The input n places before the newest, nulls passed over where the cell ignores them."""
    ignore = fixed(c, t.C_IGNORE) == 1
    seq = hi - 1
    if not ignore:
        seq -= n
        n = 0
    while seq >= lo:
        slot = base + (seq & mask) * step
        missing = is_missing(c, k, slot)
        if missing and not ignore:
            return 0, 0
        if not missing:
            if n == 0:
                return input_at(c, slot), 1
            n -= 1
        seq -= 1
    return 0, 0


@outlined
def first_of(c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """The oldest input."""
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if not is_missing(c, k, slot):
            return input_at(c, slot), 1
        if fixed(c, t.C_IGNORE) == 0:
            return 0, 0
    return 0, 0


@inline
def canonical(value: int, kind: int) -> int:
    """The word by which values are told apart: 0.0 and -0.0 are one."""
    return 0 if kind == t.VT_FLOAT and value == MINUS_ZERO else value


@inline
def scatter(value: int) -> int:
    """A hash of a word."""
    return ((value ^ (value >> 29)) * MIX) >> 17


@outlined
def distinct(c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """How many different inputs there are."""
    size = 4
    while size < 2 * (hi - lo):
        size *= 2
    seen = allocate(16 * size)
    for i in range(size):
        set_word(seen, size + i, 0)
    count = 0
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        if is_missing(c, k, slot):
            continue
        value = canonical(input_at(c, slot), fixed(c, t.C_TYPE))
        at = scatter(value) & (size - 1)
        while word(seen, size + at) and word(seen, at) != value:
            at = (at + 1) & (size - 1)
        if not word(seen, size + at):
            set_word(seen, size + at, 1)
            set_word(seen, at, value)
            count += 1
    deallocate(seen)
    return count, 1 if count > 0 else 0


@outlined
def by_place(x: int, c: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """A cell that is read off the events' places."""
    kind = fixed(c, t.C_KIND)
    if kind == t.K_COUNT_ALL:
        return hi - lo, 1
    if kind == t.K_LAST_TIME:
        if hi <= lo:
            return 0, 0
        return time_at(base, mask, step, hi - 1), 1
    if kind == t.K_FIRST:
        return first_of(c, k, base, mask, step, lo, hi)
    if kind in (t.K_LAST, t.K_LAG):
        return nth_back(c, k, base, mask, step, lo, hi, fixed(c, t.C_N) if kind == t.K_LAG else 0)
    if kind == t.K_N_UNIQUE:
        return distinct(c, k, base, mask, step, lo, hi)
    return extreme(x, c, k, base, mask, step, lo, hi)


@outlined
def decayed_range(c: int, a: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """A decayed sum, at the time of its newest event."""
    total = 0.0
    before = 0
    valid = 0
    j = fixed(c, t.C_IN)
    for seq in range(lo, hi):
        slot = base + (seq & mask) * step
        time = word(slot, 0)
        if seq > lo:
            total *= power(2.0, -(time - before) / fixed(a, t.A_HALF))
        if j < 0 or not is_missing(c, k, slot):
            total += 1.0 if j < 0 else number(word(slot, 1 + j), fixed(c, t.C_TYPE))
            valid = 1
        before = time
    return as_word(total), valid


@outlined
def moment_range(x: int, c: int, a: int, k: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """A count, sum, mean, var or std."""
    kind = fixed(c, t.C_KIND)
    accumulator = fixed(a, t.A_KIND)
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
        if is_missing(c, k, slot):
            continue
        count += 1
        if kind == t.K_COUNT:
            continue
        if accumulator == t.A_INT:
            low, high = wide_add(low, high, input_at(c, slot))
            continue
        v = number(input_at(c, slot), fixed(c, t.C_TYPE))
        if not math.isfinite(v):
            special += 1
            continue
        f, f_low, _ = add(f, f_low, v)
        if accumulator == t.A_SQUARE:
            p, p_low = two_product(v, v)
            q, q_low, _ = add(q, q_low, p)
            q, q_low, _ = add(q, q_low, p_low)
    if kind == t.K_COUNT:
        return count, 1
    if accumulator == t.A_INT:
        return whole_moment(x, kind, low, high, count)
    special_value = 0.0
    if special > 0:
        special_value = special_sum(c, k, base, mask, step, lo, hi)
    return moment(x, kind, f, f_low, q, q_low, count, special_value)

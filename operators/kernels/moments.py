"""From sums to values: sum, mean, variance and deviation; null over nothing, null and counted where the type cannot hold them."""

from __future__ import annotations

import math

import numpy as np

from operators.kernels import tables as t
from operators.kernels.exact import divide, variance, wide_to_double_double
from operators.machine.functions import outlined
from operators.machine.operations import as_word, fixed, set_word, word


@outlined
def overflow(x: int) -> tuple[int, int]:
    """Count a value that its type cannot hold; it is null."""
    control = fixed(x, t.X_CONTROL)
    set_word(control, t.CTL_OVERFLOW, word(control, t.CTL_OVERFLOW) + 1)
    return 0, 0


@outlined
def moment(x: int, kind: int, hi: float, lo: float, q_hi: float, q_lo: float, count: int, special: float) -> tuple[int, int]:
    """(word, valid) of a sum, mean, var or std of floats; `special` is what non-finite inputs make of the sum, else 0."""
    if count == 0:
        return 0, 0
    if kind in (t.K_VAR, t.K_STD):
        if count < 2:
            return 0, 0
        if special != 0.0:
            return as_word(np.nan), 1
        v = variance(hi, lo, q_hi, q_lo, count)
        return as_word(math.sqrt(v) if kind == t.K_STD else v), 1
    if special != 0.0:
        return as_word(special), 1
    value = hi + lo if kind == t.K_SUM else divide(hi, lo, float(count))
    if not math.isfinite(value):
        return overflow(x)
    return as_word(value), 1


@outlined
def whole_moment(x: int, kind: int, low: int, high: int, count: int) -> tuple[int, int]:
    """(word, valid) of a sum or mean of whole numbers."""
    if count == 0:
        return 0, 0
    if kind == t.K_SUM:
        if high != (low >> 63):
            return overflow(x)
        return low, 1
    hi, lo = wide_to_double_double(low, high)
    return as_word(divide(hi, lo, float(count))), 1

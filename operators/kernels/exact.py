"""Exact arithmetic of the accumulators: sums in two doubles, integers in 128 bits.

A double-double is `(hi, lo)` with `hi` the rounded sum. `add` returns what was lost as well, so that a caller knows
whether a running sum is still exact. Method: Knuth's TwoSum, Dekker's FastTwoSum and TwoProduct (Dekker, "A
floating-point technique for extending the available precision", 1971).
"""

from __future__ import annotations

from operators.machine.functions import inline

SPLIT = 134217729.0
"""2**27 + 1, Dekker's constant for doubles."""
SPLIT_MAX = 1e150
"""Above it a product overflows when it is split; its error term is taken as zero."""


@inline
def two_sum(a: float, b: float) -> tuple[float, float]:
    """`(s, e)` with s the rounded sum and s + e == a + b exactly."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@inline
def add(hi: float, lo: float, x: float) -> tuple[float, float, float]:
    """`(hi, lo, lost)`: (hi, lo) + x; lost is 0.0 when the result is exact."""
    s, e = two_sum(hi, x)
    low, lost = two_sum(lo, e)
    total = s + low
    return total, low - (total - s), abs(lost)


@inline
def two_product(a: float, b: float) -> tuple[float, float]:
    """`(p, e)` with p the rounded product and p + e == a * b exactly, below the overflow bound."""
    p = a * b
    if abs(a) > SPLIT_MAX or abs(b) > SPLIT_MAX:
        return p, 0.0
    t = SPLIT * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = SPLIT * b
    b_high = t - (t - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@inline
def divide(hi: float, lo: float, d: float) -> float:
    """(hi, lo) / d, rounded once."""
    q = hi / d
    p, e = two_product(q, d)
    s, t = two_sum(hi, -p)
    return q + ((t - e + lo) + s) / d


@inline
def variance(hi: float, lo: float, q_hi: float, q_lo: float, n: int) -> float:
    """The sample variance from the sums of x and x squared, both in two doubles; n >= 2."""
    # (sum x)^2 / n in two doubles
    p, e = two_product(hi, hi)
    e += 2.0 * hi * lo
    m = p / n
    r, f = two_product(m, n * 1.0)
    s, t = two_sum(p, -r)
    m_low = ((t - f) + s + e) / n
    a, b = two_sum(q_hi, -m)
    spread = a + (b + (q_lo - m_low))
    if spread < 0.0:
        spread = 0.0
    return spread / (n - 1)


@inline
def wide_add(low: int, high: int, x: int) -> tuple[int, int]:
    """`(low, high)` of the 128-bit integer (low: its lower 64 bits as int64) plus the int64 x."""
    total = low + x
    # an unsigned carry out of the lower half, told from signed words: compare with the sign bit flipped
    carry = 1 if (total ^ MIN64) < (low ^ MIN64) else 0
    return total, high + carry + (-1 if x < 0 else 0)


MIN64 = -(2**63)
TWO64 = 18446744073709551616.0


@inline
def wide_to_double_double(low: int, high: int) -> tuple[float, float]:
    """The 128-bit integer as `(hi, lo)`."""
    h = float(high) * TWO64
    u = low >> 32
    u = u & 0xFFFFFFFF
    v = low & 0xFFFFFFFF
    s, e = two_sum(h, float(u) * 4294967296.0)
    s, e2 = two_sum(s, float(v))
    return two_sum(s, e + e2)

"""Blocks of the pool: power-of-two numbers of slots, free lists for each (words of a slot, number of slots).

A block is named by one word: offset in words * 64 + log2(slots), or -1 for none. A free block that is too large is halved. The caller
makes sure beforehand that the pool has room; `take` never fails.
"""

from __future__ import annotations

from operators.kernels import tables as t
from operators.machine.functions import inline, outlined
from operators.machine.operations import fixed, set_word, word


@outlined
def take(x: int, kind: int, words: int, log2: int) -> int:
    """A block of 2**log2 slots of `words` words."""
    free = fixed(x, t.X_FREE) + 8 * kind * t.FREE_CLASSES
    pool = fixed(x, t.X_POOL)
    found = log2
    while found < t.FREE_CLASSES and word(free, found) < 0:
        found += 1
    if found < t.FREE_CLASSES:
        offset = word(free, found)
        set_word(free, found, word(pool, offset))
        while found > log2:
            found -= 1
            half = offset + (words << found)
            set_word(pool, half, word(free, found))
            set_word(free, found, half)
        return offset * 64 + log2
    control = fixed(x, t.X_CONTROL)
    top = word(control, t.CTL_TOP)
    set_word(control, t.CTL_TOP, top + (words << log2))
    return top * 64 + log2


@outlined
def give(x: int, kind: int, block: int) -> None:
    """Return a block."""
    if block >= 0:
        at = kind * t.FREE_CLASSES + (block & 63)
        free = fixed(x, t.X_FREE)
        set_word(fixed(x, t.X_POOL), block >> 6, word(free, at))
        set_word(free, at, block >> 6)


@inline
def ceil_log2(n: int) -> int:
    """The smallest k with 2**k >= n; 1 at least."""
    k = 1
    while (1 << k) < n:
        k += 1
    return k


@inline
def base_of(x: int, block: int) -> int:
    """The address of a block."""
    return fixed(x, t.X_POOL) + 8 * (block >> 6)

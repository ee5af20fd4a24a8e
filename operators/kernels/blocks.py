"""Blocks of the pool: power-of-two capacities, one free list for each (kind of block, capacity).

A block is named by one word: offset in words * 64 + log2(capacity), or -1 for none. The caller makes sure beforehand that the pool has
room; `take` never fails.
"""

from __future__ import annotations

from operators.kernels.tables import CTL_TOP, FREE_CLASSES, X_CONTROL, X_FREE, X_POOL
from operators.machine.functions import shared
from operators.machine.operations import set_word, word


@shared
def take(x: int, kind: int, words: int, log2: int) -> int:
    """A block of 2**log2 slots of `words` words."""
    free = word(x, X_FREE)
    at = kind * FREE_CLASSES + log2
    head = word(free, at)
    if head >= 0:
        set_word(free, at, word(word(x, X_POOL), head))
        return head * 64 + log2
    control = word(x, X_CONTROL)
    top = word(control, CTL_TOP)
    set_word(control, CTL_TOP, top + (words << log2))
    return top * 64 + log2


@shared
def give(x: int, kind: int, block: int) -> None:
    """Return a block."""
    if block >= 0:
        free = word(x, X_FREE)
        at = kind * FREE_CLASSES + (block & 63)
        set_word(word(x, X_POOL), block >> 6, word(free, at))
        set_word(free, at, block >> 6)


@shared
def ceil_log2(n: int) -> int:
    """The smallest k with 2**k >= n; 1 at least."""
    k = 1
    while (1 << k) < n:
        k += 1
    return k


@shared
def base_of(x: int, block: int) -> int:
    """The address of a block."""
    return word(x, X_POOL) + 8 * (block >> 6)

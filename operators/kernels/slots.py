"""Where an event stands in its ring, and what its slot holds: [time, inputs…, null bits if the track has them].

A ring is handed about as three integers: the address of its block, the mask of its positions and the bytes of a slot.
"""

from __future__ import annotations

from operators.kernels.blocks import base_of
from operators.kernels.tables import I_COLS, I_TYPE, MIN64, NULL_FLOAT, T_I0, T_INPUTS, T_MASK, T_OFF, T_WORDS, VT_FLOAT, X_INPUTS
from operators.machine.functions import shared
from operators.machine.operations import word


@shared
def ring_of(x: int, k: int, r: int) -> tuple[int, int, int]:
    """(base, mask, step) of track k's ring in record r; an entity without events has a ring of no use."""
    block = word(r, word(k, T_OFF))
    return base_of(x, block), (1 << (block & 63)) - 1, 8 * word(k, T_WORDS)


@shared
def time_at(base: int, mask: int, step: int, seq: int) -> int:
    """The event time at position `seq`."""
    return word(base + (seq & mask) * step, 0)


@shared
def is_null(x: int, k: int, slot: int, j: int) -> bool:
    """Whether input j of the event in `slot` is null."""
    if word(k, T_MASK):
        return (word(slot, 1 + word(k, T_INPUTS)) >> j) & 1 == 1
    value = word(slot, 1 + j)
    if word(word(x, X_INPUTS) + 8 * I_COLS * (word(k, T_I0) + j), I_TYPE) == VT_FLOAT:
        return value == NULL_FLOAT
    return value == MIN64


@shared
def upper_bound(base: int, mask: int, step: int, start: int, stop: int, t: int) -> int:
    """The first position in [start, stop) whose time is > t."""
    while start < stop:
        middle = (start + stop) >> 1
        if time_at(base, mask, step, middle) <= t:
            start = middle + 1
        else:
            stop = middle
    return start

"""Where an event stands in its ring, and what its slot holds: [time, inputs…, null bits if the track has them].

A ring is handed about as three integers: the address of its block, the mask of its positions and the bytes of a slot.
"""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.blocks import base_of
from operators.machine.functions import inline, shared
from operators.machine.operations import fixed, word


@inline
def ring_of(x: int, k: int, r: int) -> tuple[int, int, int]:
    """(base, mask, step) of track k's ring in record r; an entity without events has a ring of no use."""
    block = word(r, fixed(k, t.T_OFF))
    return base_of(x, block), (1 << (block & 63)) - 1, 8 * fixed(k, t.T_WORDS)


@inline
def time_at(base: int, mask: int, step: int, seq: int) -> int:
    """The event time at position `seq`."""
    return word(base + (seq & mask) * step, 0)


@inline
def is_null(k: int, slot: int, j: int, null: int) -> bool:
    """Whether input j of the event in `slot` is null; `null` is the word that stands for it, in a masked track for a value as well."""
    if word(slot, 1 + j) != null:
        return False
    return not fixed(k, t.T_MASK) or (word(slot, 1 + fixed(k, t.T_INPUTS)) >> j) & 1 == 1


@shared
def upper_bound(base: int, mask: int, step: int, start: int, stop: int, time: int) -> int:
    """The first position in [start, stop) whose time is > `time`."""
    while start < stop:
        middle = (start + stop) >> 1
        if time_at(base, mask, step, middle) <= time:
            start = middle + 1
        else:
            stop = middle
    return start

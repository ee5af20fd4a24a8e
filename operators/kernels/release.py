"""Entities that nothing can ask for any more: their blocks return to the pool, their records to the free list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels import tables as t
from operators.kernels.blocks import give
from operators.kernels.entities import remove
from operators.kernels.rows import group_at, record_of
from operators.kernels.windows import track_at
from operators.machine.functions import kernel, outlined
from operators.machine.operations import fixed, word

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Halves, Words


@outlined
def is_idle(x: int, r: int, bounds: Words) -> bool:
    """Whether every group of the entity keeps nothing of it at the instants `bounds`."""
    plain = fixed(x, t.X_MODE) == t.EVENTS
    for g in range(len(bounds)):
        group = group_at(x, g)
        off = fixed(group, t.G_OFF)
        newest = word(r, off + t.G_ADVANCED)
        if not plain:
            newest = max(newest, word(r, off + t.G_NEWEST))
            if word(r, off + t.G_DUE) != t.MIN64:
                return False
        keep = fixed(group, t.G_KEEP)
        if keep < 0 or (newest != t.MIN64 and (bounds[g] == t.MIN64 or newest + keep > bounds[g])):
            return False
    return True


@kernel
def release(
    x: int, slots: Halves, record: Words, width: int, alive: Bytes, free: Halves, free_top: int, first: int, stop: int, bounds: Words,
) -> int:  # fmt: skip
    """Free the entities of [first, stop) whose newest event lies further back than their groups keep.

    `bounds[g]` is the newest refresh instant that the clock of group g has passed. Returns the new `free_top`.
    """
    for index in range(fixed(x, t.X_N_TRACKS)):
        if fixed(track_at(x, index), t.T_KEEP) < 0 or fixed(track_at(x, index), t.T_ROWS) > 0:
            return free_top
    for e in range(first, stop):
        r = record_of(x, e)
        if not alive[e] or not is_idle(x, r, bounds):
            continue
        for index in range(fixed(x, t.X_N_TRACKS)):
            k = track_at(x, index)
            give(x, fixed(k, t.T_FREE), word(r, fixed(k, t.T_OFF)))
        for index in range(fixed(x, t.X_N_DEQUES)):
            d = fixed(x, t.X_DEQUES) + 8 * t.D_COLS * index
            give(x, fixed(d, t.D_FREE), word(r, fixed(d, t.D_OFF)))
        remove(slots, record, width, e)
        alive[e] = 0
        free[free_top] = e
        free_top += 1
    return free_top

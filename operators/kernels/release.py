"""Entities that nothing can ask for any more: their blocks return to the pool, their records to the free list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels.blocks import give
from operators.kernels.entities import remove
from operators.kernels.tables import (
    D_COLS, D_FREE, D_OFF, G_ADVANCED, G_COLS, G_DUE, G_KEEP, G_NEWEST, G_OFF, MIN64, T_COLS, T_FREE, T_KEEP, T_OFF, T_ROWS, X_DEQUES,
    X_GROUPS, X_N_DEQUES, X_N_GROUPS, X_N_TRACKS, X_RECORD, X_STRIDE, X_TRACKS,
)  # fmt: skip
from operators.machine.functions import kernel
from operators.machine.operations import word

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Halves, Words


@kernel
def release(
    x: int, slots: Halves, record: Words, width: int, alive: Bytes, free: Halves, free_top: int, first: int, stop: int, bounds: Words,
) -> int:  # fmt: skip
    """Free the entities of [first, stop) whose newest event lies further back than their groups keep.

    `bounds[g]` is the newest refresh instant that the clock of group g has passed. Returns the new `free_top`.
    """
    for index in range(word(x, X_N_TRACKS)):
        k = word(x, X_TRACKS) + 8 * T_COLS * index
        if word(k, T_KEEP) < 0 or word(k, T_ROWS) > 0:
            return free_top
    for e in range(first, stop):
        if not alive[e]:
            continue
        r = word(x, X_RECORD) + e * word(x, X_STRIDE)
        idle = True
        for g in range(word(x, X_N_GROUPS)):
            group = word(x, X_GROUPS) + 8 * G_COLS * g
            off = word(group, G_OFF)
            newest = max(word(r, off + G_ADVANCED), word(r, off + G_NEWEST))
            keep = word(group, G_KEEP)
            if keep < 0 or word(r, off + G_DUE) != MIN64 or (newest != MIN64 and (bounds[g] == MIN64 or newest + keep > bounds[g])):
                idle = False
        if not idle:
            continue
        for index in range(word(x, X_N_TRACKS)):
            k = word(x, X_TRACKS) + 8 * T_COLS * index
            give(x, word(k, T_FREE), word(r, word(k, T_OFF)))
        for index in range(word(x, X_N_DEQUES)):
            d = word(x, X_DEQUES) + 8 * D_COLS * index
            give(x, word(d, D_FREE), word(r, word(d, D_OFF)))
        remove(slots, record, width, e)
        alive[e] = 0
        free[free_top] = e
        free_top += 1
    return free_top

"""Looking ahead: what the rows behind the present one will touch is fetched into the cache, in three strides.

An entity's record, then the ends of its rings, of its windows and of its deques, then the events that the deques name. Nothing here
changes a value. A row further back may move what was fetched; then it was in vain.
"""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.blocks import base_of
from operators.kernels.deques import deque_at, entries_of
from operators.kernels.rows import record_of
from operators.kernels.slots import ring_of
from operators.kernels.windows import track_at
from operators.machine.functions import inline, outlined
from operators.machine.operations import fixed, half, prefetch, word

FAR, NEAR, NEXT = 24, 12, 6
"""How many rows ahead each stride reaches."""


@inline
def fetch_record(x: int, r: int) -> None:
    """Fetch an entity's record."""
    stride = fixed(x, t.X_STRIDE)
    for at in range(0, stride, 64):
        prefetch(r + at)
    prefetch(r + stride - 8)


@inline
def fetch_events(x: int, r: int) -> None:
    """Fetch the newest event of each ring, the oldest of each window, the first and last entries of each deque."""
    tails = fixed(x, t.X_BY_TRACK_OFF)
    for index in range(fixed(x, t.X_N_TRACKS)):
        k = track_at(x, index)
        base, mask, step = ring_of(x, k, r)
        newest = half(r, 2 * fixed(k, t.T_OFF) + 3) - 1
        prefetch(base + (newest & mask) * step)
        prefetch(base + ((newest + 1) & mask) * step)
        for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
            prefetch(base + (half(r, 2 * fixed(tails, i)) & mask) * step)
    for index in range(fixed(x, t.X_N_DEQUES)):
        off = fixed(deque_at(x, index), t.D_OFF)
        block = word(r, off)
        entries = base_of(x, block)
        prefetch(entries + 4 * (half(r, 2 * off + 2) & (entries_of(block) - 1)))
        prefetch(entries + 4 * ((half(r, 2 * off + 3) - 1) & (entries_of(block) - 1)))


@inline
def fetch_extremes(x: int, r: int) -> None:
    """Fetch the event that each window's extreme names."""
    for index in range(fixed(x, t.X_N_HEADS)):
        head = fixed(x, t.X_HEADS) + 8 * t.H_COLS * index
        block = word(r, fixed(head, t.H_DEQUE_OFF))
        if block >= 0:
            ring = word(r, fixed(head, t.H_TRACK_OFF))
            seq = half(base_of(x, block), half(r, fixed(head, t.H_OFF32)) & (entries_of(block) - 1))
            prefetch(base_of(x, ring) + (seq & ((1 << (ring & 63)) - 1)) * fixed(head, t.H_STEP))


@outlined
def look_at_first(x: int, start: int, n: int) -> None:
    """Fetch what the rows from `start` on will touch, as far as looking ahead from them would miss it."""
    entities = fixed(x, t.X_ENTITY)
    for i in range(start, min(start + FAR, n)):
        if fixed(entities, i) >= 0:
            fetch_record(x, record_of(x, fixed(entities, i)))
    for i in range(start, min(start + NEAR, n)):
        if fixed(entities, i) >= 0:
            fetch_events(x, record_of(x, fixed(entities, i)))
    for i in range(start, min(start + NEXT, n)):
        if fixed(entities, i) >= 0:
            fetch_extremes(x, record_of(x, fixed(entities, i)))


@inline
def look_ahead(x: int, i: int, n: int) -> None:
    """Fetch what the rows behind row i will touch."""
    entities = fixed(x, t.X_ENTITY)
    if i + FAR < n and fixed(entities, i + FAR) >= 0:
        fetch_record(x, record_of(x, fixed(entities, i + FAR)))
    if i + NEAR < n and fixed(entities, i + NEAR) >= 0:
        fetch_events(x, record_of(x, fixed(entities, i + NEAR)))
    if i + NEXT < n and fixed(entities, i + NEXT) >= 0:
        fetch_extremes(x, record_of(x, fixed(entities, i + NEXT)))

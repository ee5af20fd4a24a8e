"""The index of a shard's entities: open addressing from a 64-bit hash to a record number.

An int64 key's hash is a bijection of the key, so the hash is the identity. Other keys are compared by their bytes, which stand in an
arena. Records that were freed are used again. `record` is a matrix of `width` words a record, whose first is the hash; its last row is
that of a new entity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels.intern import same_bytes
from operators.machine.functions import kernel, outlined, shared
from operators.machine.operations import address_of, prefetch

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Halves, Words

EMPTY = -1
AHEAD = 16
"""How many rows ahead the index and, half as far, the records are fetched into the cache."""


@shared
def look_up(h: int, slots: Halves, record: Words, width: int) -> tuple[int, int]:
    """(record number or -1, place in the index) of an entity that its hash identifies."""
    mask = len(slots) - 1
    at = h & mask
    e = slots[at]
    while e != EMPTY and record[e * width] != h:
        at = (at + 1) & mask
        e = slots[at]
    return e, at


@shared
def look_up_bytes(
    h: int, slots: Halves, record: Words, width: int, key_at: Words, arena: Bytes, text: Bytes, start: int, length: int,
) -> tuple[int, int]:  # fmt: skip
    """(record number or -1, place in the index) of the entity whose key is text[start:start + length]."""
    mask = len(slots) - 1
    at = h & mask
    while True:
        e = slots[at]
        if e == EMPTY:
            return e, at
        if record[e * width] == h and key_at[2 * e + 1] == length and same_bytes(arena, key_at[2 * e], text, start, length):
            return e, at
        at = (at + 1) & mask


@outlined
def begin_record(record: Words, width: int, e: int, h: int) -> None:
    """Make record e that of a new entity with the hash h."""
    fresh = len(record) - width
    for j in range(width):
        record[e * width + j] = record[fresh + j]
    record[e * width] = h


@kernel
def assign(
    first: int, hashes: Words, insert: Bytes, slots: Halves, record: Words, width: int, alive: Bytes, key_at: Words, arena: Bytes,
    arena_top: int, text_offsets: Words, text: Bytes, free: Halves, free_top: int, count: int, limit: int, out: Words,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Find or insert the entity of each row from `first` on; writes record numbers to `out`, -1 where it is unknown and `insert` is 0.

    `key_at` has (offset, length) of each key's bytes in `arena`; `text_offsets` is empty where the hash is the identity.
    Stops before an entity for which there is no room: no free record below `limit`, or too few bytes in the arena. Returns
    (row it stopped at, count, free_top, arena_top).
    """
    mask = len(slots) - 1
    exact = len(text_offsets) > 0
    n = len(hashes)
    for i in range(first, min(first + AHEAD, n)):
        prefetch(address_of(slots) + 4 * (hashes[i] & mask))
    for i in range(first, min(first + AHEAD // 2, n)):
        prefetch(address_of(record) + 8 * width * slots[hashes[i] & mask])
    for i in range(first, n):
        if i + AHEAD < n:
            prefetch(address_of(slots) + 4 * (hashes[i + AHEAD] & mask))
        if i + AHEAD // 2 < n:
            prefetch(address_of(record) + 8 * width * slots[hashes[i + AHEAD // 2] & mask])
        h = hashes[i]
        start = 0
        length = 0
        if exact:
            start = text_offsets[i]
            length = text_offsets[i + 1] - start
            found, at = look_up_bytes(h, slots, record, width, key_at, arena, text, start, length)
        else:
            found, at = look_up(h, slots, record, width)
        if found < 0 and insert[i]:
            if (free_top == 0 and count == limit) or arena_top + length > len(arena):
                return i, count, free_top, arena_top
            if free_top > 0:
                free_top -= 1
                found = free[free_top]
            else:
                found = count
                count += 1
            slots[at] = found
            alive[found] = 1
            begin_record(record, width, found, h)
            if exact:
                key_at[2 * found] = arena_top
                key_at[2 * found + 1] = length
                for j in range(length):
                    arena[arena_top + j] = text[start + j]
                arena_top += length
        out[i] = found
    return n, count, free_top, arena_top


@kernel
def rehash(slots: Halves, record: Words, width: int, alive: Bytes, count: int) -> None:
    """Fill an empty `slots` with the living records."""
    mask = len(slots) - 1
    for e in range(count):
        if alive[e]:
            at = record[e * width] & mask
            while slots[at] != EMPTY:
                at = (at + 1) & mask
            slots[at] = e


@shared
def remove(slots: Halves, record: Words, width: int, entity: int) -> None:
    """Take one record out of the index, closing the gap behind it."""
    mask = len(slots) - 1
    at = record[entity * width] & mask
    while slots[at] != entity:
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        e = slots[at]
        if e == EMPTY:
            break
        home = record[e * width] & mask
        # an entry may fill the hole if its home does not lie cyclically behind the hole
        if ((at - home) & mask) >= ((at - hole) & mask):
            slots[hole] = e
            hole = at
    slots[hole] = EMPTY

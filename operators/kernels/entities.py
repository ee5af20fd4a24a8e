"""The index of a shard's entities: open addressing from a 64-bit hash to a record number.

An int64 key's hash is a bijection of the key, so the hash is the identity. Other keys are compared by their bytes, which stand in an arena.
Records that were freed are used again. `record` is a matrix of `width` words a record, whose first is the hash; its last row is that of a
new entity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels.intern import same_bytes
from operators.machine.functions import kernel, shared

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Halves, Words

EMPTY = -1


@kernel
def assign(
    hashes: Words, insert: Bytes, slots: Halves, record: Words, width: int, alive: Bytes, key_at: Words, arena: Bytes, arena_top: int,
    text_offsets: Words, text: Bytes, free: Halves, free_top: int, count: int, out: Words,
) -> tuple[int, int, int]:  # fmt: skip
    """Find or insert each row's entity; writes record numbers to `out`, -1 where it is unknown and `insert` is 0.

    `key_at` has (offset, length) of each key's bytes in `arena`; `text_offsets` is empty where the hash is the identity.
    The caller made room for one more entity and its bytes per row. Returns (count, free_top, arena_top).
    """
    mask = len(slots) - 1
    exact = len(text_offsets) > 0
    fresh = len(record) - width
    start = 0
    length = 0
    for i in range(len(hashes)):
        h = hashes[i]
        at = h & mask
        found = -1
        if exact:
            start = text_offsets[i]
            length = text_offsets[i + 1] - start
        while True:
            e = slots[at]
            if e == EMPTY:
                break
            if record[e * width] == h and (
                not exact or (key_at[2 * e + 1] == length and same_bytes(arena, key_at[2 * e], text, start, length))
            ):
                found = e
                break
            at = (at + 1) & mask
        if found < 0 and insert[i]:
            if free_top > 0:
                free_top -= 1
                found = free[free_top]
            else:
                found = count
                count += 1
            slots[at] = found
            alive[found] = 1
            for j in range(width):
                record[found * width + j] = record[fresh + j]
            record[found * width] = h
            if exact:
                key_at[2 * found] = arena_top
                key_at[2 * found + 1] = length
                for j in range(length):
                    arena[arena_top + j] = text[start + j]
                arena_top += length
        out[i] = found
    return count, free_top, arena_top


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

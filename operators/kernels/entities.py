"""The index of a shard's entities: open addressing from a 64-bit hash to a record number.

An int64 key's hash is a bijection of the key, so the hash is the identity. Other keys are compared by their bytes, which stand in an arena.
Records that were freed are used again.
"""

from __future__ import annotations

from operators.kernels.compiled import inline, kernel

EMPTY = -1


@inline
def same_bytes(arena, a, text, b, length):
    """Whether `length` bytes at arena[a:] and text[b:] are equal."""
    for i in range(length):
        if arena[a + i] != text[b + i]:
            return False
    return True


@kernel
def assign(hashes, insert, slots, record, alive, key_at, arena, arena_top, text_offsets, text, free, free_top, count, out):
    """Find or insert each row's entity; writes record numbers to `out`, -1 where it is unknown and `insert` is 0.

    `key_at[e]` is (offset, length) of the key's bytes in `arena`; `text_offsets` is empty where the hash is the identity.
    The caller made room for one more entity and its bytes per row. Returns (count, free_top, arena_top).
    """
    mask = slots.shape[0] - 1
    exact = text_offsets.shape[0] > 0
    for i in range(hashes.shape[0]):
        h = hashes[i]
        at = h & mask
        found = -1
        start = text_offsets[i] if exact else 0
        length = text_offsets[i + 1] - start if exact else 0
        while True:
            e = slots[at]
            if e == EMPTY:
                break
            if record[e, 0] == h and (
                not exact or (key_at[e, 1] == length and same_bytes(arena, key_at[e, 0], text, start, length))
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
            record[found, :] = record[-1, :]
            record[found, 0] = h
            if exact:
                key_at[found, 0] = arena_top
                key_at[found, 1] = length
                for j in range(length):
                    arena[arena_top + j] = text[start + j]
                arena_top += length
        out[i] = found
    return count, free_top, arena_top


@kernel
def rehash(slots, record, alive, count):
    """Fill an empty `slots` with the living records."""
    mask = slots.shape[0] - 1
    for e in range(count):
        if alive[e]:
            at = record[e, 0] & mask
            while slots[at] != EMPTY:
                at = (at + 1) & mask
            slots[at] = e


@kernel
def remove(slots, record, entity):
    """Take one record out of the index, closing the gap behind it."""
    mask = slots.shape[0] - 1
    at = record[entity, 0] & mask
    while slots[at] != entity:
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        e = slots[at]
        if e == EMPTY:
            break
        home = record[e, 0] & mask
        # an entry may fill the hole if its home does not lie cyclically behind the hole
        if ((at - home) & mask) >= ((at - hole) & mask):
            slots[hole] = e
            hole = at
    slots[hole] = EMPTY

"""Monotone deques: one for each input and direction, of positions in the ring; every window's extreme is its first entry in it.

An entry is dropped when a later event outranks it, or equals it. A window is one more head: the first entry not before the window's tail.
"""

from __future__ import annotations

from operators.kernels.blocks import base_of, give, take
from operators.kernels.compare import is_less
from operators.kernels.slots import is_null
from operators.kernels.tables import (
    D_COLS, D_FREE, D_H0, D_H1, D_IN, D_OFF, D_SIGN, D_TYPE, H_COLS, H_DEQUE, H_OFF32, T_D0, T_D1, T_OFF, X_DEQUES, X_HEADS,
)  # fmt: skip
from operators.machine.functions import shared
from operators.machine.operations import half, set_half, set_word, word


@shared
def enlarge(x: int, d: int, r: int, block: int, begin: int, end: int) -> tuple[int, int]:
    """Make room behind `end`: drop what every window has passed, or move to a larger block; returns (block, begin)."""
    passed = end
    heads = word(x, X_HEADS)
    for h in range(word(d, D_H0), word(d, D_H1)):
        passed = min(passed, half(r, word(heads + 8 * H_COLS * h, H_OFF32)))
    begin = max(begin, passed)
    if block >= 0 and end - begin <= (1 << (block & 63)) >> 1:
        return block, begin
    log2 = 1 if block < 0 else (block & 63) + 1
    larger = take(x, word(d, D_FREE), 1, log2)
    if block >= 0:
        old = base_of(x, block)
        new = base_of(x, larger)
        for i in range(begin, end):
            set_word(new, i & ((1 << log2) - 1), word(old, i & ((1 << (block & 63)) - 1)))
        give(x, word(d, D_FREE), block)
    set_word(r, word(d, D_OFF), larger)
    return larger, begin


@shared
def deque_push(x: int, d: int, k: int, r: int, base: int, mask: int, step: int, seq: int) -> None:
    """Append the event at `seq`, dropping what it outranks."""
    slot = base + (seq & mask) * step
    j = word(d, D_IN)
    if is_null(x, k, slot, j):
        return
    kind = word(d, D_TYPE)
    largest = word(d, D_SIGN) > 0
    off = word(d, D_OFF)
    block = word(r, off)
    begin = half(r, 2 * off + 2)
    end = half(r, 2 * off + 3)
    new = word(slot, 1 + j)
    before = end
    if block >= 0:
        entries = base_of(x, block)
        entries_mask = (1 << (block & 63)) - 1
        while end > begin:
            other = word(base + (word(entries, (end - 1) & entries_mask) & mask) * step, 1 + j)
            if is_less(x, new, other, kind) if largest else is_less(x, other, new, kind):
                break
            end -= 1
    if end < before:
        heads = word(x, X_HEADS)
        for h in range(word(d, D_H0), word(d, D_H1)):
            at = word(heads + 8 * H_COLS * h, H_OFF32)
            if half(r, at) > end:
                set_half(r, at, end)
    if block < 0 or end - begin == 1 << (block & 63):
        block, begin = enlarge(x, d, r, block, begin, end)
    set_word(base_of(x, block), end & ((1 << (block & 63)) - 1), seq)
    set_half(r, 2 * off + 2, begin)
    set_half(r, 2 * off + 3, end + 1)


@shared
def fill_deques(x: int, k: int, r: int, base: int, mask: int, step: int) -> None:
    """Bring the deques of track k up to the ring's head."""
    head = half(r, 2 * word(k, T_OFF) + 3)
    deques = word(x, X_DEQUES)
    for i in range(word(k, T_D0), word(k, T_D1)):
        d = deques + 8 * D_COLS * i
        at = 2 * word(d, D_OFF) + 4
        for seq in range(half(r, at), head):
            deque_push(x, d, k, r, base, mask, step, seq)
        set_half(r, at, head)


@shared
def reset_deques(x: int, k: int, r: int, start: int) -> None:
    """Empty the deques of track k; they are to be filled from `start`."""
    deques = word(x, X_DEQUES)
    heads = word(x, X_HEADS)
    for i in range(word(k, T_D0), word(k, T_D1)):
        d = deques + 8 * D_COLS * i
        at = 2 * word(d, D_OFF)
        set_half(r, at + 2, 0)
        set_half(r, at + 3, 0)
        set_half(r, at + 4, start)
        for h in range(word(d, D_H0), word(d, D_H1)):
            set_half(r, word(heads + 8 * H_COLS * h, H_OFF32), 0)


@shared
def drop_outdated(x: int, k: int, r: int) -> None:
    """Take from the front what stands before the ring's start, so that no entry names a forgotten event."""
    start = half(r, 2 * word(k, T_OFF) + 2)
    deques = word(x, X_DEQUES)
    heads = word(x, X_HEADS)
    for i in range(word(k, T_D0), word(k, T_D1)):
        d = deques + 8 * D_COLS * i
        off = word(d, D_OFF)
        set_half(r, 2 * off + 4, max(half(r, 2 * off + 4), start))
        block = word(r, off)
        if block < 0:
            continue
        entries = base_of(x, block)
        begin = half(r, 2 * off + 2)
        end = half(r, 2 * off + 3)
        while begin < end and word(entries, begin & ((1 << (block & 63)) - 1)) < start:
            begin += 1
        set_half(r, 2 * off + 2, begin)
        for h in range(word(d, D_H0), word(d, D_H1)):
            at = word(heads + 8 * H_COLS * h, H_OFF32)
            set_half(r, at, max(half(r, at), begin))


@shared
def extreme_of(x: int, head: int, r: int, base: int, mask: int, step: int, tail: int, j: int) -> tuple[int, int]:
    """(word, valid) of a window's extreme: the first entry not before `tail`."""
    d = word(x, X_DEQUES) + 8 * D_COLS * word(head, H_DEQUE)
    off = word(d, D_OFF)
    block = word(r, off)
    if block < 0:
        return 0, 0
    end = half(r, 2 * off + 3)
    entries = base_of(x, block)
    entries_mask = (1 << (block & 63)) - 1
    at = word(head, H_OFF32)
    first = max(half(r, at), half(r, 2 * off + 2))
    while first < end and word(entries, first & entries_mask) < tail:
        first += 1
    set_half(r, at, first)
    if first == end:
        return 0, 0
    return word(base + (word(entries, first & entries_mask) & mask) * step, 1 + j), 1

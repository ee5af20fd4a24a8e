"""Monotone deques: for each input and direction one, whose entries are positions in the ring; a window's extreme is its first entry in
it.

An entry is dropped when a later event outranks it, or equals it. The deque of a track serves all its windows that end at the ring's head:
a window is one more head, the first entry not before its tail. A window that ends elsewhere has a deque of its own, filled as events
enter it. Entries are halves.
"""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.blocks import base_of, give, take
from operators.kernels.compare import is_less
from operators.kernels.slots import is_null
from operators.machine.functions import inline, outlined
from operators.machine.operations import fixed, half, set_half, set_word, word


@inline
def deque_at(x: int, index: int) -> int:
    """The address of a deque's description."""
    return fixed(x, t.X_DEQUES) + 8 * t.D_COLS * index


@inline
def entries_of(block: int) -> int:
    """How many entries a block holds: a word holds two."""
    return 2 << (block & 63)


@inline
def head_at(x: int, h: int) -> int:
    """Where the first entry of a window stands in a record, in halves."""
    return fixed(fixed(x, t.X_HEADS) + 8 * t.H_COLS * h, t.H_OFF32)


@outlined
def enlarge(x: int, d: int, r: int) -> None:
    """Make room for one more entry: drop what every window has passed, or move to a larger block."""
    off = fixed(d, t.D_OFF)
    block = word(r, off)
    begin = half(r, 2 * off + 2)
    end = half(r, 2 * off + 3)
    passed = end
    for h in range(fixed(d, t.D_H0), fixed(d, t.D_H1)):
        passed = min(passed, half(r, head_at(x, h)))
    begin = max(begin, passed)
    set_half(r, 2 * off + 2, begin)
    if block >= 0 and end - begin <= entries_of(block) >> 1:
        return
    log2 = 0 if block < 0 else (block & 63) + 1
    larger = take(x, fixed(d, t.D_FREE), 1, log2)
    if block >= 0:
        old = base_of(x, block)
        new = base_of(x, larger)
        for i in range(begin, end):
            set_half(new, i & (entries_of(larger) - 1), half(old, i & (entries_of(block) - 1)))
        give(x, fixed(d, t.D_FREE), block)
    set_word(r, off, larger)


@inline
def deque_push(x: int, d: int, k: int, r: int, base: int, mask: int, step: int, seq: int) -> None:
    """Append the event at `seq`, dropping what it outranks."""
    slot = base + (seq & mask) * step
    j = fixed(d, t.D_IN)
    if is_null(k, slot, j, fixed(d, t.D_NULL)):
        return
    kind = fixed(d, t.D_TYPE)
    largest = fixed(d, t.D_SIGN) > 0
    off = fixed(d, t.D_OFF)
    block = word(r, off)
    begin = half(r, 2 * off + 2)
    end = half(r, 2 * off + 3)
    new = word(slot, 1 + j)
    before = end
    entries = base_of(x, block)
    while end > begin:
        other = word(base + (half(entries, (end - 1) & (entries_of(block) - 1)) & mask) * step, 1 + j)
        if is_less(x, new, other, kind) if largest else is_less(x, other, new, kind):
            break
        end -= 1
    if end < before:
        for h in range(fixed(d, t.D_H0), fixed(d, t.D_H1)):
            at = head_at(x, h)
            if half(r, at) > end:
                set_half(r, at, end)
    if block < 0 or end - begin == entries_of(block):
        set_half(r, 2 * off + 3, end)
        enlarge(x, d, r)
        block = word(r, off)
    set_half(base_of(x, block), end & (entries_of(block) - 1), seq)
    set_half(r, 2 * off + 3, end + 1)


@inline
def push_deques(x: int, k: int, r: int, base: int, mask: int, step: int, seq: int) -> None:
    """Append the newest event of the ring to the deques of track k."""
    for i in range(fixed(k, t.T_D0), fixed(k, t.T_D1)):
        deque_push(x, deque_at(x, i), k, r, base, mask, step, seq)


@outlined
def fill_deques(x: int, k: int, r: int, base: int, mask: int, step: int) -> None:
    """PROBES: bring the deques of track k up to the ring's head."""
    head = half(r, 2 * fixed(k, t.T_OFF) + 3)
    for i in range(fixed(k, t.T_D0), fixed(k, t.T_D1)):
        d = deque_at(x, i)
        at = 2 * fixed(d, t.D_OFF) + 4
        for seq in range(half(r, at), head):
            deque_push(x, d, k, r, base, mask, step, seq)
        set_half(r, at, head)


@outlined
def refill_deque(x: int, d: int, k: int, r: int, base: int, mask: int, step: int, start: int, stop: int) -> None:
    """Fill a deque anew with the events [start, stop)."""
    at = 2 * fixed(d, t.D_OFF)
    set_half(r, at + 2, 0)
    set_half(r, at + 3, 0)
    if fixed(x, t.X_MODE) == t.PROBES:
        set_half(r, at + 4, stop)
    for h in range(fixed(d, t.D_H0), fixed(d, t.D_H1)):
        set_half(r, head_at(x, h), 0)
    for seq in range(start, stop):
        deque_push(x, d, k, r, base, mask, step, seq)


@outlined
def drop_outdated(x: int, d: int, r: int, start: int) -> None:
    """Take from the front what stands before the ring's start, so that no entry names a forgotten event."""
    off = fixed(d, t.D_OFF)
    if fixed(x, t.X_MODE) == t.PROBES:
        set_half(r, 2 * off + 4, max(half(r, 2 * off + 4), start))
    block = word(r, off)
    if block < 0:
        return
    entries = base_of(x, block)
    begin = half(r, 2 * off + 2)
    end = half(r, 2 * off + 3)
    while begin < end and half(entries, begin & (entries_of(block) - 1)) < start:
        begin += 1
    set_half(r, 2 * off + 2, begin)
    for h in range(fixed(d, t.D_H0), fixed(d, t.D_H1)):
        at = head_at(x, h)
        set_half(r, at, max(half(r, at), begin))


@inline
def extreme_of(x: int, h: int, r: int, base: int, mask: int, step: int, tail: int, j: int) -> tuple[int, int]:
    """(word, valid) of a window's extreme: the first entry not before `tail`."""
    head = fixed(x, t.X_HEADS) + 8 * t.H_COLS * h
    off = fixed(deque_at(x, fixed(head, t.H_DEQUE)), t.D_OFF)
    block = word(r, off)
    begin = half(r, 2 * off + 2)
    end = half(r, 2 * off + 3)
    entries = base_of(x, block)
    at = fixed(head, t.H_OFF32)
    first = max(half(r, at), begin)
    while first < end and half(entries, first & (entries_of(block) - 1)) < tail:
        first += 1
    set_half(r, at, first)
    if first >= end:
        return 0, 0
    return word(base + (half(entries, first & (entries_of(block) - 1)) & mask) * step, 1 + j), 1

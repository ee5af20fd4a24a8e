"""Rings of events: push at the event's place, make room, trim, derive what stands on them anew."""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.blocks import base_of, ceil_log2, give, take
from operators.kernels.deques import deque_at, drop_outdated, push_deques, refill_deque
from operators.kernels.late import cut_deques, enter_late, mend
from operators.kernels.slots import ring_of, time_at, upper_bound
from operators.kernels.windows import advance_called, rebuild_window, window_at
from operators.machine.functions import inline, outlined
from operators.machine.operations import fixed, fixed_byte, half, set_half, set_word, word

SEQ_MAX = 1 << 30


@outlined
def rebuild(x: int, k: int, r: int, base: int, mask: int, step: int) -> None:
    """Derive every window and deque of the track anew from the ring."""
    off = fixed(k, t.T_OFF)
    for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
        rebuild_window(x, window_at(x, fixed(fixed(x, t.X_BY_TRACK), i)), k, r, base, mask, step)
    for i in range(fixed(k, t.T_D0), fixed(k, t.T_D1)):
        refill_deque(x, deque_at(x, i), k, r, base, mask, step, half(r, 2 * off + 2), half(r, 2 * off + 3))


@outlined
def trim(x: int, k: int, r: int, base: int, mask: int, step: int) -> None:
    """Forget the events that no window and no late event can need any more."""
    keep = fixed(k, t.T_KEEP)
    keep_clock = fixed(x, t.X_KEEP_CLOCK)
    if keep < 0 or keep_clock == t.MIN64:
        return
    off = fixed(k, t.T_OFF)
    start = half(r, 2 * off + 2)
    head = half(r, 2 * off + 3)
    rows = fixed(k, t.T_ROWS)
    late = keep_clock - fixed(k, t.T_LATE)
    stop = head
    for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
        stop = min(stop, half(r, 2 * fixed(window_at(x, fixed(fixed(x, t.X_BY_TRACK), i)), t.W_OFF)))
    while start < stop and time_at(base, mask, step, start) <= keep_clock - keep:
        if rows > 0 and (start + rows >= head or time_at(base, mask, step, start + rows) > late):
            break
        start += 1
    set_half(r, 2 * off + 2, start)
    for i in range(fixed(k, t.T_D0), fixed(k, t.T_D1)):
        drop_outdated(x, deque_at(x, i), r, start)
    for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
        w = window_at(x, fixed(fixed(x, t.X_BY_TRACK), i))
        for index in range(fixed(w, t.W_D0), fixed(w, t.W_D1)):
            drop_outdated(x, deque_at(x, index), r, start)


@outlined
def resize(x: int, k: int, r: int, log2: int) -> None:
    """Move the ring of track k into a block of 2**log2 slots."""
    off = fixed(k, t.T_OFF)
    words = fixed(k, t.T_WORDS)
    old = word(r, off)
    new = take(x, fixed(k, t.T_FREE), words, log2)
    control = fixed(x, t.X_CONTROL)
    set_word(control, t.CTL_LOG2, max(word(control, t.CTL_LOG2), log2))
    if old >= 0:
        mask_old = (1 << (old & 63)) - 1
        mask_new = (1 << log2) - 1
        a = base_of(x, old)
        b = base_of(x, new)
        for seq in range(half(r, 2 * off + 2), half(r, 2 * off + 3)):
            for i in range(words):
                set_word(b, (seq & mask_new) * words + i, word(a, (seq & mask_old) * words + i))
        give(x, fixed(k, t.T_FREE), old)
    set_word(r, off, new)


@outlined
def shift_positions(x: int, k: int, r: int) -> None:
    """Count the positions of a very long-lived ring from near zero again, so that they stay within 32 bits."""
    off = fixed(k, t.T_OFF)
    log2 = word(r, off) & 63
    by = (half(r, 2 * off + 2) >> log2) << log2
    set_half(r, 2 * off + 2, half(r, 2 * off + 2) - by)
    set_half(r, 2 * off + 3, half(r, 2 * off + 3) - by)
    base, mask, step = ring_of(x, k, r)
    rebuild(x, k, r, base, mask, step)


@outlined
def make_room(x: int, k: int, r: int, lazy: bool) -> None:
    """Let the ring of track k take one more event: trim it, and enlarge it if that gave little."""
    off = fixed(k, t.T_OFF)
    block = word(r, off)
    if block < 0:
        resize(x, k, r, 1)
        return
    base, mask, step = ring_of(x, k, r)
    if lazy:
        # windows that only a probe advances are brought forward, so that they do not hold back what can go
        newest = time_at(base, mask, step, half(r, 2 * off + 3) - 1)
        for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
            advance_called(x, window_at(x, fixed(fixed(x, t.X_BY_TRACK), i)), k, r, base, mask, step, newest, 0)
    trim(x, k, r, base, mask, step)
    length = half(r, 2 * off + 3) - half(r, 2 * off + 2)
    log2 = block & 63
    capacity = 1 << log2
    # a sixteenth of a large ring is to be free behind a trim, so that trims are seldom; of a small one, a quarter
    if length > capacity - max(1, capacity >> 4, min(capacity >> 2, 8)):
        resize(x, k, r, log2 + 1)
    elif log2 > 2 and length < capacity >> 3:
        resize(x, k, r, ceil_log2(2 * length + 2))


@inline
def write_slot(x: int, k: int, slot: int, i: int) -> None:
    """Copy the inputs of row i into a slot."""
    n = fixed(x, t.X_ROWS)
    set_word(slot, 0, fixed(fixed(x, t.X_TIME), i))
    nulls = 0
    inputs = fixed(x, t.X_INPUTS) + 8 * t.I_COLS * fixed(k, t.T_I0)
    for j in range(fixed(k, t.T_INPUTS)):
        at = fixed(inputs + 8 * t.I_COLS * j, t.I_SLOT) * n + i
        kind = fixed(inputs + 8 * t.I_COLS * j, t.I_TYPE)
        value = fixed(fixed(x, t.X_VALUES), at)
        if fixed_byte(fixed(x, t.X_NULLS), at) != 0:
            nulls |= 1 << j
            value = t.NULL_FLOAT if kind == t.VT_FLOAT else t.MIN64
        elif kind == t.VT_FLOAT and (value & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000:
            value = t.NAN_BITS
        set_word(slot, 1 + j, value)
    if fixed(k, t.T_MASK):
        set_word(slot, 1 + fixed(k, t.T_INPUTS), nulls)


@outlined
def push_late(x: int, k: int, r: int, i: int) -> int:
    """Put row i into the ring of track k before events that came earlier; returns its position."""
    off = fixed(k, t.T_OFF)
    head = half(r, 2 * off + 3)
    base, mask, step = ring_of(x, k, r)
    seq = upper_bound(base, mask, step, half(r, 2 * off + 2), head, fixed(fixed(x, t.X_TIME), i))
    # the slot at the head is free: the event stands there until those behind its place have moved
    write_slot(x, k, base + (head & mask) * step, i)
    enter_late(x, k, r, base, mask, step, seq, base + (head & mask) * step)
    cut_deques(x, k, r, seq)
    for to in range(head, seq, -1):
        a = base + ((to - 1) & mask) * step
        b = base + (to & mask) * step
        for i_word in range(step >> 3):
            set_word(b, i_word, word(a, i_word))
    write_slot(x, k, base + (seq & mask) * step, i)
    set_half(r, 2 * off + 3, head + 1)
    mend(x, k, r, base, mask, step, seq)
    return seq


@inline
def push(x: int, k: int, r: int, i: int, lazy: bool) -> int:
    """Put row i into the ring of track k at its place; returns its position.

    `lazy`: windows and deques are advanced only where a probe asks.
    """
    off = fixed(k, t.T_OFF)
    block = word(r, off)
    start = half(r, 2 * off + 2)
    head = half(r, 2 * off + 3)
    if block < 0 or head - start == 1 << (block & 63) or head >= SEQ_MAX:
        if head >= SEQ_MAX:
            shift_positions(x, k, r)
        make_room(x, k, r, lazy)
        start = half(r, 2 * off + 2)
        head = half(r, 2 * off + 3)
    base, mask, step = ring_of(x, k, r)
    if head > start and fixed(fixed(x, t.X_TIME), i) < time_at(base, mask, step, head - 1):
        return push_late(x, k, r, i)
    write_slot(x, k, base + (head & mask) * step, i)
    set_half(r, 2 * off + 3, head + 1)
    if not lazy:
        push_deques(x, k, r, base, mask, step, head)
    return head

"""Rings of events and the windows on them: push, advance, rebuild, trim.

A window is two positions in its track's ring, [tail, end): events before `end` have entered, events before `tail` have left. What enters
and what leaves is merged in the order of instants, so that an accumulator passes through the same additions however often it is advanced.
"""

from __future__ import annotations

from operators.kernels.accumulate import enter, leave, recount
from operators.kernels.blocks import base_of, ceil_log2, give, take
from operators.kernels.deques import drop_outdated, fill_deques, reset_deques
from operators.kernels.slots import ring_of, time_at, upper_bound
from operators.kernels.tables import (
    G_ADVANCED, G_COLS, G_OFF, I_COLS, I_SLOT, I_TYPE, MIN64, NAN_BITS, NULL_FLOAT, T_D0, T_D1, T_FREE, T_I0, T_INPUTS, T_KEEP, T_LATE,
    T_MASK, T_OFF, T_ROWS, T_W0, T_W1, T_WORDS, VT_FLOAT, W_COLS, W_CUT, W_DELAY, W_GROUP, W_LOW, W_OFF, W_ROWS, W_SIZE, W_STRICT,
    X_BY_TRACK, X_GROUPS, X_INPUTS, X_NULLS, X_ROWS, X_TIME, X_VALUES, X_WINDOWS,
)  # fmt: skip
from operators.machine.functions import shared
from operators.machine.operations import byte, half, set_half, set_word, word

SEQ_MAX = 1 << 30


@shared
def advance(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, now: int, extra: int) -> bool:
    """Bring a window to the instant `now`; returns whether its content changed.

    `extra` is 1 when the row that is being evaluated passes the track's filter and is not in the ring yet; it counts
    for a window of rows.
    """
    head = half(r, 2 * word(k, T_OFF) + 3)
    at = 2 * word(w, W_OFF)
    tail = half(r, at)
    end = half(r, at + 1)
    size = word(w, W_SIZE)
    rows = word(w, W_ROWS)
    delay = word(w, W_DELAY)
    low = word(w, W_LOW)
    strict = word(w, W_STRICT)
    was_tail = tail
    was_end = end
    while end < head:
        t = time_at(base, mask, step, end)
        if t + delay + strict > now:
            break
        if size >= 0:
            # an event at time u leaves when u <= t - size (u < t - size when the lower bound is included)
            limit = t - size - low
            while tail < end and time_at(base, mask, step, tail) <= limit:
                leave(x, w, k, r, base, mask, step, tail, end)
                tail += 1
        enter(x, w, k, r, base + (end & mask) * step)
        end += 1
        if rows >= 0:
            while end - tail > rows:
                leave(x, w, k, r, base, mask, step, tail, end)
                tail += 1
    if size >= 0:
        limit = now - delay - size - low
        while tail < end and time_at(base, mask, step, tail) <= limit:
            leave(x, w, k, r, base, mask, step, tail, end)
            tail += 1
    if rows >= 0 and word(w, W_CUT) == 0:
        while tail < end and tail < head + extra - rows:
            leave(x, w, k, r, base, mask, step, tail, end)
            tail += 1
    set_half(r, at, tail)
    set_half(r, at + 1, end)
    return tail != was_tail or end != was_end


@shared
def rebuild(x: int, k: int, r: int, base: int, mask: int, step: int) -> None:
    """Derive every window and deque of the track anew from the ring, at the instant each group was advanced to."""
    off = word(k, T_OFF)
    start = half(r, 2 * off + 2)
    head = half(r, 2 * off + 3)
    for i in range(word(k, T_W0), word(k, T_W1)):
        w = word(x, X_WINDOWS) + 8 * W_COLS * word(word(x, X_BY_TRACK), i)
        now = word(r, word(word(x, X_GROUPS) + 8 * G_COLS * word(w, W_GROUP), G_OFF) + G_ADVANCED)
        end = start
        tail = start
        if now > MIN64:
            delay = word(w, W_DELAY)
            end = upper_bound(base, mask, step, start, head, now - delay - word(w, W_STRICT))
            if word(w, W_SIZE) >= 0:
                tail = upper_bound(base, mask, step, start, end, now - delay - word(w, W_SIZE) - word(w, W_LOW))
            if word(w, W_ROWS) >= 0:
                tail = max(tail, min(end, (end if word(w, W_CUT) == 1 else head) - word(w, W_ROWS)))
        set_half(r, 2 * word(w, W_OFF), tail)
        set_half(r, 2 * word(w, W_OFF) + 1, end)
        recount(x, w, k, r, base, mask, step, tail, end)
    reset_deques(x, k, r, start)
    fill_deques(x, k, r, base, mask, step)


@shared
def trim(x: int, k: int, r: int, base: int, mask: int, step: int, keep_clock: int) -> None:
    """Forget the events that no window and no late event can need when the clock stands at `keep_clock`."""
    keep = word(k, T_KEEP)
    if keep < 0 or keep_clock == MIN64:
        return
    off = word(k, T_OFF)
    start = half(r, 2 * off + 2)
    head = half(r, 2 * off + 3)
    rows = word(k, T_ROWS)
    late = keep_clock - word(k, T_LATE)
    stop = head
    for i in range(word(k, T_W0), word(k, T_W1)):
        w = word(x, X_WINDOWS) + 8 * W_COLS * word(word(x, X_BY_TRACK), i)
        stop = min(stop, half(r, 2 * word(w, W_OFF)))
    while start < stop and time_at(base, mask, step, start) <= keep_clock - keep:
        if rows > 0 and (start + rows >= head or time_at(base, mask, step, start + rows) > late):
            break
        start += 1
    set_half(r, 2 * off + 2, start)
    drop_outdated(x, k, r)


@shared
def resize(x: int, k: int, r: int, log2: int) -> None:
    """Move the ring of track k into a block of 2**log2 slots."""
    off = word(k, T_OFF)
    words = word(k, T_WORDS)
    old = word(r, off)
    new = take(x, word(k, T_FREE), words, log2)
    if old >= 0:
        mask_old = (1 << (old & 63)) - 1
        mask_new = (1 << log2) - 1
        a = base_of(x, old)
        b = base_of(x, new)
        for seq in range(half(r, 2 * off + 2), half(r, 2 * off + 3)):
            for i in range(words):
                set_word(b, (seq & mask_new) * words + i, word(a, (seq & mask_old) * words + i))
        give(x, word(k, T_FREE), old)
    set_word(r, off, new)


@shared
def shift_positions(x: int, k: int, r: int) -> None:
    """Count the positions of a very long-lived ring from near zero again, so that they stay within 32 bits."""
    off = word(k, T_OFF)
    log2 = word(r, off) & 63
    by = (half(r, 2 * off + 2) >> log2) << log2
    set_half(r, 2 * off + 2, half(r, 2 * off + 2) - by)
    set_half(r, 2 * off + 3, half(r, 2 * off + 3) - by)
    base, mask, step = ring_of(x, k, r)
    rebuild(x, k, r, base, mask, step)


@shared
def room(k: int, r: int) -> int:
    """Words of the pool that a push to track k can take at the most."""
    off = word(k, T_OFF)
    block = word(r, off)
    length = half(r, 2 * off + 3) - half(r, 2 * off + 2)
    need = 0
    if block < 0 or length == 1 << (block & 63):
        need = word(k, T_WORDS) << ceil_log2(2 * length + 2)
    # a rebuild can push the whole ring, and doubles on its way
    return need + (word(k, T_D1) - word(k, T_D0)) * (4 << ceil_log2(length + 1))


@shared
def make_room(x: int, k: int, r: int, keep_clock: int, lazy: bool) -> None:
    """Let the ring of track k take one more event: trim it, and enlarge it if that gave little."""
    off = word(k, T_OFF)
    block = word(r, off)
    if block < 0:
        resize(x, k, r, 1)
        return
    base, mask, step = ring_of(x, k, r)
    if lazy:
        # windows that only a probe advances are brought forward, so that they do not hold back what can go
        newest = time_at(base, mask, step, half(r, 2 * off + 3) - 1)
        for i in range(word(k, T_W0), word(k, T_W1)):
            advance(x, word(x, X_WINDOWS) + 8 * W_COLS * word(word(x, X_BY_TRACK), i), k, r, base, mask, step, newest, 0)
        fill_deques(x, k, r, base, mask, step)
    trim(x, k, r, base, mask, step, keep_clock)
    length = half(r, 2 * off + 3) - half(r, 2 * off + 2)
    capacity = 1 << (block & 63)
    if length > (capacity * 3) >> 2:
        resize(x, k, r, (block & 63) + 1)
    elif (block & 63) > 2 and length < capacity >> 3:
        resize(x, k, r, ceil_log2(2 * length + 2))


@shared
def write_slot(x: int, k: int, slot: int, i: int) -> None:
    """Copy the inputs of row i into a slot."""
    n = word(x, X_ROWS)
    set_word(slot, 0, word(word(x, X_TIME), i))
    nulls = 0
    inputs = word(x, X_INPUTS) + 8 * I_COLS * word(k, T_I0)
    for j in range(word(k, T_INPUTS)):
        at = word(inputs + 8 * I_COLS * j, I_SLOT) * n + i
        kind = word(inputs + 8 * I_COLS * j, I_TYPE)
        value = word(word(x, X_VALUES), at)
        if byte(word(x, X_NULLS), at) != 0:
            nulls |= 1 << j
            value = NULL_FLOAT if kind == VT_FLOAT else MIN64
        elif kind == VT_FLOAT and (value & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000:
            value = NAN_BITS
        set_word(slot, 1 + j, value)
    if word(k, T_MASK):
        set_word(slot, 1 + word(k, T_INPUTS), nulls)


@shared
def push(x: int, k: int, r: int, i: int, keep_clock: int, lazy: bool) -> int:
    """Put row i into the ring of track k at its place; returns its position.

    `lazy`: windows are advanced only where a probe asks.
    """
    off = word(k, T_OFF)
    if half(r, 2 * off + 3) >= SEQ_MAX:
        shift_positions(x, k, r)
    block = word(r, off)
    if block < 0 or half(r, 2 * off + 3) - half(r, 2 * off + 2) == 1 << (block & 63):
        make_room(x, k, r, keep_clock, lazy)
    start = half(r, 2 * off + 2)
    head = half(r, 2 * off + 3)
    base, mask, step = ring_of(x, k, r)
    t = word(word(x, X_TIME), i)
    seq = head
    late = head > start and t < time_at(base, mask, step, head - 1)
    if late:
        seq = upper_bound(base, mask, step, start, head, t)
        for to in range(head, seq, -1):
            a = base + ((to - 1) & mask) * step
            b = base + (to & mask) * step
            for i_word in range(step >> 3):
                set_word(b, i_word, word(a, i_word))
    write_slot(x, k, base + (seq & mask) * step, i)
    set_half(r, 2 * off + 3, head + 1)
    if late:
        rebuild(x, k, r, base, mask, step)
    elif not lazy:
        fill_deques(x, k, r, base, mask, step)
    return seq

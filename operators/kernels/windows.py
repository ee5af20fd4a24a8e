"""Windows on a ring: what enters, what leaves.

A window is two positions in its track's ring, [tail, end): events before `end` have entered, events before `tail` have left. What enters
and what leaves is merged in the order of instants, so that an accumulator passes through the same additions however often it is advanced.
"""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.accumulate import move, move_other, recount, shift_float
from operators.kernels.deques import deque_at, deque_push, refill_deque
from operators.kernels.slots import time_at, upper_bound
from operators.machine.functions import inline, outlined
from operators.machine.operations import fixed, half, set_half, word


@inline
def window_at(x: int, index: int) -> int:
    """The address of a window's description."""
    return fixed(x, t.X_WINDOWS) + 8 * t.W_COLS * index


@inline
def track_at(x: int, index: int) -> int:
    """The address of a track's description."""
    return fixed(x, t.X_TRACKS) + 8 * t.T_COLS * index


@inline
def track_of(x: int, w: int) -> int:
    """The address of the description of a window's track."""
    return track_at(x, fixed(w, t.W_TRACK))


@inline
def advance(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, now: int, extra: int) -> tuple[int, int, bool]:
    """Bring a window to the instant `now`; returns [tail, end) and whether its content changed.

    `extra` is 1 when the row that is being evaluated passes the track's filter and is not in the ring yet: it counts for a window of rows
    that leaves it out afterwards.
    """
    head = half(r, 2 * fixed(k, t.T_OFF) + 3)
    at = 2 * fixed(w, t.W_OFF)
    tail = half(r, at)
    end = half(r, at + 1)
    was_tail = tail
    was_end = end
    size = fixed(w, t.W_SIZE)
    rows = fixed(w, t.W_ROWS)
    delay = fixed(w, t.W_DELAY)
    # an event at time u leaves when u <= instant - size (u < instant - size when the lower bound is included)
    reach = size + fixed(w, t.W_LOW)
    while True:
        slot = 0
        limit = now - delay - reach
        floor = head + extra - rows if fixed(w, t.W_FRAME) else t.MIN64
        if end < head:
            time = time_at(base, mask, step, end)
            if time + delay + fixed(w, t.W_STRICT) <= now:
                slot = base + (end & mask) * step
                limit = time - reach
                floor = end + 1 - rows
        if rows < 0:
            floor = t.MIN64
        if size < 0:
            limit = t.MIN64
        until = tail
        while until < end and (until < floor or time_at(base, mask, step, until) <= limit):
            until += 1
        move(x, w, k, r, base, mask, step, tail, until, end, slot)
        tail = until
        if slot == 0:
            break
        for i in range(fixed(w, t.W_D0), fixed(w, t.W_D1)):
            deque_push(x, deque_at(x, i), k, r, base, mask, step, end)
        end += 1
    set_half(r, at, tail)
    set_half(r, at + 1, end)
    return tail, end, tail != was_tail or end != was_end


@inline
def advance_plain(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, now: int, head: int) -> tuple[int, int]:
    """`advance` of a window (now - size, now] that lacks at most the ring's newest event, which is of this instant; returns [tail, end)."""
    at = 2 * fixed(w, t.W_OFF)
    tail = half(r, at)
    end = half(r, at + 1)
    limit = now - fixed(w, t.W_SIZE) - fixed(w, t.W_LOW)
    until = tail
    while until < end and time_at(base, mask, step, until) <= limit:
        until += 1
    slot = base + (end & mask) * step if end < head else 0
    accs = fixed(x, t.X_ACCS)
    for index in range(fixed(w, t.W_A0), fixed(w, t.W_A1)):
        a = accs + 8 * t.A_COLS * index
        if fixed(a, t.A_KIND) == t.A_FLOAT:
            shift_float(x, a, k, r, base, mask, step, tail, until, end, slot)
        else:
            move_other(x, a, k, r, base, mask, step, tail, until, end, slot)
    set_half(r, at, until)
    set_half(r, at + 1, head)
    return until, head


@outlined
def advance_called(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, now: int, extra: int) -> tuple[int, int, bool]:
    """`advance`, where it is not frequent."""
    return advance(x, w, k, r, base, mask, step, now, extra)


@outlined
def bounds_at(w: int, base: int, mask: int, step: int, start: int, stop: int, head: int, now: int) -> tuple[int, int]:
    """[tail, end) of a window at the instant `now`, among the events [start, stop); rows of a frame are counted back from `head`."""
    delay = fixed(w, t.W_DELAY)
    size = fixed(w, t.W_SIZE)
    rows = fixed(w, t.W_ROWS)
    end = stop
    if delay > 0 or fixed(w, t.W_STRICT):
        end = upper_bound(base, mask, step, start, stop, now - delay - fixed(w, t.W_STRICT))
    tail = start
    if size >= 0:
        tail = upper_bound(base, mask, step, start, end, now - delay - size - fixed(w, t.W_LOW))
    if rows >= 0:
        tail = max(tail, min(end, (head if fixed(w, t.W_FRAME) else end) - rows))
    return tail, end


@outlined
def rebuild_window(x: int, w: int, k: int, r: int, base: int, mask: int, step: int) -> None:
    """Derive a window anew from the ring, at the instant to which its group was advanced."""
    off = fixed(k, t.T_OFF)
    start = half(r, 2 * off + 2)
    head = half(r, 2 * off + 3)
    now = word(r, fixed(w, t.W_ADVANCED))
    tail = start
    end = start
    if now > t.MIN64:
        stop = upper_bound(base, mask, step, start, head, now)
        tail, end = bounds_at(w, base, mask, step, start, stop, head, now)
    set_half(r, 2 * fixed(w, t.W_OFF), tail)
    set_half(r, 2 * fixed(w, t.W_OFF) + 1, end)
    recount(x, w, k, r, base, mask, step, tail, end)
    for i in range(fixed(w, t.W_D0), fixed(w, t.W_D1)):
        refill_deque(x, deque_at(x, i), k, r, base, mask, step, tail, end)

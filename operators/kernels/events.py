"""Rows of events: push an event, advance the windows of its groups to its time, write their cells, in the order of the places."""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.ahead import look_ahead, look_at_first
from operators.kernels.cells import emit_range, emit_window, emit_window_called
from operators.kernels.rows import (
    advance_group,
    emit_empty,
    emit_group,
    group_at,
    has_room,
    next_row,
    push_row,
    record_of,
    takes,
)  # fmt: skip
from operators.kernels.slots import ring_of, upper_bound
from operators.kernels.windows import advance_called, advance_plain, bounds_at, track_at, track_of, window_at
from operators.machine.functions import inline, kernel, outlined
from operators.machine.operations import fixed, fixed_byte, half, set_word, word


@outlined
def emit_late(x: int, g: int, r: int, i: int, row: int) -> None:
    """Write the cells of a row whose instant its entity's windows have passed, from the rings."""
    now = fixed(fixed(x, t.X_TIME), i)
    group = group_at(x, g)
    for index in range(fixed(group, t.G_W0), fixed(group, t.G_W1)):
        w = window_at(x, index)
        k = track_of(x, w)
        off = fixed(k, t.T_OFF)
        base, mask, step = ring_of(x, k, r)
        start = half(r, 2 * off + 2)
        # what stands at or before the row in the order
        position = word(fixed(x, t.X_POSITIONS), fixed(w, t.W_TRACK))
        stop = position + 1
        if position < 0:
            stop = upper_bound(base, mask, step, start, half(r, 2 * off + 3), now)
        lo, hi = bounds_at(w, base, mask, step, start, stop, stop, now)
        if fixed(w, t.W_PRE) and position >= 0:
            hi = stop - 1
        for c in range(fixed(w, t.W_C0), fixed(w, t.W_C1)):
            emit_range(x, c, r, min(lo, hi), hi, row)


@inline
def advance_and_emit(x: int, g: int, r: int, now: int, row: int) -> None:
    """Bring the windows of group g to `now` and write their cells; those evaluated before the row's own event are written already."""
    group = group_at(x, g)
    for index in range(fixed(group, t.G_S0), fixed(group, t.G_S1)):
        span = fixed(x, t.X_SPANS) + 8 * t.S_COLS * index
        k = track_at(x, fixed(span, t.S_TRACK))
        base, mask, step = ring_of(x, k, r)
        head = half(r, 2 * fixed(k, t.T_OFF) + 3)
        # an event that came late for its group but not for its track has not entered yet
        entered = head - (word(fixed(x, t.X_POSITIONS), fixed(span, t.S_TRACK)) >= 0)
        for number in range(fixed(span, t.S_W0), fixed(span, t.S_W1)):
            w = window_at(x, number)
            if fixed(w, t.W_PLAIN) and half(r, 2 * fixed(w, t.W_OFF) + 1) == entered:
                tail, end = advance_plain(x, w, k, r, base, mask, step, now, head)
                emit_window(x, w, k, r, base, mask, step, tail, end, row)
            elif not fixed(w, t.W_PRE):
                tail, end, _ = advance_called(x, w, k, r, base, mask, step, now, 0)
                emit_window_called(x, w, k, r, base, mask, step, tail, end, row)


@outlined
def skip_row(x: int, g: int, r: int, i: int, now: int, row: int, in_order: bool) -> None:
    """Write nulls for a row that would need more than is kept; its event counts for those behind it."""
    if in_order:
        advance_group(x, g, r, i, now, 0)
    emit_empty(x, g, row, False)


@inline
def event_row(x: int, r: int, i: int) -> None:
    """Push one event and write its row for every group of its source."""
    now = fixed(fixed(x, t.X_TIME), i)
    for g in range(fixed(x, t.X_N_GROUPS) if fixed(x, t.X_PRE) else 0):
        group = group_at(x, g)
        if fixed(group, t.G_PRE) and takes(x, g, i) and now >= word(r, fixed(group, t.G_OFF) + t.G_ADVANCED):
            advance_group(x, g, r, i, now, 1)
            emit_group(x, g, r, word(fixed(x, t.X_OUT_COUNT), g), 1)
    push_row(x, r, i, False)
    for g in range(fixed(x, t.X_N_GROUPS)):
        if not takes(x, g, i):
            continue
        row = next_row(x, g, i)
        advanced = fixed(group_at(x, g), t.G_OFF) + t.G_ADVANCED
        in_order = now >= word(r, advanced)
        early = fixed_byte(fixed(x, t.X_EARLY), i) != 0
        if in_order:
            set_word(r, advanced, now)
        if early:
            skip_row(x, g, r, i, now, row, in_order)
        elif in_order:
            advance_and_emit(x, g, r, now, row)
        else:
            emit_late(x, g, r, i, row)


@kernel
def events(x: int, start: int) -> tuple[int, int]:
    """Apply the rows from `start` on, write a row for each; `(what, row)`: DONE, or NEED_POOL before anything of the row is done.

    `x` is the address of a call's context.
    """
    n = fixed(x, t.X_STOP)
    look_at_first(x, start, n)
    for i in range(start, n):
        look_ahead(x, i, n)
        if not has_room(x):
            return t.NEED_POOL, i
        event_row(x, record_of(x, fixed(fixed(x, t.X_ENTITY), i)), i)
    return t.DONE, n

"""Steps: one for every event that is applied, and one where a refresh changes a window, in the order of the places."""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.ahead import look_ahead, look_at_first
from operators.kernels.rows import advance_group, group_at, has_room, passed_at, push_row, record_of, takes, write_step
from operators.kernels.slots import ring_of, time_at
from operators.kernels.timers import pop_timer, push_timer
from operators.kernels.windows import track_of, window_at
from operators.machine.functions import inline, kernel, outlined, shared
from operators.machine.operations import fixed, half, set_word, word


@outlined
def schedule(x: int, g: int, e: int, r: int) -> None:
    """Set the timer of entity e to the refresh instant at which a window of group g next changes."""
    group = group_at(x, g)
    first = t.MIN64
    for index in range(fixed(group, t.G_W0), fixed(group, t.G_W1)):
        w = window_at(x, index)
        k = track_of(x, w)
        base, mask, step = ring_of(x, k, r)
        tail = half(r, 2 * fixed(w, t.W_OFF))
        end = half(r, 2 * fixed(w, t.W_OFF) + 1)
        if tail < end and fixed(w, t.W_SIZE) >= 0:
            time = time_at(base, mask, step, tail) + fixed(w, t.W_SIZE) + fixed(w, t.W_DELAY)
            if first == t.MIN64 or time < first:
                first = time
        if end < half(r, 2 * fixed(k, t.T_OFF) + 3):
            time = time_at(base, mask, step, end) + fixed(w, t.W_DELAY)
            if first == t.MIN64 or time < first:
                first = time
    refresh = fixed(group, t.G_REFRESH)
    due = t.MIN64 if first == t.MIN64 else -(-first // refresh) * refresh
    at = fixed(group, t.G_OFF) + t.G_DUE
    if word(r, at) != due:
        set_word(r, at, due)
        if due != t.MIN64:
            control = fixed(x, t.X_CONTROL)
            shift = 8 * g * fixed(x, t.X_TIMER_CAPACITY)
            count = word(control, t.CTL_WORDS + g)
            count = push_timer(fixed(x, t.X_TIMER_TIME) + shift, fixed(x, t.X_TIMER_ENTITY) + shift, count, due, e)
            set_word(control, t.CTL_WORDS + g, count)


@outlined
def refresh_group(x: int, g: int, i: int) -> int:
    """Write the refresh steps of group g up to the instant its clock has passed; DONE, or what it needs to go on."""
    passed = passed_at(x, g, i)
    shift = 8 * g * fixed(x, t.X_TIMER_CAPACITY)
    times = fixed(x, t.X_TIMER_TIME) + shift
    entities = fixed(x, t.X_TIMER_ENTITY) + shift
    control = fixed(x, t.X_CONTROL)
    off = fixed(group_at(x, g), t.G_OFF)
    while word(control, t.CTL_WORDS + g) > 0 and word(times, 0) <= passed:
        if word(fixed(x, t.X_OUT_COUNT), g) >= fixed(x, t.X_OUT_CAPACITY):
            return t.NEED_OUT
        # an event that a refresh lets into a window takes its place in a deque
        if not has_room(x):
            return t.NEED_POOL
        now = word(times, 0)
        e = word(entities, 0)
        set_word(control, t.CTL_WORDS + g, pop_timer(times, entities, word(control, t.CTL_WORDS + g)))
        r = record_of(x, e)
        if word(r, off + t.G_DUE) != now:
            continue
        set_word(r, off + t.G_DUE, t.MIN64)
        if now > word(r, off + t.G_ADVANCED):
            changed = advance_group(x, g, r, i, now, 0)
            set_word(r, off + t.G_ADVANCED, now)
            if changed:
                write_step(x, g, e, r, -1, now, t.MIN64)
        schedule(x, g, e, r)
    return t.DONE


@shared
def refresh_all(x: int, i: int) -> int:
    """Write the refresh steps before row i; DONE, or what is needed for them and for the row."""
    for g in range(fixed(x, t.X_N_GROUPS)):
        what = refresh_group(x, g, i)
        if what != t.DONE:
            return what
    for g in range(fixed(x, t.X_N_GROUPS)):
        if word(fixed(x, t.X_OUT_COUNT), g) >= fixed(x, t.X_OUT_CAPACITY):
            return t.NEED_OUT
    return t.DONE if has_room(x) else t.NEED_POOL


@inline
def count_event(x: int, g: int, r: int, i: int) -> int:
    """Count event i among those of its entity; returns the entity's newest event time."""
    group = group_at(x, g)
    off = fixed(group, t.G_OFF)
    newest = word(r, off + t.G_NEWEST)
    keep = fixed(group, t.G_KEEP)
    if newest != t.MIN64 and keep >= 0 and newest + keep <= passed_at(x, g, i):
        # whether the entity was freed in between must not show
        set_word(r, off + t.G_N, 0)
    newest = max(newest, fixed(fixed(x, t.X_TIME), i))
    set_word(r, off + t.G_NEWEST, newest)
    set_word(r, off + t.G_N, word(r, off + t.G_N) + 1)
    return newest


@kernel
def steps(x: int, start: int) -> tuple[int, int]:
    """Apply the rows from `start` on, write the steps they make; `(what, row)`: DONE, or what is needed before the row's event is applied.

    `x` is the address of a call's context.
    """
    n = fixed(x, t.X_STOP)
    look_at_first(x, start, n)
    for i in range(start, n):
        look_ahead(x, i, n)
        what = refresh_all(x, i)
        if what != t.DONE:
            return what, i
        if fixed(fixed(x, t.X_SOURCE), i) < 0:
            continue
        e = fixed(fixed(x, t.X_ENTITY), i)
        r = record_of(x, e)
        push_row(x, r, i, False)
        for g in range(fixed(x, t.X_N_GROUPS)):
            if takes(x, g, i):
                now = max(count_event(x, g, r, i), passed_at(x, g, i))
                advance_group(x, g, r, i, now, 0)
                set_word(r, fixed(group_at(x, g), t.G_OFF) + t.G_ADVANCED, now)
                write_step(x, g, e, r, i, now, fixed(fixed(x, t.X_ARRIVAL), i))
                schedule(x, g, e, r)
    return t.DONE, n

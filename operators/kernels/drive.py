"""The loop over rows: refresh, push, advance, emit, in the order of the places.

`process` returns `(what, row)`: DONE, or that it needs a larger pool or emptied output before it goes on at `row`, with nothing of that row
done yet but refresh steps. Modes: EVENTS writes a row an event, STEPS a step an event and a step where a refresh changes a window, PROBES a
row a probe.
"""

from __future__ import annotations

from operators.kernels.cells import emit, emit_nothing, emit_range, track_of, window_of
from operators.kernels.deques import fill_deques
from operators.kernels.ring import advance, push, room
from operators.kernels.slots import ring_of, time_at, upper_bound
from operators.kernels.tables import (
    C_COLS, CTL_NEED, CTL_TOP, CTL_WORDS, DONE, EVENTS, G_ADVANCED, G_C0, G_C1, G_COLS, G_DUE, G_KEEP, G_N, G_NEWEST, G_OFF, G_PRE,
    G_REFRESH, G_SOURCES, G_W0, G_W1, MIN64, NEED_OUT, NEED_POOL, PROBES, STEPS, T_COLS, T_OFF, T_SOURCE, T_WHERE, W_COLS, W_CUT, W_DELAY,
    W_LOW, W_OFF, W_PRE, W_ROWS, W_SIZE, W_STRICT, W_TRACK, X_ARRIVAL, X_CELLS, X_CONTROL, X_EARLY, X_ENTITY, X_GROUPS, X_N_GROUPS,
    X_N_TRACKS, X_OUT_ARRIVAL, X_OUT_CAPACITY, X_OUT_COUNT, X_OUT_ENTITY, X_OUT_N, X_OUT_ROW, X_OUT_TIME, X_PASSED, X_PASSES, X_POOL_WORDS,
    X_POSITIONS, X_RECORD, X_ROWS, X_SOURCE, X_STRIDE, X_TIME, X_TIMER_CAPACITY, X_TIMER_ENTITY, X_TIMER_TIME, X_TRACKS, X_WINDOWS,
)  # fmt: skip
from operators.kernels.timers import pop_timer, push_timer
from operators.machine.functions import kernel, shared
from operators.machine.operations import byte, half, set_word, word


@shared
def passes(x: int, k: int, i: int) -> bool:
    """Whether row i belongs to track k."""
    if word(k, T_SOURCE) != word(word(x, X_SOURCE), i):
        return False
    where = word(k, T_WHERE)
    return where < 0 or byte(word(x, X_PASSES), where * word(x, X_ROWS) + i) != 0


@shared
def group_of(x: int, g: int) -> int:
    """The address of group g."""
    return word(x, X_GROUPS) + 8 * G_COLS * g


@shared
def takes(x: int, g: int, i: int) -> bool:
    """Whether row i's source is one of the group's."""
    return (word(group_of(x, g), G_SOURCES) >> word(word(x, X_SOURCE), i)) & 1 == 1


@shared
def emit_late(x: int, g: int, r: int, row: int, i: int) -> None:
    """Write the cells of a row whose instant its entity's windows have passed, from the rings."""
    t = word(word(x, X_TIME), i)
    group = group_of(x, g)
    for index in range(word(group, G_C0), word(group, G_C1)):
        c = word(x, X_CELLS) + 8 * C_COLS * index
        w = window_of(x, c)
        k = track_of(x, w)
        off = word(k, T_OFF)
        base, mask, step = ring_of(x, k, r)
        start = half(r, 2 * off + 2)
        # what stands at or before the row in the order
        position = word(word(x, X_POSITIONS), word(w, W_TRACK))
        stop = position + 1
        if position < 0:
            stop = upper_bound(base, mask, step, start, half(r, 2 * off + 3), t)
        delay = word(w, W_DELAY)
        strict = word(w, W_STRICT)
        frame = stop
        hi = stop
        if delay > 0 or strict:
            hi = upper_bound(base, mask, step, start, stop, t - delay - strict)
        elif word(w, W_PRE) and position >= 0:
            hi = stop - 1
        if word(w, W_CUT) == 1:
            frame = hi
        lo = start
        if word(w, W_SIZE) >= 0:
            lo = upper_bound(base, mask, step, start, hi, t - delay - word(w, W_SIZE) - word(w, W_LOW))
        if word(w, W_ROWS) >= 0:
            lo = max(lo, min(hi, frame - word(w, W_ROWS)))
        emit_range(x, c, r, g, row, lo, hi)


@shared
def emit_group(x: int, g: int, r: int, row: int, pre: int) -> None:
    """Write the cells of group g whose windows are (pre) evaluated before the row's own event is pushed, or after it."""
    group = group_of(x, g)
    mixed = word(group, G_PRE) == 1
    for index in range(word(group, G_C0), word(group, G_C1)):
        c = word(x, X_CELLS) + 8 * C_COLS * index
        if not mixed or word(window_of(x, c), W_PRE) == pre:
            emit(x, c, r, g, row)


@shared
def advance_group(x: int, g: int, r: int, i: int, now: int, pre: int) -> bool:
    """Bring the windows of group g to `now`; returns whether one changed."""
    group = group_of(x, g)
    changed = False
    for index in range(word(group, G_W0), word(group, G_W1)):
        w = word(x, X_WINDOWS) + 8 * W_COLS * index
        if word(w, W_PRE) == pre:
            k = track_of(x, w)
            base, mask, step = ring_of(x, k, r)
            extra = 1 if pre and passes(x, k, i) else 0
            if advance(x, w, k, r, base, mask, step, now, extra):
                changed = True
    return changed


@shared
def next_row(x: int, g: int, i: int) -> int:
    """Claim the next row of the group's output for input row i."""
    counts = word(x, X_OUT_COUNT)
    row = word(counts, g)
    set_word(counts, g, row + 1)
    set_word(word(x, X_OUT_ROW), g * word(x, X_OUT_CAPACITY) + row, i)
    return row


@shared
def write_step(x: int, g: int, e: int, r: int, i: int, now: int, arrival: int) -> None:
    """Append a step of entity e to the output of group g."""
    row = next_row(x, g, i)
    at = g * word(x, X_OUT_CAPACITY) + row
    group = group_of(x, g)
    set_word(word(x, X_OUT_ENTITY), at, e)
    set_word(word(x, X_OUT_TIME), at, now)
    set_word(word(x, X_OUT_ARRIVAL), at, arrival)
    set_word(word(x, X_OUT_N), at, word(r, word(group, G_OFF) + G_N))
    for index in range(word(group, G_C0), word(group, G_C1)):
        emit(x, word(x, X_CELLS) + 8 * C_COLS * index, r, g, row)


@shared
def schedule(x: int, g: int, e: int, r: int) -> None:
    """Set the timer of entity e to the refresh instant at which a window of group g next changes."""
    group = group_of(x, g)
    first = MIN64
    for index in range(word(group, G_W0), word(group, G_W1)):
        w = word(x, X_WINDOWS) + 8 * W_COLS * index
        k = track_of(x, w)
        base, mask, step = ring_of(x, k, r)
        tail = half(r, 2 * word(w, W_OFF))
        end = half(r, 2 * word(w, W_OFF) + 1)
        if tail < end and word(w, W_SIZE) >= 0:
            t = time_at(base, mask, step, tail) + word(w, W_SIZE) + word(w, W_DELAY)
            if first == MIN64 or t < first:
                first = t
        if end < half(r, 2 * word(k, T_OFF) + 3):
            t = time_at(base, mask, step, end) + word(w, W_DELAY)
            if first == MIN64 or t < first:
                first = t
    refresh = word(group, G_REFRESH)
    due = MIN64 if first == MIN64 else -(-first // refresh) * refresh
    at = word(group, G_OFF) + G_DUE
    if word(r, at) != due:
        set_word(r, at, due)
        if due != MIN64:
            control = word(x, X_CONTROL)
            shift = 8 * g * word(x, X_TIMER_CAPACITY)
            count = push_timer(word(x, X_TIMER_TIME) + shift, word(x, X_TIMER_ENTITY) + shift, word(control, CTL_WORDS + g), due, e)
            set_word(control, CTL_WORDS + g, count)


@shared
def refresh(x: int, g: int, i: int) -> bool:
    """Write the refresh steps of group g up to the instant its clock has passed; returns False when the output is full."""
    passed = word(word(x, X_PASSED), g * word(x, X_ROWS) + i)
    shift = 8 * g * word(x, X_TIMER_CAPACITY)
    times = word(x, X_TIMER_TIME) + shift
    entities = word(x, X_TIMER_ENTITY) + shift
    control = word(x, X_CONTROL)
    group = group_of(x, g)
    off = word(group, G_OFF)
    while word(control, CTL_WORDS + g) > 0 and word(times, 0) <= passed:
        if word(word(x, X_OUT_COUNT), g) >= word(x, X_OUT_CAPACITY):
            return False
        t = word(times, 0)
        e = word(entities, 0)
        set_word(control, CTL_WORDS + g, pop_timer(times, entities, word(control, CTL_WORDS + g)))
        r = word(x, X_RECORD) + e * word(x, X_STRIDE)
        if word(r, off + G_DUE) != t:
            continue
        set_word(r, off + G_DUE, MIN64)
        if t > word(r, off + G_ADVANCED):
            changed = advance_group(x, g, r, i, t, 0)
            set_word(r, off + G_ADVANCED, t)
            if changed:
                write_step(x, g, e, r, -1, t, 0)
        schedule(x, g, e, r)
    return True


@shared
def has_room(x: int, r: int, i: int) -> bool:
    """Whether the pool is sure to hold what row i can add; else control says how much it takes."""
    need = 0
    probe = word(word(x, X_SOURCE), i) == -1
    for index in range(word(x, X_N_TRACKS)):
        k = word(x, X_TRACKS) + 8 * T_COLS * index
        if probe or passes(x, k, i):
            need += room(k, r)
    control = word(x, X_CONTROL)
    set_word(control, CTL_NEED, need)
    return word(control, CTL_TOP) + need <= word(x, X_POOL_WORDS)


@shared
def push_row(x: int, r: int, i: int, keep_clock: int, lazy: bool) -> None:
    """Push row i into every track that it passes; X_POSITIONS gets where, -1 for the others."""
    for index in range(word(x, X_N_TRACKS)):
        k = word(x, X_TRACKS) + 8 * T_COLS * index
        set_word(word(x, X_POSITIONS), index, push(x, k, r, i, keep_clock, lazy) if passes(x, k, i) else -1)


@shared
def event_row(x: int, r: int, i: int, keep_clock: int) -> None:
    """EVENTS: push one event and write its row for every group of its source."""
    t = word(word(x, X_TIME), i)
    for g in range(word(x, X_N_GROUPS)):
        group = group_of(x, g)
        if word(group, G_PRE) and takes(x, g, i) and t >= word(r, word(group, G_OFF) + G_ADVANCED):
            advance_group(x, g, r, i, t, 1)
            emit_group(x, g, r, word(word(x, X_OUT_COUNT), g), 1)
    push_row(x, r, i, keep_clock, False)
    for g in range(word(x, X_N_GROUPS)):
        if not takes(x, g, i):
            continue
        row = next_row(x, g, i)
        group = group_of(x, g)
        at = word(group, G_OFF) + G_ADVANCED
        in_order = t >= word(r, at)
        if in_order:
            set_word(r, at, t)
            advance_group(x, g, r, i, t, 0)
        if byte(word(x, X_EARLY), i):
            for index in range(word(group, G_C0), word(group, G_C1)):
                emit_nothing(x, word(x, X_CELLS) + 8 * C_COLS * index, g, row, False)
        elif in_order:
            emit_group(x, g, r, row, 0)
        else:
            emit_late(x, g, r, row, i)


@shared
def step_row(x: int, e: int, r: int, i: int, keep_clock: int, lazy: bool) -> None:
    """STEPS, PROBES: push one event; unless `lazy`, write the step that it makes for every group of its source."""
    t = word(word(x, X_TIME), i)
    push_row(x, r, i, keep_clock, lazy)
    for g in range(word(x, X_N_GROUPS)):
        if not takes(x, g, i):
            continue
        group = group_of(x, g)
        off = word(group, G_OFF)
        newest = word(r, off + G_NEWEST)
        passed = word(word(x, X_PASSED), g * word(x, X_ROWS) + i)
        if newest != MIN64 and word(group, G_KEEP) >= 0 and newest + word(group, G_KEEP) <= passed:
            set_word(r, off + G_N, 0)
        newest = max(newest, t)
        set_word(r, off + G_NEWEST, newest)
        set_word(r, off + G_N, word(r, off + G_N) + 1)
        if not lazy:
            now = max(newest, passed)
            advance_group(x, g, r, i, now, 0)
            set_word(r, off + G_ADVANCED, now)
            write_step(x, g, e, r, i, now, word(word(x, X_ARRIVAL), i))
            schedule(x, g, e, r)


@shared
def probe_row(x: int, e: int, r: int, i: int) -> None:
    """PROBES: write what stands for the entity at the probe's place, for every group; its time is that of the entity's newest event."""
    if e >= 0:
        for index in range(word(x, X_N_TRACKS)):
            k = word(x, X_TRACKS) + 8 * T_COLS * index
            base, mask, step = ring_of(x, k, r)
            fill_deques(x, k, r, base, mask, step)
    for g in range(word(x, X_N_GROUPS)):
        group = group_of(x, g)
        off = word(group, G_OFF)
        newest = MIN64 if e < 0 else word(r, off + G_NEWEST)
        if newest == MIN64:
            row = next_row(x, g, i)
            set_word(word(x, X_OUT_TIME), g * word(x, X_OUT_CAPACITY) + row, MIN64)
            set_word(word(x, X_OUT_N), g * word(x, X_OUT_CAPACITY) + row, 0)
            for index in range(word(group, G_C0), word(group, G_C1)):
                emit_nothing(x, word(x, X_CELLS) + 8 * C_COLS * index, g, row, True)
            continue
        now = max(newest, word(word(x, X_PASSED), g * word(x, X_ROWS) + i), word(r, off + G_ADVANCED))
        advance_group(x, g, r, i, now, 0)
        set_word(r, off + G_ADVANCED, now)
        write_step(x, g, e, r, i, newest, word(word(x, X_ARRIVAL), i))


@kernel
def process(x: int, mode: int, start: int, keep_clock: int) -> tuple[int, int]:
    """Apply the rows from `start` on; see the head of this file. `x` is the address of a call's context."""
    n = word(x, X_ROWS)
    for i in range(start, n):
        e = word(word(x, X_ENTITY), i)
        r = word(x, X_RECORD) + e * word(x, X_STRIDE)
        source = word(word(x, X_SOURCE), i)
        if mode == STEPS:
            for g in range(word(x, X_N_GROUPS)):
                if not refresh(x, g, i):
                    return NEED_OUT, i
            for g in range(word(x, X_N_GROUPS)):
                if word(word(x, X_OUT_COUNT), g) >= word(x, X_OUT_CAPACITY):
                    return NEED_OUT, i
        if source == -2:
            continue
        if e >= 0 and not has_room(x, r, i):
            return NEED_POOL, i
        if mode == EVENTS:
            event_row(x, r, i, keep_clock)
        elif source >= 0:
            step_row(x, e, r, i, keep_clock, mode == PROBES)
        else:
            probe_row(x, e, r, i)
    return DONE, n

"""What the loops over rows share: which tracks and groups a row is for, its push, and where what is written for it goes."""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.cells import emit_nothing, emit_window
from operators.kernels.ring import push
from operators.kernels.slots import ring_of
from operators.kernels.windows import advance, track_at, track_of, window_at
from operators.machine.functions import inline, outlined
from operators.machine.operations import fixed, fixed_byte, half, put_out, set_word, word


@inline
def group_at(x: int, g: int) -> int:
    """The address of a group's description."""
    return fixed(x, t.X_GROUPS) + 8 * t.G_COLS * g


@inline
def record_of(x: int, e: int) -> int:
    """The address of an entity's record."""
    return fixed(x, t.X_RECORD) + e * fixed(x, t.X_STRIDE)


@inline
def passes(x: int, k: int, i: int) -> bool:
    """Whether row i belongs to track k."""
    if fixed(k, t.T_SOURCE) != fixed(fixed(x, t.X_SOURCE), i):
        return False
    where = fixed(k, t.T_WHERE)
    return where < 0 or fixed_byte(fixed(x, t.X_PASSES), where * fixed(x, t.X_ROWS) + i) != 0


@inline
def takes(x: int, g: int, i: int) -> bool:
    """Whether row i's source is one of the group's."""
    return (fixed(group_at(x, g), t.G_SOURCES) >> fixed(fixed(x, t.X_SOURCE), i)) & 1 == 1


@inline
def passed_at(x: int, g: int, i: int) -> int:
    """The newest refresh instant that the clock of group g has passed before row i."""
    return fixed(fixed(x, t.X_PASSED), g * fixed(x, t.X_ROWS) + i)


@inline
def has_room(x: int) -> bool:
    """Whether the pool is sure to hold what one row can add: every ring twice as large as the largest is, with its deques."""
    control = fixed(x, t.X_CONTROL)
    return word(control, t.CTL_TOP) + (fixed(x, t.X_ROOM) << word(control, t.CTL_LOG2)) <= fixed(x, t.X_POOL_WORDS)


@inline
def push_row(x: int, r: int, i: int, lazy: bool) -> None:
    """Push row i into every track that it passes; X_POSITIONS gets where, -1 for the others."""
    for index in range(fixed(x, t.X_N_TRACKS)):
        k = track_at(x, index)
        at = -1
        if passes(x, k, i):
            at = push(x, k, r, i, lazy)
        set_word(fixed(x, t.X_POSITIONS), index, at)


@inline
def next_row(x: int, g: int, i: int) -> int:
    """Claim the next row of the group's output for input row i."""
    counts = fixed(x, t.X_OUT_COUNT)
    row = word(counts, g)
    set_word(counts, g, row + 1)
    put_out(fixed(x, t.X_OUT_ROW), g * fixed(x, t.X_OUT_CAPACITY) + row, i)
    return row


@outlined
def advance_group(x: int, g: int, r: int, i: int, now: int, pre: int) -> bool:
    """Bring the windows of group g that are (pre) evaluated before the row's event is pushed, or after, to `now`; whether one changed."""
    group = group_at(x, g)
    changed = False
    for index in range(fixed(group, t.G_W0), fixed(group, t.G_W1)):
        w = window_at(x, index)
        if fixed(w, t.W_PRE) == pre:
            k = track_of(x, w)
            base, mask, step = ring_of(x, k, r)
            extra = 0
            if pre and passes(x, k, i):
                extra = 1
            _, _, moved = advance(x, w, k, r, base, mask, step, now, extra)
            if moved:
                changed = True
    return changed


@outlined
def emit_group(x: int, g: int, r: int, row: int, pre: int) -> None:
    """Write the cells of group g in windows that are evaluated before (pre) or after the row's own event."""
    group = group_at(x, g)
    for index in range(fixed(group, t.G_W0), fixed(group, t.G_W1)):
        w = window_at(x, index)
        if fixed(w, t.W_PRE) == pre:
            k = track_of(x, w)
            base, mask, step = ring_of(x, k, r)
            emit_window(x, w, k, r, base, mask, step, half(r, 2 * fixed(w, t.W_OFF)), half(r, 2 * fixed(w, t.W_OFF) + 1), row)


@outlined
def write_step(x: int, g: int, e: int, r: int, i: int, now: int, arrival: int) -> None:
    """Append a step of entity e to the output of group g; its arrival is the newest that the entity has seen."""
    row = next_row(x, g, i)
    off = fixed(group_at(x, g), t.G_OFF)
    newest = max(word(r, off + t.G_ARRIVAL), arrival)
    set_word(r, off + t.G_ARRIVAL, newest)
    at = g * fixed(x, t.X_OUT_CAPACITY) + row
    put_out(fixed(x, t.X_OUT_ENTITY), at, e)
    put_out(fixed(x, t.X_OUT_TIME), at, now)
    put_out(fixed(x, t.X_OUT_ARRIVAL), at, newest)
    put_out(fixed(x, t.X_OUT_N), at, word(r, off + t.G_N))
    emit_group(x, g, r, row, 0)


@outlined
def emit_empty(x: int, g: int, row: int, known: bool) -> None:
    """Write every cell of group g as over nothing."""
    group = group_at(x, g)
    for index in range(fixed(group, t.G_W0), fixed(group, t.G_W1)):
        w = window_at(x, index)
        for c in range(fixed(w, t.W_C0), fixed(w, t.W_C1)):
            emit_nothing(x, c, row, known)

"""Probes: events are pushed, windows are advanced only where a probe asks, in the order of the places."""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.ahead import look_ahead, look_at_first
from operators.kernels.deques import fill_deques
from operators.kernels.rows import (
    advance_group,
    emit_empty,
    group_at,
    has_room,
    next_row,
    passed_at,
    push_row,
    record_of,
    takes,
    write_step,
)  # fmt: skip
from operators.kernels.slots import ring_of
from operators.kernels.steps import count_event
from operators.kernels.windows import track_at
from operators.machine.functions import kernel, outlined
from operators.machine.operations import fixed, put_out, set_word, word


@outlined
def probe_row(x: int, e: int, i: int) -> None:
    """Write what stands for the entity at the probe's place, for every group; its time is that of the entity's newest event."""
    r = record_of(x, e)
    if e >= 0:
        for index in range(fixed(x, t.X_N_TRACKS)):
            k = track_at(x, index)
            base, mask, step = ring_of(x, k, r)
            fill_deques(x, k, r, base, mask, step)
    for g in range(fixed(x, t.X_N_GROUPS)):
        off = fixed(group_at(x, g), t.G_OFF)
        newest = t.MIN64
        if e >= 0:
            newest = word(r, off + t.G_NEWEST)
        if newest == t.MIN64:
            row = next_row(x, g, i)
            put_out(fixed(x, t.X_OUT_TIME), g * fixed(x, t.X_OUT_CAPACITY) + row, t.MIN64)
            put_out(fixed(x, t.X_OUT_N), g * fixed(x, t.X_OUT_CAPACITY) + row, 0)
            emit_empty(x, g, row, True)
            continue
        now = max(newest, passed_at(x, g, i), word(r, off + t.G_ADVANCED))
        advance_group(x, g, r, i, now, 0)
        set_word(r, off + t.G_ADVANCED, now)
        write_step(x, g, e, r, i, newest, fixed(fixed(x, t.X_ARRIVAL), i))


@kernel
def probes(x: int, start: int) -> tuple[int, int]:
    """Apply the rows from `start` on, write a row for each probe; `(what, row)`: DONE, or NEED_POOL before anything of the row is done.

    `x` is the address of a call's context.
    """
    n = fixed(x, t.X_STOP)
    look_at_first(x, start, n)
    for i in range(start, n):
        look_ahead(x, i, n)
        if not has_room(x):
            return t.NEED_POOL, i
        e = fixed(fixed(x, t.X_ENTITY), i)
        source = fixed(fixed(x, t.X_SOURCE), i)
        if source == -1:
            probe_row(x, e, i)
        elif source >= 0:
            r = record_of(x, e)
            push_row(x, r, i, True)
            for g in range(fixed(x, t.X_N_GROUPS)):
                if takes(x, g, i):
                    count_event(x, g, r, i)
    return t.DONE, n

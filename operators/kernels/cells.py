"""Cells: the value of an aggregate over a window, from its accumulators or by a look at its events.

`emit` writes one cell of an entity whose windows are advanced; `emit_range` the same from the events [lo, hi) alone,
for a row whose instant the windows have passed. An int outside int64 is null and counted. Valid bytes are 1 beforehand.
"""

from __future__ import annotations

import math

from operators.kernels import tables as t
from operators.kernels.deques import extreme_of
from operators.kernels.moments import moment, whole_moment
from operators.kernels.scans import by_place, decayed_range, input_at, is_missing, moment_range, special_sum
from operators.kernels.slots import ring_of
from operators.kernels.windows import track_of, window_at
from operators.machine.functions import inline, outlined
from operators.machine.operations import as_word, fixed, half, put_out, put_out_byte, real, word


@inline
def cell_at(x: int, index: int) -> int:
    """The address of a cell's description."""
    return fixed(x, t.X_CELLS) + 8 * t.C_COLS * index


@inline
def write(x: int, index: int, row: int, value: int, valid: int) -> None:
    """Write the word of cell `index` to a row of its column, and its valid byte where it is null."""
    put_out(fixed(fixed(x, t.X_CELL_WORDS), index), row, value)
    if valid == 0:
        put_out_byte(fixed(fixed(x, t.X_CELL_VALID), index), row, 0)


@inline
def accumulator_of(x: int, c: int) -> int:
    """The address of the description of a cell's accumulator."""
    return fixed(x, t.X_ACCS) + 8 * t.A_COLS * fixed(c, t.C_ACC)


@outlined
def emit_list(x: int, index: int, k: int, base: int, mask: int, step: int, lo: int, hi: int, row: int) -> None:
    """Write the newest n inputs, oldest first, into the n columns before the cell's, and their number into it."""
    c = cell_at(x, index)
    n = fixed(c, t.C_N)
    column = fixed(x, t.X_OUT_CAPACITY)
    count = 0
    seq = hi - 1
    while seq >= lo and count < n:
        slot = base + (seq & mask) * step
        missing = is_missing(c, k, slot)
        if not (missing and fixed(c, t.C_IGNORE) == 1):
            count += 1
            write(x, index, row - count * column, 0 if missing else input_at(c, slot), 0 if missing else 1)
        seq -= 1
    # over nothing a list is null, like every aggregate but count
    write(x, index, row, count, 1 if count > 0 else 0)


@outlined
def accumulated(x: int, c: int, a: int, k: int, r: int, base: int, mask: int, step: int, lo: int, hi: int) -> tuple[int, int]:
    """(word, valid) of a cell that has an accumulator."""
    off = fixed(a, t.A_OFF)
    accumulator = fixed(a, t.A_KIND)
    kind = fixed(c, t.C_KIND)
    count_at = t.ACC_COUNT[accumulator]
    count = half(r, 2 * off + count_at)
    if kind == t.K_COUNT:
        return count, 1
    if accumulator == t.A_INT:
        return whole_moment(x, kind, word(r, off), word(r, off + 1), count)
    if accumulator == t.A_DECAY:
        return word(r, off), 1 if count > 0 else 0
    special = 0.0
    if half(r, 2 * off + count_at + 1) > 0:
        special = special_sum(c, k, base, mask, step, lo, hi)
    if accumulator == t.A_SQUARE:
        return moment(x, kind, real(r, off), real(r, off + 1), real(r, off + 2), real(r, off + 3), count, special)
    return moment(x, kind, real(r, off), real(r, off + 1), 0.0, 0.0, count, special)


@outlined
def emit_other(x: int, index: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int, row: int) -> None:
    """`emit` of a cell that has no way of its own."""
    c = cell_at(x, index)
    if fixed(c, t.C_KIND) == t.K_LAST_N:
        emit_list(x, index, k, base, mask, step, tail, end, row)
        return
    if fixed(c, t.C_ACC) >= 0:
        value, valid = accumulated(x, c, accumulator_of(x, c), k, r, base, mask, step, tail, end)
    else:
        value, valid = by_place(x, c, k, base, mask, step, tail, end)
    write(x, index, row, value, valid)


@inline
def emit(x: int, index: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int, row: int) -> None:
    """Write a cell of a window that stands at [tail, end) to a row of its group."""
    c = cell_at(x, index)
    op = fixed(c, t.C_OP)
    off = fixed(c, t.C_OFF)
    if op == t.OP_ROWS:
        write(x, index, row, end - tail, 1)
    elif op == t.OP_COUNT:
        write(x, index, row, half(r, off), 1)
    elif op == t.OP_SUM:
        value = real(r, off) + real(r, off + 1)
        if half(r, 2 * off + 7) == 0 and math.isfinite(value):
            write(x, index, row, as_word(value), half(r, 2 * off + 6))
        else:
            emit_other(x, index, k, r, base, mask, step, tail, end, row)
    elif op == t.OP_EXTREME:
        found, valid = extreme_of(x, fixed(c, t.C_HEAD), r, base, mask, step, tail, fixed(c, t.C_IN))
        write(x, index, row, found, valid)
    else:
        emit_other(x, index, k, r, base, mask, step, tail, end, row)


@inline
def emit_window(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int, row: int) -> None:
    """Write every cell of a window that stands at [tail, end)."""
    for index in range(fixed(w, t.W_C0), fixed(w, t.W_C1)):
        emit(x, index, k, r, base, mask, step, tail, end, row)


@outlined
def emit_window_called(x: int, w: int, k: int, r: int, base: int, mask: int, step: int, tail: int, end: int, row: int) -> None:
    """`emit_window`, where it is not frequent."""
    emit_window(x, w, k, r, base, mask, step, tail, end, row)


@outlined
def emit_range(x: int, index: int, r: int, lo: int, hi: int, row: int) -> None:
    """Write a cell of record r from the events [lo, hi) alone."""
    c = cell_at(x, index)
    k = track_of(x, window_at(x, fixed(c, t.C_WINDOW)))
    base, mask, step = ring_of(x, k, r)
    kind = fixed(c, t.C_KIND)
    if kind == t.K_LAST_N:
        emit_list(x, index, k, base, mask, step, lo, hi, row)
        return
    if kind == t.K_DECAY:
        value, valid = decayed_range(c, accumulator_of(x, c), k, base, mask, step, lo, hi)
    elif kind in (t.K_COUNT, t.K_SUM, t.K_MEAN, t.K_VAR, t.K_STD):
        value, valid = moment_range(x, c, accumulator_of(x, c), k, base, mask, step, lo, hi)
    else:
        value, valid = by_place(x, c, k, base, mask, step, lo, hi)
    write(x, index, row, value, valid)


@outlined
def emit_nothing(x: int, index: int, row: int, known: bool) -> None:
    """Write a cell as over nothing: counts 0, the rest null; if not `known`, null even where it is a count."""
    kind = fixed(cell_at(x, index), t.C_KIND)
    write(x, index, row, 0, 1 if known and kind in (t.K_COUNT, t.K_COUNT_ALL) else 0)

"""The columns of the tables that describe a state, by name, and the words of a call's context.

All tables are int64 matrices; a row is one track, window, accumulator, deque, head, cell or group, and kernels hold the address of a row.
Offsets are in 8-byte words of an entity's record unless a name ends in 32, then in 4-byte halves. Positions of events in a ring are
running numbers ("seq"); their slot is the number modulo the ring's capacity.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

MIN64 = -(2**63)
NULL_FLOAT = 0x7FF8DEAD00000001
"""The NaN that stands for null in a float slot; NaNs of the data are stored as the ordinary one."""
NAN_BITS = 0x7FF8000000000000

# value types of slots
VT_INT, VT_FLOAT, VT_STRING = 0, 1, 2

# kinds of cells
(
    K_COUNT_ALL, K_COUNT, K_SUM, K_MEAN, K_MIN, K_MAX, K_VAR, K_STD, K_FIRST, K_LAST,
    K_N_UNIQUE, K_LAST_N, K_LAG, K_LAST_TIME, K_DECAY,
) = range(15)  # fmt: skip

# kinds of accumulators, with their size in words
A_INT, A_FLOAT, A_SQUARE, A_DECAY, A_NON_NULL = 0, 1, 2, 3, 4
ACC_WORDS = (3, 4, 7, 3, 1)
ACC_COUNT = (4, 6, 12, 5, 0)
"""Where each counts its inputs, in halves."""

# tracks: header is [block, start32|head32]
(
    T_OFF, T_WORDS, T_INPUTS, T_MASK, T_I0, T_W0, T_W1, T_D0, T_D1, T_KEEP, T_LATE, T_ROWS, T_FREE, T_SOURCE, T_WHERE, T_COLS,
) = range(16)  # fmt: skip
# inputs of tracks
I_SLOT, I_TYPE, I_COLS = range(3)
# windows: [tail32|end32]; W_ADVANCED is where the group's instant stands
(
    W_GROUP, W_TRACK, W_OFF, W_SIZE, W_ROWS, W_DELAY, W_LOW, W_STRICT, W_PRE, W_FRAME, W_PLAIN, W_ADVANCED, W_A0, W_A1, W_C0, W_C1,
    W_D0, W_D1, W_COLS,
) = range(19)  # fmt: skip
# accumulators
A_KIND, A_IN, A_OFF, A_TYPE, A_NULL, A_HALF, A_COLS = range(7)
# deques: [block, start32|end32], in PROBES also [done32|-]
D_IN, D_SIGN, D_TYPE, D_NULL, D_OFF, D_FREE, D_TRACK, D_H0, D_H1, D_COLS = range(10)
# heads of windows in deques
H_OFF32, H_DEQUE, H_DEQUE_OFF, H_TRACK_OFF, H_STEP, H_COLS = range(6)
# cells
C_OP, C_GROUP, C_WINDOW, C_KIND, C_IN, C_ACC, C_OFF, C_HEAD, C_N, C_IGNORE, C_TYPE, C_NULL, C_OUT, C_COLS = range(14)
# what writes a cell: those that are frequent have a way of their own
OP_ROWS, OP_COUNT, OP_SUM, OP_EXTREME, OP_OTHER = range(5)
# groups: [advanced], in STEPS and PROBES also [newest, n, due, arrival of the newest step]
G_OFF, G_W0, G_W1, G_S0, G_S1, G_REFRESH, G_KEEP, G_SOURCES, G_PRE, G_COLS = range(10)
# spans: windows of a group that are on one track
S_TRACK, S_W0, S_W1, S_COLS = range(4)
G_ADVANCED, G_NEWEST, G_N, G_DUE, G_ARRIVAL, G_WORDS = range(6)

# what a call asks of its caller
DONE, NEED_POOL, NEED_OUT = 0, 1, 2

# modes
EVENTS, STEPS, PROBES = 0, 1, 2

# control words: words of the pool in use, the largest ring's logarithm, values outside their type; then the number of timers of each group
CTL_TOP, CTL_LOG2, CTL_OVERFLOW, CTL_WORDS = range(4)

FREE_CLASSES = 40

# the context of a call: addresses, then sizes; nothing in it changes while a kernel runs. X_STOP is the row behind the last of the call,
# X_ROWS how many lie in each column
(
    X_RECORD, X_STRIDE, X_POOL, X_POOL_WORDS, X_FREE, X_CONTROL, X_TEXT_OFFSETS, X_TEXT,
    X_TRACKS, X_INPUTS, X_WINDOWS, X_ACCS, X_DEQUES, X_HEADS, X_CELLS, X_GROUPS, X_SPANS, X_BY_TRACK, X_BY_TRACK_OFF,
    X_TIMER_TIME, X_TIMER_ENTITY, X_TIMER_CAPACITY,
    X_STOP, X_ROWS, X_ENTITY, X_SOURCE, X_TIME, X_ARRIVAL, X_VALUES, X_NULLS, X_PASSES, X_PASSED, X_EARLY,
    X_OUT_WORDS, X_OUT_VALID, X_OUT_WIDTH, X_OUT_CAPACITY, X_OUT_ENTITY, X_OUT_TIME, X_OUT_ARRIVAL, X_OUT_N, X_OUT_ROW, X_OUT_COUNT,
    X_N_TRACKS, X_N_GROUPS, X_N_WINDOWS, X_N_DEQUES, X_N_HEADS, X_ROOM, X_POSITIONS, X_KEEP_CLOCK, X_MODE, X_PRE,
    X_CELL_WORDS, X_CELL_VALID, X_WORDS,
) = range(56)  # fmt: skip


class Tables(NamedTuple):
    """The description of a state; see the column names above. `by_track` lists windows: those of track k are its range T_W0..T_W1;
    `by_track_off` their offsets in a record.
    """

    tracks: Array
    inputs: Array
    windows: Array
    accs: Array
    deques: Array
    heads: Array
    cells: Array
    groups: Array
    spans: Array
    by_track: Array
    by_track_off: Array


class Rows(NamedTuple):
    """The rows of one call, in the order of their places: int64 arrays of n, matrices of inputs × n and tracks × n.

    `entity` is -1 for a probe of an unknown entity; `source` is -1 for a probe, -2 for a tick of the clock; `passed` is the newest refresh
    instant that the clock of each group has passed before the row, groups × n; `nulls`, `passes` and `early` are bytes.
    """

    entity: Array
    source: Array
    time: Array
    arrival: Array
    values: Array
    nulls: Array
    passes: Array
    passed: Array
    early: Array


class Out(NamedTuple):
    """Where cells are written: a cube groups × columns × rows of words, the same of valid bytes; what a step is; `rows` by group."""

    words: Array
    valid: Array
    entity: Array
    time: Array
    arrival: Array
    n: Array
    row: Array
    rows: Array

"""The layout of one key's state: from the plan to the tables that the kernels read.

It promises that every group's windows, accumulators and cells of the key have a place in an entity's record, and
says which input columns the rows must bring. What a mode does not ask for has no place: rows of events take a source's own columns
from the row; steps and probes know no `closed` and no `exclude`. It relies on `Plan`; arrays are left to `operators.state`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.plan.model import Cell, GroupPlan, Plan, Window
from operators.kernels import tables as t

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = {
    "sum": t.K_SUM, "mean": t.K_MEAN, "min": t.K_MIN, "max": t.K_MAX, "var": t.K_VAR, "std": t.K_STD, "first": t.K_FIRST,
    "last": t.K_LAST, "n_unique": t.K_N_UNIQUE, "last_n": t.K_LAST_N, "lag": t.K_LAG, "last_time": t.K_LAST_TIME, "decay_sum": t.K_DECAY,
    "decay_count": t.K_DECAY,
}  # fmt: skip
"""Kernel kinds by aggregate; count is one of two, by whether it has an input."""


def value_type(kind: pa.DataType) -> int:
    """How values of an Arrow type stand in a slot."""
    if pa.types.is_floating(kind):
        return t.VT_FLOAT
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return t.VT_STRING
    return t.VT_INT


def null_word(kind: int) -> int:
    """The word that stands for null in a slot."""
    return t.NULL_FLOAT if kind == t.VT_FLOAT else t.MIN64


def needs_null_bit(kind: pa.DataType) -> bool:
    """Whether every word is a value of the type, so that null needs a bit of its own."""
    return pa.types.is_int64(kind) or pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind)


@dataclass(frozen=True, slots=True)
class Column:
    """Where a cell stands in the output of its group: `column` and, for a list, the `n` before it."""

    cell: Cell
    column: int
    kind: int
    n: int


@dataclass(slots=True)
class Layout:
    """The tables of one key, and what stands around them.

    `slots[s]` are the derived columns that rows of source s bring as values, `filters[s]` those that they bring as passes; both
    in order. `columns[g]` say where each cell of group g is written, `own[g]` which cells the row itself has.
    """

    key: int
    mode: int
    sources: tuple[str, ...]
    groups: tuple[GroupPlan, ...]
    tables: t.Tables
    template: np.ndarray
    free_kinds: int
    slots: dict[str, list[str]]
    filters: dict[str, list[str]]
    types: dict[str, pa.DataType]
    columns: list[list[Column]]
    own: list[list[Cell]]
    width: int
    text_inputs: list[tuple[int, int]] = field(default_factory=list)

    @property
    def keeps_us(self) -> int:
        """How far behind the clock an event can still matter, in microseconds; -1 for ever."""
        keeps = [int(k) for k in self.tables.tracks[:, t.T_KEEP]]
        return -1 if any(k < 0 for k in keeps) else max(keeps, default=0)


class _Builder:
    """Collects rows of the tables; offsets in the record are given out in order."""

    def __init__(self, plan: Plan, key: int, mode: int) -> None:
        self.plan, self.key, self.mode = plan, key, mode
        self.words = 1
        self.track_of: dict[int, int] = {}
        self.inputs_of: list[list[str]] = []
        self.template: list[tuple[int, int]] = []
        self.tracks: list[list[int]] = []
        self.inputs: list[list[int]] = []
        self.windows: list[list[int]] = []
        self.accs: list[list[int]] = []
        self.deques: list[list[int]] = []
        self.heads: list[list[int]] = []
        self.cells: list[list[int]] = []
        self.groups: list[list[int]] = []
        self.spans: list[list[int]] = []
        self.by_track: list[int] = []
        self.block_words: list[int] = []
        self.extremes: dict[tuple[tuple[int, int], int, int, int], list[list[int]]] = {}
        self.spare_half = -1

    def free_kind(self, words: int) -> int:
        """The free lists of blocks whose slots have so many words."""
        if words not in self.block_words:
            self.block_words.append(words)
        return self.block_words.index(words)

    def place(self, words: int, *initial: tuple[int, int]) -> int:
        """An offset of `words` words; `initial` are (word, value) that differ from zero."""
        at = self.words
        self.words += words
        self.template.extend((at + word, value) for word, value in initial)
        return at

    def place_half(self) -> int:
        """An offset of four bytes, in these."""
        if self.spare_half >= 0:
            at, self.spare_half = self.spare_half, -1
            return at
        at = 2 * self.place(1)
        self.spare_half = at + 1
        return at


def build_layout(plan: Plan, key: int, mode: int) -> Layout:
    """The layout of the key with index `key` for rows of events, steps or probes."""
    groups = tuple(g for g in plan.groups if g.key == key)
    sources = tuple(s.name for s in plan.sources if any(s.name in g.sources for g in groups))
    types = {d.id: d.type for s in plan.sources for d in s.derived}
    builder = _Builder(plan, key, mode)
    own: list[list[Cell]] = []
    wanted: list[list[Cell]] = []
    for group in groups:
        from_row = [c for c in group.cells if c.own and mode == t.EVENTS]
        own.append(from_row)
        wanted.append([c for c in group.cells if not (c.own and mode == t.EVENTS and len(group.sources) == 1)])
    slots, filters = _tracks(builder, sources, types, [c for cells in wanted for c in cells])
    columns = _cells(builder, sources, groups, wanted, types)
    _deques(builder)
    _by_track(builder)
    template = np.zeros(builder.words, np.int64)
    for at, value in builder.template:
        template[at] = value
    tables = t.Tables(
        _matrix(builder.tracks, t.T_COLS), _matrix(builder.inputs, t.I_COLS), _matrix(builder.windows, t.W_COLS),
        _matrix(builder.accs, t.A_COLS), _matrix(builder.deques, t.D_COLS), _matrix(builder.heads, t.H_COLS),
        _matrix(builder.cells, t.C_COLS), _matrix(builder.groups, t.G_COLS), _matrix(builder.spans, t.S_COLS),
        np.array(builder.by_track, np.int64), np.array([builder.windows[w][t.W_OFF] for w in builder.by_track], np.int64),
    )  # fmt: skip
    width = max([1, *(c.column + 1 for group in columns for c in group)])
    text_inputs = [
        (k, i - row[t.T_I0])
        for k, row in enumerate(builder.tracks)
        for i in range(row[t.T_I0], row[t.T_I0] + row[t.T_INPUTS])
        if builder.inputs[i][t.I_TYPE] == t.VT_STRING
    ]
    return Layout(
        key, mode, sources, groups, tables, template, len(builder.block_words), slots, filters, types, columns, own, width,
        text_inputs,
    )  # fmt: skip


def _matrix(rows: Sequence[Sequence[int]], width: int) -> np.ndarray:
    return np.array(rows, np.int64).reshape(len(rows), width)


def _tracks(
    builder: _Builder, sources: Sequence[str], types: dict[str, pa.DataType], cells: Sequence[Cell]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Fill the tables of tracks and inputs with those that the cells read; returns the slots and filters by source."""
    plan = builder.plan
    slots: dict[str, list[str]] = {s: [] for s in sources}
    filters: dict[str, list[str]] = {s: [] for s in sources}
    for index in sorted({c.track for c in cells}):
        track = plan.tracks[index]
        read = [d for d in track.inputs if any(c.track == index and c.input == d for c in cells)]
        builder.track_of[index] = len(builder.tracks)
        builder.inputs_of.append(read)
        where = -1
        if track.where is not None:
            if track.where not in filters[track.source]:
                filters[track.source].append(track.where)
            where = filters[track.source].index(track.where)
        masked = any(needs_null_bit(types[d]) for d in read)
        first = len(builder.inputs)
        for name in read:
            if name not in slots[track.source]:
                slots[track.source].append(name)
            builder.inputs.append([slots[track.source].index(name), value_type(types[name])])
        lateness = plan.source(track.source).lateness_us
        windows = [_window(c.window, builder.mode) for c in cells if c.track == index]
        keep = max((w.size_us or 0) + w.delay_us for w in windows) + lateness
        if any(w.size_us is None and w.rows is None for w in windows):
            keep = -1
        by_rows = [w for w in windows if w.size_us is None and w.rows is not None]
        rows = max((w.rows or 0 for w in by_rows), default=0)
        late = lateness + max((w.delay_us for w in by_rows), default=0)
        row = [0] * t.T_COLS
        row[t.T_OFF] = builder.place(2, (0, -1))
        row[t.T_WORDS] = 1 + len(read) + masked
        row[t.T_INPUTS], row[t.T_MASK], row[t.T_I0] = len(read), int(masked), first
        row[t.T_KEEP], row[t.T_LATE], row[t.T_ROWS] = keep, late, rows
        row[t.T_FREE] = builder.free_kind(row[t.T_WORDS])
        row[t.T_SOURCE], row[t.T_WHERE] = sources.index(track.source), where
        builder.tracks.append(row)
    return slots, filters


def _window(window: Window, mode: int) -> Window:
    """The window as the mode evaluates it."""
    if mode == t.EVENTS:
        return window
    return Window(window.size_us, window.rows, window.delay_us)


def _cells(
    builder: _Builder, sources: Sequence[str], groups: Sequence[GroupPlan], wanted: Sequence[Sequence[Cell]], types: dict[str, pa.DataType]
) -> list[list[Column]]:
    """Fill the tables of groups, windows, accumulators, deques, heads and cells."""
    columns: list[list[Column]] = []
    for g, (group, cells) in enumerate(zip(groups, wanted, strict=True)):
        row = [0] * t.G_COLS
        if builder.mode == t.EVENTS:
            row[t.G_OFF] = builder.place(1, (t.G_ADVANCED, t.MIN64))
        else:
            initial = ((word, t.MIN64) for word in (t.G_ADVANCED, t.G_NEWEST, t.G_DUE, t.G_ARRIVAL))
            row[t.G_OFF] = builder.place(t.G_WORDS, *initial)
        row[t.G_W0] = len(builder.windows)
        row[t.G_REFRESH] = group.refresh_us
        lateness = max(builder.plan.source(s).lateness_us for s in group.sources)
        row[t.G_KEEP] = -1 if group.longest_us is None else group.longest_us + lateness
        row[t.G_SOURCES] = sum(1 << sources.index(s) for s in group.sources)
        columns.append(_group_cells(builder, g, row[t.G_OFF] + t.G_ADVANCED, cells, types))
        row[t.G_W1] = len(builder.windows)
        row[t.G_S0] = len(builder.spans)
        for w in range(row[t.G_W0], row[t.G_W1]):
            if w == row[t.G_W0] or builder.windows[w][t.W_TRACK] != builder.windows[w - 1][t.W_TRACK]:
                builder.spans.append([builder.windows[w][t.W_TRACK], w, w])
            builder.spans[-1][t.S_W1] = w + 1
        row[t.G_S1] = len(builder.spans)
        row[t.G_PRE] = int(any(w[t.W_PRE] for w in builder.windows[row[t.G_W0] :]))
        builder.groups.append(row)
    return columns


def _group_cells(builder: _Builder, g: int, advanced: int, cells: Sequence[Cell], types: dict[str, pa.DataType]) -> list[Column]:
    """The windows, accumulators and cells of one group, whose instant stands at `advanced` in a record."""
    track_of = builder.track_of
    places: dict[tuple[int, Window], int] = {}
    by_window: dict[tuple[int, Window], list[Cell]] = {}
    for cell in cells:
        by_window.setdefault((track_of[cell.track], _window(cell.window, builder.mode)), []).append(cell)
    accumulators: dict[tuple[int, int], dict[str, int]] = {}
    # windows of one track stand next to each other
    for (k, window), its in sorted(by_window.items(), key=lambda item: item[0][0]):
        w = len(builder.windows)
        places[k, window] = w
        strict = window.closed in ("left", "none") or (window.exclude == "instant" and window.delay_us == 0)
        row = [0] * t.W_COLS
        row[t.W_GROUP], row[t.W_TRACK], row[t.W_ADVANCED] = g, k, advanced
        row[t.W_OFF] = builder.place(1)
        row[t.W_SIZE] = -1 if window.size_us is None else window.size_us
        row[t.W_ROWS] = -1 if window.rows is None else window.rows
        row[t.W_DELAY], row[t.W_LOW], row[t.W_STRICT] = window.delay_us, int(window.closed in ("left", "both")), int(strict)
        row[t.W_PRE] = int(window.exclude == "row" and not strict and window.delay_us == 0)
        lags = window.delay_us > 0 or strict
        row[t.W_PLAIN] = int(window.size_us is not None and window.rows is None and not lags and not row[t.W_PRE])
        row[t.W_FRAME] = int(window.exclude != "" and window.closed in ("right", "both") and window.delay_us == 0)
        row[t.W_A0] = len(builder.accs)
        for j in {_input(builder, k, c) for c in its}:
            accumulators[w, j] = _accumulators(builder, j, [c for c in its if _input(builder, k, c) == j], types)
        row[t.W_A1] = len(builder.accs)
        builder.windows.append(row)
    columns: list[Column] = []
    of_window: dict[int, list[list[int]]] = {w: [] for w in places.values()}
    at = 0
    for cell in cells:
        k = track_of[cell.track]
        w = places[k, _window(cell.window, builder.mode)]
        j = _input(builder, k, cell)
        kind = _kind(cell)
        n = cell.n if kind == t.K_LAST_N else 0
        kind_type = t.VT_INT if j < 0 else value_type(types[cell.input or ""])
        row = [0] * t.C_COLS
        row[t.C_GROUP], row[t.C_WINDOW], row[t.C_KIND], row[t.C_IN] = g, w, kind, j
        row[t.C_ACC] = accumulators[w, j].get(cell.kind if kind != t.K_DECAY else cell.id, -1)
        row[t.C_HEAD] = -1
        row[t.C_NULL] = null_word(kind_type)
        row[t.C_OP], row[t.C_OFF] = _operation(builder, kind, row[t.C_ACC])
        row[t.C_N], row[t.C_IGNORE], row[t.C_TYPE], row[t.C_OUT] = cell.n, int(cell.ignore_nulls), kind_type, at + n
        _want_extreme(builder, w, row)
        of_window[w].append(row)
        columns.append(Column(cell, at + n, kind_type, n))
        at += n + 1
    for w, rows in of_window.items():
        builder.windows[w][t.W_C0] = len(builder.cells)
        builder.cells += rows
        builder.windows[w][t.W_C1] = len(builder.cells)
    return columns


def _operation(builder: _Builder, kind: int, acc: int) -> tuple[int, int]:
    """What writes a cell, and what it reads in a record: words of a sum, the half of a count."""
    if kind == t.K_COUNT_ALL:
        return t.OP_ROWS, 0
    if kind in {t.K_MIN, t.K_MAX}:
        return t.OP_EXTREME, 0
    if acc >= 0:
        row = builder.accs[acc]
        if kind == t.K_COUNT:
            return t.OP_COUNT, 2 * row[t.A_OFF] + t.ACC_COUNT[row[t.A_KIND]]
        if kind == t.K_SUM and row[t.A_KIND] == t.A_FLOAT:
            return t.OP_SUM, row[t.A_OFF]
    return t.OP_OTHER, 0


def _kind(cell: Cell) -> int:
    if cell.kind == "count":
        return t.K_COUNT_ALL if cell.input is None else t.K_COUNT
    return KINDS[cell.kind]


def _input(builder: _Builder, k: int, cell: Cell) -> int:
    """The position of a cell's input in its track, -1 for none."""
    return -1 if cell.input is None else builder.inputs_of[k].index(cell.input)


def _accumulators(builder: _Builder, j: int, cells: Sequence[Cell], types: dict[str, pa.DataType]) -> dict[str, int]:
    """Place the accumulators that the cells of one window and input need; returns the one of each aggregate."""
    kinds = {c.kind for c in cells}
    found: dict[str, int] = {}
    kind = t.VT_INT if j < 0 else value_type(types[cells[0].input or ""])

    def place(accumulator: int, half: int = 0) -> int:
        row = [0] * t.A_COLS
        row[t.A_KIND], row[t.A_IN], row[t.A_TYPE], row[t.A_HALF], row[t.A_NULL] = accumulator, j, kind, half, null_word(kind)
        row[t.A_OFF] = builder.place(t.ACC_WORDS[accumulator])
        builder.accs.append(row)
        return len(builder.accs) - 1

    moments = kinds & {"var", "std"}
    plain = kinds & {"sum", "mean"}
    if moments:
        square = place(t.A_SQUARE)
        found |= dict.fromkeys(moments, square)
        if kind == t.VT_FLOAT:
            found |= dict.fromkeys(plain, square)
    if plain and not plain <= found.keys():
        found |= dict.fromkeys(plain, place(t.A_INT if kind == t.VT_INT else t.A_FLOAT))
    if "count" in kinds and j >= 0:
        found["count"] = next(iter(found.values())) if found else place(t.A_NON_NULL)
    for cell in cells:
        if cell.kind in ("decay_sum", "decay_count"):
            found[cell.id] = place(t.A_DECAY, cell.half_life_us)
    return found


def _want_extreme(builder: _Builder, w: int, cell: list[int]) -> None:
    """Note that a cell is the first entry of a deque: its track's, or its window's own where the window does not end at the ring's head."""
    if cell[t.C_KIND] in {t.K_MIN, t.K_MAX}:
        window = builder.windows[w]
        lags = window[t.W_DELAY] > 0 or window[t.W_STRICT]
        owner = (1, w) if lags else (0, window[t.W_TRACK])
        sign = 1 if cell[t.C_KIND] == t.K_MAX else -1
        builder.extremes.setdefault((owner, cell[t.C_IN], sign, cell[t.C_TYPE]), []).append(cell)


def _deques(builder: _Builder) -> None:
    """Fill the tables of deques and heads, those of one owner next to each other."""
    ranges: dict[tuple[int, int], tuple[int, int]] = {}
    for (owner, j, sign, kind), cells in sorted(builder.extremes.items(), key=lambda item: item[0]):
        row = [0] * t.D_COLS
        row[t.D_IN], row[t.D_SIGN], row[t.D_TYPE], row[t.D_NULL], row[t.D_FREE] = j, sign, kind, null_word(kind), builder.free_kind(1)
        row[t.D_OFF] = builder.place(3 if builder.mode == t.PROBES else 2, (0, -1))
        row[t.D_TRACK] = owner[1] if owner[0] == 0 else builder.windows[owner[1]][t.W_TRACK]
        row[t.D_H0] = len(builder.heads)
        heads: dict[int, int] = {}
        for cell in cells:
            if cell[t.C_WINDOW] not in heads:
                heads[cell[t.C_WINDOW]] = len(builder.heads)
                track = builder.tracks[row[t.D_TRACK]]
                builder.heads.append([builder.place_half(), len(builder.deques), row[t.D_OFF], track[t.T_OFF], 8 * track[t.T_WORDS]])
            cell[t.C_HEAD] = heads[cell[t.C_WINDOW]]
        row[t.D_H1] = len(builder.heads)
        first = ranges.get(owner, (len(builder.deques), 0))[0]
        builder.deques.append(row)
        ranges[owner] = (first, len(builder.deques))
    for k, row in enumerate(builder.tracks):
        row[t.T_D0], row[t.T_D1] = ranges.get((0, k), (0, 0))
    for w, row in enumerate(builder.windows):
        row[t.W_D0], row[t.W_D1] = ranges.get((1, w), (0, 0))


def _by_track(builder: _Builder) -> None:
    """List the windows of each track."""
    for k, row in enumerate(builder.tracks):
        row[t.T_W0] = len(builder.by_track)
        builder.by_track.extend(w for w, window in enumerate(builder.windows) if window[t.W_TRACK] == k)
        row[t.T_W1] = len(builder.by_track)

"""The state of one key in one shard: entities, rings, windows, texts, timers, as NumPy arrays that grow.

It promises that `process` applies rows in the given order and returns what the layout's mode writes, whatever it had to enlarge on the
way, for the states of several shards at once; `freeze` and `thaw` copy the whole state to and from plain arrays. It relies on the kernels;
Arrow is left to `operators.rollup`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operators.buffers import OUTPUT
from operators.growing import NOTHING, Words
from operators.kernels import entities, events, probes, release, steps
from operators.kernels import tables as t
from operators.machine.addresses import address
from operators.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from operators.kernels.tables import Array
    from operators.layout import Layout

STEPS_CHUNK = 65_536
LARGE_WORDS = 1 << 24
"""Up to so many words a pool grows eightfold, behind it by half."""
LARGE_ENTITIES = 1 << 16
"""Up to so many entities there is soon room for four times as many, behind it for half as many more."""
LOOPS = {t.EVENTS: events.events, t.STEPS: steps.steps, t.PROBES: probes.probes}


@dataclass(slots=True)
class Written:
    """What one call wrote for one group: `words` and `valid` are columns × rows; `row` is the input row, -1 for a refresh step.

    `ends[s]` is the row behind the last one of shard number s.
    """

    group: int
    ends: list[int]
    words: Array
    valid: Array
    entity: Array
    time: Array
    arrival: Array
    n: Array
    row: Array


def _enlarged(array: Array, size: int) -> Array:
    """The array with zeros behind it, whose memory is taken when they are written to."""
    out = np.zeros(size, array.dtype)
    out[: len(array)] = array
    return out


class KeyState:
    """All entities of one key in one shard."""

    def __init__(self, layout: Layout, exact_hash: bool) -> None:
        """`exact_hash`: a key's 64-bit hash identifies it, so that no bytes are kept."""
        self.layout = layout
        self.exact_hash = exact_hash
        groups = max(1, len(layout.groups))
        self.count = 0
        self.slots = np.full(64, entities.EMPTY, np.int32)
        self.alive = np.zeros(16, np.uint8)
        self.free = np.zeros(16, np.int32)
        self.free_top = 0
        self.key_at = np.zeros((16 if not exact_hash else 1, 2), np.int64)
        self.arena = np.zeros(64, np.uint8)
        self.arena_top = 0
        self._hold(np.zeros((16, len(layout.template)), np.int64), NOTHING)
        self.blocks = np.full((max(1, layout.free_kinds), t.FREE_CLASSES), -1, np.int64)
        self.control = np.zeros(t.CTL_WORDS + groups, np.int64)
        self.control[t.CTL_LOG2] = 1
        self.timer_time = np.zeros((groups, 16), np.int64)
        self.timer_entity = np.zeros((groups, 16), np.int64)
        self.texts = Texts()
        self.swept = 0
        self.described: Array | None = None
        self.positions = np.zeros(max(1, len(layout.tables.tracks)), np.int64)

    def _hold(self, record: Array, pool: Array) -> None:
        """Have copies of these: the record with the layout's template behind it, the pool with some room."""
        rows, width = record.shape
        self._records, self._words = Words(record.ravel(), (rows + 1) * width), Words(pool, len(pool) + 1024)
        self.record: Array = self._records.array.reshape(rows + 1, width)
        self.pool = self._words.array
        self.record[-1] = self.layout.template

    # growth

    def _grow_entities(self) -> None:
        """Make room for more entities: records, the index, or both."""
        size = len(self.alive)
        if self.count == size:
            # a state that was read back may have room for none
            size += min(3 * size, max(LARGE_ENTITIES, size // 2)) + 16
            self.alive = _enlarged(self.alive, size)
            if not self.exact_hash:
                self.key_at = np.resize(self.key_at, (size, 2))
            width = len(self.layout.template)
            self.record = NOTHING   # a view would keep it where it is
            self._records.enlarge((size + 1) * width, self.count * width)
            self.record = self._records.array.reshape(size + 1, width)
            self.record[-1] = self.layout.template
        if 3 * size > 2 * len(self.slots):
            self.slots = np.full(2 * len(self.slots), entities.EMPTY, np.int32)
            entities.rehash(self.slots, self.record, self.record.shape[1], self.alive, self.count)

    def grow_pool(self, more: int) -> None:
        """Make room for at least so many words more in the pool."""
        # memory that nothing was written to takes none of the machine's
        size = len(self.pool) + max(min(7 * len(self.pool), max(LARGE_WORDS, len(self.pool) // 2)), 2 * more + 1024)
        self.pool = NOTHING
        self._words.enlarge(size, int(self.control[t.CTL_TOP]))
        self.pool = self._words.array

    def room_unit(self) -> int:
        """Words that one row can add to the pool for each slot of the largest ring: every ring doubles, every deque is filled anew."""
        tables = self.layout.tables
        return int(2 * tables.tracks[:, t.T_WORDS].sum()) + 4 * len(tables.deques)

    def context(self, call: Array | None = None) -> Array:
        """The addresses that a kernel works on, those of the state in those of a `call`; good until an array is replaced."""
        x = self._description() if call is None else call.copy()
        x[t.X_RECORD : t.X_TEXT + 1] = (
            address(self.record), 8 * self.record.shape[1], address(self.pool), len(self.pool), address(self.blocks),
            address(self.control), address(self.texts.offsets), address(self.texts.data),
        )  # fmt: skip
        x[t.X_POSITIONS] = address(self.positions)
        x[t.X_TIMER_TIME : t.X_TIMER_CAPACITY + 1] = address(self.timer_time), address(self.timer_entity), self.timer_time.shape[1]
        return x

    def _description(self) -> Array:
        """What a context says of the layout, which nothing changes."""
        if self.described is not None:
            return self.described.copy()
        self.described = x = np.zeros(t.X_WORDS, np.int64)
        tables = self.layout.tables
        x[t.X_TRACKS : t.X_BY_TRACK_OFF + 1] = [address(table) for table in tables]
        x[t.X_N_TRACKS], x[t.X_N_GROUPS], x[t.X_N_WINDOWS] = len(tables.tracks), len(tables.groups), len(tables.windows)
        x[t.X_N_DEQUES], x[t.X_N_HEADS] = len(tables.deques), len(tables.heads)
        x[t.X_PRE] = int(tables.groups[:, t.G_PRE].any())
        x[t.X_ROOM], x[t.X_MODE] = self.room_unit(), self.layout.mode
        return x.copy()

    def call(self, rows: t.Rows, out: t.Out) -> tuple[Array, Array]:
        """What a context says of rows and of where to write, the same for every state of the layout; and what it points to."""
        x = self._description()
        x[t.X_ROWS : t.X_EARLY + 1] = (len(rows.time), *map(address, rows))
        x[t.X_OUT_WORDS : t.X_OUT_COUNT + 1] = (
            address(out.words), address(out.valid), *out.words.shape[1:], *map(address, out[2:]),
        )  # fmt: skip
        # where the column of each cell begins, in words and in valid bytes
        cells = self.layout.tables.cells
        columns = (cells[:, t.C_GROUP] * out.words.shape[1] + cells[:, t.C_OUT]) * out.words.shape[2]
        columns = np.stack([x[t.X_OUT_WORDS] + 8 * columns, x[t.X_OUT_VALID] + columns])
        x[t.X_CELL_WORDS], x[t.X_CELL_VALID] = address(columns), address(columns) + 8 * len(cells)
        return x, columns

    # use

    def find(self, hashes: Array, insert: Array, offsets: Array, data: Array) -> Array:
        """The record number of each row's entity; where `insert` is 0 and it is unknown, -1.

        `offsets`, `data` are the key's bytes by row, empty where the hash identifies it.
        """
        out = OUTPUT.take((len(hashes),), np.int64)
        at = 0
        while True:
            limit = min(len(self.alive), 2 * len(self.slots) // 3)
            at, self.count, self.free_top, self.arena_top = entities.assign(
                at, hashes, insert, self.slots, self.record, self.record.shape[1], self.alive, self.key_at, self.arena, self.arena_top,
                offsets, data, self.free, self.free_top, self.count, limit, out,
            )  # fmt: skip
            if at == len(hashes):
                return out
            if self.free_top == 0 and self.count == limit:
                self._grow_entities()
            more = int(offsets[-1] - offsets[at]) if len(offsets) else 0
            if self.arena_top + more > len(self.arena):
                self.arena = np.resize(self.arena, max(self.arena_top + more, len(self.arena) * 2))

    def expect_timers(self, rows: int) -> None:
        """Make room for the timers that so many rows may set."""
        need = int(self.control[t.CTL_WORDS :].max()) + rows + 1
        if need > self.timer_time.shape[1]:
            wider = max(need, self.timer_time.shape[1] * 3 // 2)
            self.timer_time, self.timer_entity = (
                np.pad(a, ((0, 0), (0, wider - a.shape[1]))) for a in (self.timer_time, self.timer_entity)
            )

    def sweep(self, passed: Array, share: float = 1.0) -> None:
        """Free entities that nothing can ask for; `passed[g]` is the newest refresh instant of each group's clock."""
        stop = min(self.count, self.swept + max(1024, int(self.count * share)))
        if self.free_top + stop - self.swept > len(self.free):
            self.free = _enlarged(self.free, self.free_top + stop - self.swept)
        context = self.context()
        self.free_top = release.release(
            address(context), self.slots, self.record, self.record.shape[1], self.alive, self.free, self.free_top, self.swept, stop,
            passed,
        )
        self.swept = 0 if stop >= self.count else stop

    @property
    def entities(self) -> int:
        """How many entities stand in the state."""
        return self.count - self.free_top

    @property
    def size_bytes(self) -> int:
        """Bytes of what is in use."""
        arrays = (
            self.slots, self.alive[: self.count], self.free[: self.free_top], self.key_at, self.arena, self.record[: self.count],
            self.timer_time, self.timer_entity, self.texts.offsets, self.texts.data, self.pool[: int(self.control[t.CTL_TOP])],
        )  # fmt: skip
        return sum(a.nbytes for a in arrays)

    # copies

    def standing(self) -> dict[str, Array]:
        """The state as plain arrays that change with it."""
        top = int(self.control[t.CTL_TOP])
        found: dict[str, Array] = {
            "scalars": np.array([self.count, self.free_top, self.arena_top, self.swept], np.int64),
            "slots": self.slots, "alive": self.alive[: self.count], "free": self.free[: self.free_top],
            "key_at": self.key_at[: self.count], "arena": self.arena[: self.arena_top], "record": self.record[: self.count],
            "pool": self.pool[:top], "blocks": self.blocks, "control": self.control,
            "timer_time": self.timer_time, "timer_entity": self.timer_entity,
        }  # fmt: skip
        return found | self.texts.standing()

    def freeze(self) -> dict[str, Array]:
        """The state as plain arrays that nothing changes afterwards."""
        return {name: array.copy() for name, array in self.standing().items()}

    @classmethod
    def thaw(cls, layout: Layout, exact_hash: bool, frozen: dict[str, Array]) -> KeyState:
        """The state that `freeze` copied."""
        self = cls(layout, exact_hash)
        self.count, self.free_top, self.arena_top, self.swept = (int(x) for x in frozen["scalars"])
        self.slots = frozen["slots"].copy()
        self.alive = frozen["alive"].copy()
        self.free = np.zeros(max(1, self.count), np.int32)
        self.free[: self.free_top] = frozen["free"]
        if not exact_hash:
            self.key_at = frozen["key_at"].copy()
        self.arena = np.concatenate([frozen["arena"], np.zeros(64, np.uint8)])
        self._hold(frozen["record"], frozen["pool"])
        self.blocks, self.control = frozen["blocks"].copy(), frozen["control"].copy()
        self.timer_time, self.timer_entity = frozen["timer_time"].copy(), frozen["timer_entity"].copy()
        self.texts = Texts.thaw(frozen)
        return self


def process(states: Sequence[KeyState], stops: Sequence[int], rows: t.Rows, keep_clock: int) -> Iterator[Written]:
    """Apply the rows in order, those up to `stops[s]` to the state of shard number s; yields what was written, a group at a time, in parts
    that follow one another.

    `keep_clock` is an instant that every clock of the key has passed, or the smallest int64. All states have one layout; there are several
    in the mode of steps alone.
    """
    n, layout = len(rows.time), states[0].layout
    mode, groups = layout.mode, max(1, len(layout.groups))
    capacity = n if mode == t.EVENTS else (min(n, STEPS_CHUNK) + 1024 if mode == t.STEPS else int((rows.source == -1).sum()))
    out = _out(layout, groups, capacity)
    call, columns = states[0].call(rows, out)
    ends: list[Array] = []
    at = 0
    for state, stop in zip(states, stops, strict=True):
        if mode == t.STEPS:
            state.expect_timers(stop - at)
        while True:
            context = state.context(call)
            context[t.X_STOP], context[t.X_KEEP_CLOCK] = stop, keep_clock
            what, at = LOOPS[mode](address(context), at)
            if what == t.DONE:
                break
            if what == t.NEED_POOL:
                state.grow_pool(state.room_unit() << int(state.control[t.CTL_LOG2]))
                continue
            yield from _written(layout, out, [*ends, *[out.rows] * (len(states) - len(ends))])
            out = _out(layout, groups, capacity)
            call, columns = states[0].call(rows, out)
            ends = [np.zeros(groups, np.int64)] * len(ends)
        ends.append(out.rows.copy())
    del columns   # what the contexts pointed to
    yield from _written(layout, out, ends)


def _out(layout: Layout, groups: int, capacity: int) -> t.Out:
    shape = (groups, layout.width, capacity)
    valid = OUTPUT.take(shape, np.uint8)
    valid.fill(1)
    # a row of an event is no step
    steps = (groups, 0 if layout.mode == t.EVENTS else capacity)
    entity, time, arrival, n = (OUTPUT.take(steps, np.int64) for _ in range(4))
    row = OUTPUT.take((groups, capacity), np.int64)
    return t.Out(OUTPUT.take(shape, np.int64), valid, entity, time, arrival, n, row, np.zeros(groups, np.int64))


def _written(layout: Layout, out: t.Out, ends: Sequence[Array]) -> Iterator[Written]:
    for g in range(len(layout.groups)):
        n = int(out.rows[g])
        if n:
            steps = (a[g, :n] for a in (out.entity, out.time, out.arrival, out.n, out.row))
            yield Written(g, [int(end[g]) for end in ends], out.words[g, :, :n], out.valid[g, :, :n], *steps)


def newest_of(written: Written) -> Written:
    """The last row of each entity, of one shard."""
    rows = len(written.entity)
    last = np.empty(int(written.entity.max(initial=0)) + 1, np.int64)
    last[written.entity] = np.arange(rows)   # where an entity stands twice, the later one is written later
    kept = np.flatnonzero(last[written.entity] == np.arange(rows))
    if len(kept) == rows:
        return written
    columns = (column[kept] for column in (written.entity, written.time, written.arrival, written.n, written.row))
    return Written(written.group, [len(kept)], written.words[:, kept], written.valid[:, kept], *columns)

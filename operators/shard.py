"""shard: split a batch of a source by the hash of each key, into one piece a shard.

Promises that the rows of a piece keep their order, that the rows of an entity are in one shard whatever the source, and that rows with a
null key are counted and left out. The names of the shards are what Bytewax routes by; they and the hash are part of the checkpoint format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.arrow import array, pc
from operators.buffers import ones
from operators.derive import Deriver
from operators.kernels import judge
from operators.kernels import split as splitting
from operators.kernels import tables as t
from operators.keys import key_hashes, words_of
from operators.messages import Piece

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.arrow import Column
    from headrace.plan.model import Plan
    from operators.kernels.tables import Array
    from operators.layout import Layout

SHARDS = 32
SHARD_KEYS = (
    "00o", "01y", "02g", "03b", "04d", "05v", "06w", "07u", "08k", "09c", "10t", "11j", "12f", "13i", "14a", "15k",
    "16j", "17q", "18r", "19a", "20x", "21b", "22i", "23y", "24g", "25w", "26u", "27g", "28m", "29t", "30o", "31g",
)  # fmt: skip
"""What Bytewax hashes. Found by search: they split evenly over 2, 4, 8 and 16 workers and within one of even over 3, 5, 6, 7 and 12, where
`00` to `31` would give one of two workers two thirds. The last character has no meaning."""
FEW_SHARDS = 4
FEW_SHARD_KEYS = ("00o", "01y", "03b", "04d")
"""The names of shards where there are four: what a batch costs in each counts for a live flow more than how many workers it can have. They
split evenly over 2 and 4 workers and within one of even over 3."""

OUTSIDE = 255
REASONS = {judge.NO_TIME: "no event time", judge.TOO_LATE: "too late", judge.TOO_FAR_AHEAD: "too far ahead of its arrival"}


@dataclass(slots=True)
class Prepared:
    """What one batch of a source became: pieces by shard, counts by reason, failures by feature (`group.feature`)."""

    pieces: list[tuple[int, Piece]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    def count(self, what: str, n: int) -> None:
        """Add to a count."""
        if n:
            self.counts[what] = self.counts.get(what, 0) + n

    def add(self, other: Prepared) -> None:
        """Take over what another batch became."""
        self.pieces += other.pieces
        self.rows += other.rows
        for mine, its in ((self.counts, other.counts), (self.failures, other.failures)):
            for what, n in its.items():
                mine[what] = mine.get(what, 0) + n


@dataclass(slots=True)
class Accepted:
    """The accepted rows of some partitions, which end at `ends`, with their times and arrivals; what was counted of the `judged` ones, by
    reason; and the numbers of those that were rejected among all that came.
    """

    batch: pa.RecordBatch
    times: Array
    arrivals: Array
    ends: Array
    judged: int
    counts: dict[str, int] = field(default_factory=dict)
    rejected: list[tuple[str, Array]] = field(default_factory=list)


class Sharder:
    """Judges, derives and splits the batches of a plan's sources. Called from several threads at once."""

    def __init__(self, plan: Plan, layouts: Sequence[Layout], with_place: bool = False, shards: int = SHARDS) -> None:
        """`with_place` adds `_o`, the rows' order within their partition, for outputs that are sorted at the end."""
        self.plan, self.layouts, self.with_place, self.shards = plan, layouts, with_place, shards
        self.requests: dict[tuple[str, int], dict[str, pa.DataType]] = {}
        self.names = [s.name for s in plan.sources]
        wanted: dict[str, set[str]] = {s.name: set() for s in plan.sources}
        self.columns: dict[tuple[str, int], list[str]] = {}
        for layout in layouts:
            for name in layout.sources:
                ids = {*layout.slots[name], *layout.filters[name]}
                for group, own in zip(layout.groups, layout.own, strict=True):
                    if name in group.sources:
                        ids |= {c.input for c in own if c.input and plan.tracks[c.track].source == name}
                order = [d.id for d in plan.source(name).derived if d.id in ids]
                self.columns[name, layout.key] = order
                asked = {n: kind for group in layout.groups if name in group.sources for n, kind in group.requests}
                columns = plan.source(name).columns if layout.mode == t.EVENTS else ()
                self.requests[name, layout.key] = {n: kind for n, kind in asked.items() if n in columns}
                wanted[name] |= ids
        self.features = features_of_columns(plan)
        self.derivers = {s.name: Deriver(s, frozenset(wanted[s.name])) for s in plan.sources}

    def prepare(
        self,
        slice_: int,
        source: str,
        batch: pa.RecordBatch,
        newest: int,
        order: tuple[int, int],
        drop: Array | None = None,
        within: tuple[int, int] | None = None,
    ) -> tuple[Prepared, int]:
        """Everything between a decoded batch of one partition and its pieces; returns also the newest event time after it.

        `batch` has the source's columns and `_arrival`; `newest` is the newest event time before it in its partition; `drop` are row
        numbers that are known to be duplicates; `within` is the log time (after, upto] whose rows are wanted, all of them are judged.
        """
        before = np.array([newest], np.int64)
        accepted = self.accept(source, batch, before, np.array([batch.num_rows], np.int64), drop, within)
        prepared = Prepared(rows=accepted.judged)
        for what, n in accepted.counts.items():
            prepared.count(what, n)
        if accepted.batch.num_rows:
            self.split(prepared, slice_, source, accepted.batch, accepted.times, accepted.arrivals, order)
        return prepared, int(before[0])

    def accept(
        self,
        source: str,
        batch: pa.RecordBatch,
        newest: Array,
        ends: Array,
        drop: Array | None = None,
        within: tuple[int, int] | None = None,
    ) -> Accepted:
        """Judge the rows of some partitions of a source, which end at `ends`; moves the `newest` event time of each.

        `drop` and `within`, as in `prepare`, are for one partition.
        """
        plan = self.plan.source(source)
        time_column = batch.column(plan.time)
        times, arrivals = words_of(time_column), words_of(batch.column("_arrival"))
        rows = len(times)
        verdict = np.empty(rows, np.uint8)
        out = judge.judge_all(times, known_times(time_column), arrivals, ends, plan.lateness_us, plan.max_ahead_us, newest, verdict)
        first, stop = (0, rows) if within is None else np.searchsorted(arrivals, within, side="right").tolist()
        found = Accepted(batch, times, arrivals, ends, judged=stop - first)
        if not out and stop - first == rows and (drop is None or not len(drop)):
            return found
        if stop - first < rows:
            verdict[:first] = verdict[stop:] = OUTSIDE
        keep = verdict == judge.OK
        for code, reason in REASONS.items():
            rejected = np.flatnonzero(verdict == code)
            if len(rejected):
                found.counts[reason] = len(rejected)
                found.rejected.append((reason, rejected))
        if drop is not None and len(drop):
            duplicate = np.zeros(rows, bool)
            duplicate[drop] = True
            duplicate &= keep
            found.counts["duplicate"] = int(duplicate.sum())
            keep &= ~duplicate
        if not keep.all():
            chosen = np.flatnonzero(keep)
            found.batch, found.ends = batch.take(array(chosen)), np.searchsorted(chosen, ends)
            found.times, found.arrivals = times[chosen], arrivals[chosen]
        return found

    def split(
        self, prepared: Prepared, slice_: int, source: str, batch: pa.RecordBatch, times: Array, arrivals: Array, order: tuple[int, int]
    ) -> None:
        """Derive the columns of accepted rows and add their pieces, shard by shard; the rows are in the order of their arrival."""
        derived, failures = self.derivers[source](batch)
        for column, n in failures.items():
            for feature in self.features.get(column, ()):
                prepared.failures[feature] = prepared.failures.get(feature, 0) + n
        by_id = {d.id: column for d, column in zip(self.derivers[source].derived, derived, strict=True)}
        base = [pa.array(times), pa.array(arrivals)]
        for layout in self.layouts:
            if source not in layout.sources:
                continue
            key = self.plan.keys[layout.key]
            columns = [batch.column(c).cast(t) for c, t in zip(key.columns[source], key.types, strict=True)]
            ids = self.columns[source, layout.key]
            names = ["_t", "_a", *(f"k{i}" for i in range(len(columns))), *ids]
            rows = pa.RecordBatch.from_arrays([*base, *columns, *(by_id[i] for i in ids)], names)
            for name, kind in self.requests[source, layout.key].items():
                rows = rows.append_column(f"r:{name}", batch.column(name).cast(kind))
            if self.with_place:
                rows = rows.append_column("_o", pa.array(np.arange(order[1], order[1] + batch.num_rows)))
            if "_e" in batch.schema.names:
                rows = rows.append_column("_e", batch.column("_e"))
            missing = without_key(columns)
            if missing is not None:
                prepared.count("null key", int(missing.sum()))
                rows = rows.filter(pa.array(~missing))
            prepared.pieces.extend(pieces_of(rows, len(columns), slice_, layout.key, self.names.index(source), order, self.shards))


def shard_keys(shards: int) -> tuple[str, ...]:
    """The names of the shards, by their numbers."""
    return {SHARDS: SHARD_KEYS, FEW_SHARDS: FEW_SHARD_KEYS}[shards]


def shards_for(workers: int) -> int:
    """How many shards a live flow has on so many workers."""
    return FEW_SHARDS if workers <= FEW_SHARDS else SHARDS


def features_of_columns(plan: Plan) -> dict[str, list[str]]:
    """For each derived column the features, as `group.feature`, that it is an input or a filter of."""
    found: dict[str, list[str]] = {}
    for group in plan.groups:
        cells = {cell.id: cell for cell in group.cells}
        for feature in group.features:
            read = [cells[name] for name in feature.cells]
            for column in {column for cell in read for column in (cell.input, plan.tracks[cell.track].where) if column is not None}:
                found.setdefault(column, []).append(f"{group.name}.{feature.name}")
    return found


def known_times(column: Column) -> Array:
    """A byte a row: whether it has an event time."""
    if not column.null_count:
        return ones(len(column))
    known: Array = pc.is_valid(column).to_numpy(zero_copy_only=False).astype(np.uint8)
    return known


def without_key(columns: Sequence[Column]) -> Array | None:
    """Which rows lack a part of their key; None when none does."""
    if not any(c.null_count for c in columns):
        return None
    missing = np.zeros(len(columns[0]), bool)
    for column in columns:
        missing |= pc.is_null(column).to_numpy(zero_copy_only=False)
    return missing


def pieces_of(
    rows: pa.RecordBatch, parts: int, slice_: int, key: int, source: int, order: tuple[int, int], shards: int = SHARDS
) -> list[tuple[int, Piece]]:
    """The rows split by shard; `k0…` are the `parts` key columns, a column `_h` is added behind the arrival."""
    if not rows.num_rows:
        return []
    hashes = key_hashes([rows.column(f"k{i}") for i in range(parts)])
    permutation = np.empty(len(hashes), np.int64)
    ends = np.empty(shards, np.int64)
    # the upper bits of a hash are its shard
    splitting.split(hashes, 65 - shards.bit_length(), permutation, ends)
    rows = rows.add_column(2, "_h", pa.array(hashes)).take(array(permutation))
    pieces = []
    start = 0
    for shard, end in enumerate(ends.tolist()):
        if end > start:
            pieces.append((shard, Piece(slice_, key, source, order, rows.slice(start, end - start))))
        start = end
    return pieces


def split_spine(
    plan: Plan, layout: Layout, spine: Mapping[str, Column], instants: Array, numbers: Array, slice_: int, before: bool
) -> list[tuple[int, Piece]]:
    """Probes of one key from the columns of a spine; rows that lack a part of their key are left out."""
    key = plan.keys[layout.key]
    columns = [spine[name] for name in key.names]
    names = ["_t", "_a", *(f"k{i}" for i in range(len(columns))), "_row"]
    rows = pa.RecordBatch.from_arrays([pa.array(instants), pa.array(instants), *columns, pa.array(numbers)], names)
    requests = {name: kind for group in layout.groups for name, kind in group.requests}
    for name, kind in requests.items():
        rows = rows.append_column(f"r:{name}", spine[name].cast(kind))
    missing = without_key(columns)
    if missing is not None:
        rows = rows.filter(pa.array(~missing))
    return pieces_of(rows, len(columns), slice_, layout.key, -1, (-1 if before else 2**31, int(numbers[0]) if len(numbers) else 0))

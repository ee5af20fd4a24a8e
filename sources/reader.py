"""One process's way from Kafka to shards, in a thread of its own: consume, decode, judge, derive, split.

Promises that what it puts into its queue is in the order of each partition's log, that each batch says where the readers stand behind it,
and that shards are told how far the log was read. The queue is bounded; while it is full nothing is consumed. It relies on the consumer to
say when a partition is at its end. What goes wrong is raised by `take`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from headrace.arrow import array, pc
from operators.kernels.tables import MIN64
from operators.keys import words_of
from operators.messages import Piece, add_counts
from operators.points import Points, grid_of
from operators.shard import Prepared
from operators.shares import Told, joined_points
from sources.identities import Identities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.plan.model import Plan
    from operators.kernels.tables import Array
    from operators.shard import Sharder
    from sources.consumer import Consumer, RawBatch
    from sources.identities import Entry

WAITING_BATCHES = 4
TAKE_S = 0.005
TELL_S = 0.05
AHEAD_ROWS = 100_000
GRACE_US = 50_000
"""By how much log time stays behind the wall in a silence: as long as a record may be on its way."""


@dataclass(slots=True)
class Place:
    """Where the reading of a partition goes on: the next offset, the running arrival, the newest accepted event time."""

    offset: int
    arrival_us: int = MIN64
    newest_us: int = MIN64


@dataclass(slots=True)
class Ready:
    """What one batch of messages became; `places` are those of the partitions that moved, `identities` those of `unique` sources."""

    pieces: dict[int, list[Piece]] = field(default_factory=dict)
    told: Told | None = None
    counts: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, int], Place] = field(default_factory=dict)
    identities: list[Entry] = field(default_factory=list)
    rows: int = 0
    caught_up: bool = False


class Letters(Protocol):
    """Who takes what cannot be used: `raw`, its message number, a reason and the field that is wrong; blocks briefly."""

    def add(self, source: str, raw: RawBatch, index: int, reason: str, column: str | None) -> None:
        """One message is a dead letter."""
        ...


@dataclass(slots=True)
class _Partition:
    source: str
    ordinal: int
    place: Place
    points: Points
    ahead: deque[tuple[int, int]] = field(default_factory=deque)
    ahead_rows: int = 0
    paused: bool = False


class Reader:
    """Reads `partitions` (source, partition) of the plan's sources; `all_partitions` are everybody's, in their order."""

    def __init__(
        self,
        plan: Plan,
        sharder: Sharder,
        decoders: Mapping[str, Any],
        topics: Mapping[str, str],
        all_partitions: Sequence[tuple[str, int]],
        places: Mapping[tuple[str, int], Place],
        open_consumer: Callable[[Mapping[tuple[str, int], int]], Consumer],
        letters: Letters | None = None,
        skip_upto: Mapping[str, int] | None = None,
    ) -> None:
        """`places` are the partitions read here; `skip_upto`: by source the arrival up to which messages are in the log already."""
        self.plan, self.sharder, self.decoders, self.letters = plan, sharder, decoders, letters
        self.source_of = {topic: source for source, topic in topics.items()}
        self.topics = topics
        self.open_consumer = open_consumer
        self.skip_upto = dict(skip_upto or {})
        grid = grid_of(group.refresh_us for group in plan.groups)
        self.partitions: dict[tuple[str, int], _Partition] = {}
        for name, place in places.items():
            source = plan.source(name[0])
            points = Points(grid, source.idle_us, source.max_ahead_us)
            self.partitions[name] = _Partition(name[0], list(all_partitions).index(name), place, points)
        self.identities = Identities(plan, places)
        self.queue: queue.Queue[Ready] = queue.Queue(WAITING_BATCHES)
        self.consumer: Any = None
        self.caught_up = False
        self._told_at = 0.0
        self._waiting: list[tuple[Array, Array, Array, Array]] = []
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-kafka", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self) -> Ready | None:
        """The next batch, None where there is none; raises what ended the reading."""
        try:
            return self.queue.get_nowait()
        except queue.Empty:
            if self._failure is not None:
                raise self._failure from None
            return None

    def stop(self) -> None:
        """End the thread; what it has not handed over is read again by the next run."""
        self._stop.set()
        while self._thread.is_alive():
            self._drop()
            self._thread.join(0.02)
        if self.consumer is not None:
            self.consumer.close()

    def _drop(self) -> None:
        while not self.queue.empty():
            try:
                self.queue.get_nowait()
            except queue.Empty:
                return

    def _run(self) -> None:
        try:
            starts = {(self.topics[source], p): each.place.offset for (source, p), each in self.partitions.items()}
            self.consumer = self.open_consumer(starts)
            while not self._stop.is_set():
                ready = self._prepare(self.consumer.take(TAKE_S))
                if ready is not None:
                    self._hand_over(ready)
        # whatever it is, the flow has to hear of it and end
        except BaseException as error:  # noqa: BLE001
            self._failure = error

    def _hand_over(self, ready: Ready) -> None:
        while not self._stop.is_set():
            try:
                self.queue.put(ready, timeout=0.1)
            except queue.Full:
                continue
            return

    def _prepare(self, raws: list[RawBatch]) -> Ready | None:
        ready = Ready()
        accepted: dict[str, list[tuple[int, pa.RecordBatch, Array, Array, int]]] = {}
        for raw in raws:
            self._accept(raw, ready, accepted)
        for source, parts in accepted.items():
            self._split(source, parts, ready)
        self._tell(ready)
        return ready if ready.places or ready.told is not None else None

    def _accept(self, raw: RawBatch, ready: Ready, accepted: dict[str, list[Any]]) -> None:
        source = self.source_of[raw.topic]
        partition = self.partitions[source, raw.partition]
        place = partition.place
        decoded = self.decoders[source].decode(raw, place.arrival_us)
        for dead in decoded.dead:
            self._bury(source, raw, dead.index, dead.reason, dead.field)
        counts = {f"messages {source}": len(raw.offsets)}
        counts |= {f"undecodable {source}": len(decoded.dead), f"tombstone {source}": decoded.tombstones}
        batch = decoded.batch
        bound = self.skip_upto.get(source, MIN64)
        if bound != MIN64 and batch.num_rows:
            arrivals = words_of(batch.column("_arrival"))
            known = int(np.searchsorted(arrivals, bound, side="right"))
            counts[f"loaded already {source}"] = known
            batch = batch.slice(known)
        newest = place.newest_us
        if batch.num_rows:
            times, arrivals = words_of(batch.column(self.plan.source(source).time)), words_of(batch.column("_arrival"))
            column = batch.column(self.plan.source(source).time)
            has_time = pc.is_valid(column).to_numpy(zero_copy_only=False) if column.null_count else None
            at, at_newest, known_at = partition.points.of(times, has_time, arrivals)
            self._waiting.append((np.full(len(at), partition.ordinal), at, at_newest, known_at))
            found, kept, kept_times, kept_arrivals, newest = self.sharder.accept(source, batch, place.newest_us)
            add_counts(counts, {f"{reason} {source}": n for reason, n in found.counts.items()})
            if found.rejected:
                index_of = {int(offset): i for i, offset in enumerate(raw.offsets)}
                for reason, rows in found.rejected:
                    for offset in rows.column("_offset").to_pylist():
                        self._bury(source, raw, index_of[int(offset or 0)], reason, None)
            new = self.identities.fresh(source, kept, kept_times, raw.partition, ready.identities)
            if new is not None:
                counts[f"duplicate {source}"] = kept.num_rows - len(new)
                kept, kept_times, kept_arrivals = kept.take(array(new)), kept_times[new], kept_arrivals[new]
            if kept.num_rows:
                first = int(words_of(kept.column("_offset"))[0])
                accepted.setdefault(source, []).append((partition.ordinal, kept, kept_times, kept_arrivals, first))
                counts[f"rows {source}"] = kept.num_rows
                ready.rows += kept.num_rows
        add_counts(ready.counts, {name: n for name, n in counts.items() if n})
        if not self.caught_up:
            partition.ahead.append((decoded.arrival_us, len(raw.offsets)))
            partition.ahead_rows += len(raw.offsets)
        partition.place = Place(int(raw.offsets[-1]) + 1, decoded.arrival_us, newest)
        ready.places[source, raw.partition] = partition.place

    def _bury(self, source: str, raw: RawBatch, index: int, reason: str, column: str | None) -> None:
        if self.letters is not None:
            self.letters.add(source, raw, index, reason, column)

    def _split(self, source: str, parts: list[tuple[int, pa.RecordBatch, Array, Array, int]], ready: Ready) -> None:
        parts.sort(key=lambda part: part[0])
        ordinal, batch, times, arrivals, first = parts[0]
        if len(parts) > 1:
            names = batch.schema.names
            batch = pa.RecordBatch.from_arrays([pa.concat_arrays([p[1].column(n) for p in parts]) for n in names], names)
            times, arrivals = np.concatenate([p[2] for p in parts]), np.concatenate([p[3] for p in parts])
            order = np.argsort(arrivals, kind="stable")
            batch, times, arrivals = batch.take(array(order)), times[order], arrivals[order]
        prepared = Prepared()
        self.sharder.split(prepared, 0, source, batch, times, arrivals, (ordinal, first))
        for shard, piece in prepared.pieces:
            ready.pieces.setdefault(shard, []).append(piece)
        add_counts(ready.counts, {f"{what} {source}": n for what, n in prepared.counts.items()})
        add_counts(ready.counts, {f"failed {feature}": n for feature, n in prepared.failures.items()})

    def _keep_together(self, at_end: Mapping[tuple[str, int], float]) -> None:
        """Pause the partitions that have run ahead of the others: their rows are held by the shards until the others have come there."""
        named = {(self.topics[source], p): each for (source, p), each in self.partitions.items()}
        read = min((each.place.arrival_us for name, each in named.items() if name not in at_end), default=None)
        for each in named.values():
            while each.ahead and (read is None or each.ahead[0][0] <= read):
                each.ahead_rows -= each.ahead.popleft()[1]
        pause = [name for name, each in named.items() if not each.paused and each.ahead_rows > AHEAD_ROWS]
        resume = [name for name, each in named.items() if each.paused and each.ahead_rows < AHEAD_ROWS // 2]
        for name in (*pause, *resume):
            named[name].paused = not named[name].paused
        if pause:
            self.consumer.pause(pause)
        if resume:
            self.consumer.resume(resume)

    def _tell(self, ready: Ready) -> None:
        """Add how far the log is read, every few milliseconds and in a silence."""
        now = time.time()
        at_end = self.consumer.at_end
        caught_up = len(at_end) == len(self.partitions)
        if now - self._told_at < TELL_S and not (caught_up and not self.caught_up):
            return
        self._told_at = now
        upto = {}
        for (source, p), each in self.partitions.items():
            # the next record may have the arrival of the last one
            read = each.place.arrival_us - 1 if each.place.arrival_us != MIN64 else MIN64
            since = at_end.get((self.topics[source], p))
            if since is not None:
                silent = each.place.arrival_us + int((now - since) * 1e6) if read != MIN64 else int(now * 1e6)
                read = max(read, silent - GRACE_US)
            upto[each.ordinal] = read
        points, self._waiting = self._waiting, []
        ready.told = Told(upto, joined_points(points))
        if not self.caught_up:
            self._keep_together(at_end)
        if caught_up:
            self.caught_up = True
        ready.caught_up = self.caught_up

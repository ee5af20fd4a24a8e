"""One process's way from Kafka to shards: consume, decode, judge, derive, split.

While there is much to read a thread of its own does so, beside the flow; once it has come to the end of the log and little comes, the
flow's thread does it in `take`, since threads that pass the interpreter on to each other cost more time than they save then.

Promises that what it gives is in the order of each partition's log, that each batch says where the readers stand behind it, and that shards
are told how far the log was read. What waits is bounded; while it is too much nothing is consumed. It relies on the consumer to say when a
partition is at its end. What goes wrong is raised by `take`.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from headrace.arrow import array, one_batch
from operators.kernels.tables import MIN64
from operators.keys import words_of
from operators.messages import Piece, add_counts
from operators.points import Points, grid_of
from operators.shard import Prepared, known_times
from operators.shares import NOTHING_YET, Told, joined_points, joined_words
from sources.identities import Identities
from sources.partition import Kept, Partition, Place, keep
from sources.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.plan.model import Plan
    from operators.decode import DecodedAll
    from operators.kernels.tables import Array
    from operators.shard import Accepted, Sharder
    from sources.consumer import Consumer, RawBatch
    from sources.identities import Entry

WAITING_BATCHES = 4
TAKE_S = 0.005
TAKE_HERE_S = 0.002
"""How long the flow's thread waits for a message where other processes send it rows."""
IDLE_S = 0.02
"""The same where nobody does."""
MUCH_ROWS = 2_500
"""A batch of the flow's thread that is larger means that much is to be read."""
CALM_ROWS = 30_000
CALM_S = 0.5
"""Less than so many rows a second over so long mean that little is."""
PAUSE_S = 0.002
LINGER_S = 0.03
"""How far the thread's batches are apart at least once it has caught up."""
TELL_S = 0.05
LOOK_S = 0.5
NEAR_S = 2.0
"""A partition whose messages arrived so lately is as good as at its end: on a busy topic the ends of all are never seen at once."""
NEVER_S = float("inf")
FORGET = 0.99
"""How fast a delay is forgotten, with every batch of a partition."""
FAR_S = 60.0
"""A message that comes so long behind its stamp, to a partition that was at its end, is one of a history that is played."""
AHEAD_ROWS = 100_000
GRACE_US = 50_000
"""By how much log time stays behind the wall in a silence: as long as a record may be on its way."""


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

    def add(self, more: Ready) -> None:
        """Take over the batch that comes next."""
        for shard, pieces in more.pieces.items():
            self.pieces.setdefault(shard, []).extend(pieces)
        if more.told is not None:
            self.told = more.told if self.told is None else joined_words([self.told, more.told])
        add_counts(self.counts, more.counts)
        self.places |= more.places
        self.identities += more.identities
        self.rows += more.rows
        self.caught_up = more.caught_up or self.caught_up


class Letters(Protocol):
    """Who takes what cannot be used: `raw`, its message number, a reason and the field that is wrong; blocks briefly."""

    def add(self, source: str, raw: RawBatch, index: int, reason: str, column: str | None) -> None:
        """One message is a dead letter."""
        ...


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
        self.points = {source.name: Points(grid, source.idle_us, source.max_ahead_us) for source in plan.sources}
        self.unsaid: list[tuple[Array, Array, Array, Array]] = []
        # the pieces of a source stay in the order in which they were read, behind those of the sources before it
        self.order = {source: min(i for i, (name, _) in enumerate(all_partitions) if name == source) for source, _ in places}
        self.partitions: dict[tuple[str, int], Partition] = {}
        for name, place in places.items():
            self.partitions[name] = Partition(*name, list(all_partitions).index(name), place)
        self.identities = Identities(plan, places)
        self.delays = {name: NEAR_S for (name, _), place in places.items() if place.is_live}
        self.queue: queue.Queue[Ready] = queue.Queue(WAITING_BATCHES)
        self.consumer: Any = None
        self.caught_up = False
        self.lag: dict[tuple[str, int], int] = {}
        self._alone = len(places) == len(all_partitions)
        self._told_at = self._looked_at = self._taken_at = 0.0
        self._turns = Turns()
        self._commit: dict[tuple[str, int], int] | None = None
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read, in a thread."""
        self._thread = threading.Thread(target=self._run, name="headrace-kafka", daemon=True)
        self._thread.start()

    def take(self, *, wait: bool = True) -> Ready | None:
        """The next batch, None where there is none; raises what ended the reading. Where no thread reads it may `wait` a little."""
        reads_here = self.reads_here
        ready = self.queued()
        if ready is None and reads_here and not self._stop.is_set():
            early_s = self._turns.early_s(time.monotonic())
            if early_s > 0:
                if not wait:
                    return None
                time.sleep(early_s)
            now = time.monotonic()
            # nobody else's rows come to this thread meanwhile; a message ends the wait
            ready = self._read((IDLE_S if self._alone else TAKE_HERE_S) if wait else 0.0)
            if ready is not None and ready.rows:
                self._turns.began(now, ready.rows)
            if (ready is not None and ready.rows > MUCH_ROWS) or self.consumer.trouble is not None:
                self.start()   # also where Kafka is away: to ask for it may take seconds
        return ready

    @property
    def reads_here(self) -> bool:
        """Whether no thread reads: what is not in the queue is read by whoever takes."""
        return self._thread is None

    def queued(self) -> Ready | None:
        """What a thread has read."""
        try:
            return self.queue.get_nowait()
        except queue.Empty:
            if self._failure is not None:
                raise self._failure from None
            return None

    def commit(self, offsets: dict[tuple[str, int], int]) -> None:
        """Have Kafka told how far the group is: by the thread that reads, since a consumer lets nobody else in for long."""
        self._commit = offsets

    def stop(self) -> None:
        """End the thread; what it has not handed over is read again by the next run."""
        self._stop.set()
        while (thread := self._thread) is not None and thread.is_alive():
            self._drop()
            thread.join(0.02)
        if self.consumer is not None:
            self._look()
            self.consumer.close()

    def _drop(self) -> None:
        while not self.queue.empty():
            try:
                self.queue.get_nowait()
            except queue.Empty:
                return

    def _run(self) -> None:
        try:
            begun, rows = time.monotonic(), 0
            while not self._stop.is_set():
                now = time.monotonic()
                if self.caught_up and (not self.queue.empty() or now < self._taken_at + LINGER_S):
                    # what comes meanwhile goes with it: fewer larger batches cost less, and leave the interpreter to the flow
                    time.sleep(PAUSE_S)
                    continue
                if now > begun + CALM_S:
                    if self.caught_up and self.consumer.trouble is None and rows < CALM_ROWS * (now - begun):
                        break
                    begun, rows = now, 0
                self._taken_at = now
                ready = self._read(TAKE_S)
                if ready is not None:
                    rows += ready.rows
                    self._hand_over(ready)
            # what waits in the queue comes first for whoever finds no thread
            self._thread = None
        # whatever it is, the flow has to hear of it and end
        except BaseException as error:  # noqa: BLE001
            self._failure = error

    def _read(self, wait_s: float) -> Ready | None:
        """One batch; waits so long for its first message."""
        if self.consumer is None:
            starts = {(self.topics[source], p): each.place.offset for (source, p), each in self.partitions.items()}
            self.consumer = self.open_consumer(starts)
        silent = set(self.consumer.at_end)
        raws = self.consumer.take(wait_s)
        for raw in raws:
            self._hear(raw, was_silent=(raw.topic, raw.partition) in silent)
        ready = self._prepare(raws)
        if time.monotonic() - self._looked_at > LOOK_S:
            self._look()
        return ready

    def _hear(self, raw: RawBatch, *, was_silent: bool) -> None:
        """Learn whether a source's messages are stamped as they come, and how long they are on their way."""
        source = self.source_of[raw.topic]
        delay_s = raw.received_s - int(raw.timestamps_us[-1]) / 1e6
        if abs(delay_s) <= NEAR_S:
            before = self.delays.get(source, NEVER_S)
            # the longest of late: the next one may take as long
            self.delays[source] = max(0.0, delay_s, 0.0 if before == NEVER_S else before * FORGET)
        elif was_silent and abs(delay_s) > FAR_S:
            self.delays[source] = NEVER_S

    def _silence_us(self, source: str, now: float) -> int:
        """Up to which arrival nothing more comes of a partition that is at its end, as far as is known: the smallest int64 where it is not.

        A source of which nothing has come yet is taken for one like the others.
        """
        known = [delay for delay in self.delays.values() if delay != NEVER_S]
        delay_s = self.delays.get(source, max(known, default=NEVER_S))
        return MIN64 if delay_s == NEVER_S else int((now - delay_s) * 1e6) - GRACE_US

    def _look(self) -> None:
        """What others want of the consumer."""
        self._looked_at = time.monotonic()
        offsets, self._commit = self._commit, None
        if offsets:
            self.consumer.commit(offsets)
        self.lag = self.consumer.lag()

    def _hand_over(self, ready: Ready) -> None:
        while not self._stop.is_set():
            try:
                self.queue.put(ready, timeout=0.1)
            except queue.Full:
                continue
            return

    def _prepare(self, raws: list[RawBatch]) -> Ready | None:
        ready = Ready()
        by_source: dict[str, list[RawBatch]] = {}
        for raw in sorted(raws, key=lambda raw: raw.partition):
            by_source.setdefault(self.source_of[raw.topic], []).append(raw)
        direct: dict[str, Accepted] = {}
        for source, its in by_source.items():
            partitions = [self.partitions[source, raw.partition] for raw in its]
            decoded = self.decoders[source].decode_all(its, [partition.read.arrival_us for partition in partitions])
            self._accept(source, its, partitions, decoded, ready, direct)
        upto = None if self.caught_up else self._together()
        self._release(ready, upto, direct)
        self._tell(ready, upto)
        return ready if ready.places or ready.told is not None or ready.counts else None

    def _accept(
        self,
        source: str,
        raws: list[RawBatch],
        partitions: list[Partition],
        decoded: DecodedAll,
        ready: Ready,
        direct: dict[str, Accepted],
    ) -> None:
        """Judge the messages of a source's partitions; what is accepted waits to be released, or goes `direct` where nothing waits."""
        for raw, dead in zip(raws, decoded.dead, strict=True):
            for each in dead:
                self._bury(source, raw, each.index, each.reason, each.field)
        counts = {f"messages {source}": sum(len(raw.offsets) for raw in raws)}
        counts |= {f"undecodable {source}": sum(map(len, decoded.dead)), f"tombstone {source}": sum(decoded.tombstones)}
        batch, ends = decoded.batch, decoded.ends
        bound = self.skip_upto.get(source, MIN64)
        if bound != MIN64 and batch.num_rows:
            new = words_of(batch.column("_arrival")) > bound
            counts[f"loaded already {source}"] = int((~new).sum())
            batch, ends = batch.filter(pa.array(new)), np.concatenate([[0], np.cumsum(new)])[ends]
        newest = np.array([partition.read.newest_us for partition in partitions], np.int64)
        if batch.num_rows:
            before = newest.copy()
            found = self._judge(source, raws, partitions, batch, newest, ends, counts)
            if self.caught_up and source not in self.identities.columns and not any(partition.waiting for partition in partitions):
                direct[source] = found
            else:
                keep(partitions, found, before)
        add_counts(ready.counts, {name: n for name, n in counts.items() if n})
        is_live = self.delays.get(source, NEVER_S) != NEVER_S
        for partition, raw, arrival_us, newest_us in zip(partitions, raws, decoded.arrivals_us, newest.tolist(), strict=True):
            partition.read = Place(int(raw.offsets[-1]) + 1, arrival_us, newest_us, is_live)

    def _judge(
        self,
        source: str,
        raws: list[RawBatch],
        partitions: list[Partition],
        batch: pa.RecordBatch,
        newest: Array,
        ends: Array,
        counts: dict[str, int],
    ) -> Accepted:
        column = batch.column(self.plan.source(source).time)
        ordinals = [partition.ordinal for partition in partitions]
        times, arrivals = words_of(column), words_of(batch.column("_arrival"))
        self.unsaid.append(self.points[source].of(ordinals, ends, times, known_times(column), arrivals))
        found = self.sharder.accept(source, batch, newest, ends)
        add_counts(counts, {f"{reason} {source}": n for reason, n in found.counts.items()})
        for reason, rows in found.rejected:
            offsets = words_of(batch.column("_offset"))[rows].tolist()
            for number, offset in zip(np.searchsorted(ends, rows, side="right").tolist(), offsets, strict=True):
                raw = raws[number]
                self._bury(source, raw, int(np.searchsorted(raw.offsets, offset)), reason, None)
        return found

    def _together(self) -> int | None:
        """The arrival that all partitions which are not at their end have come to; those that run ahead of it are paused for a while."""
        at_end = self.consumer.at_end
        named = {(self.topics[source], p): each for (source, p), each in self.partitions.items()}
        upto = min((each.read.arrival_us - 1 for name, each in named.items() if name not in at_end), default=None)
        pause = [name for name, each in named.items() if not each.paused and each.waiting_rows > AHEAD_ROWS]
        resume = [name for name, each in named.items() if each.paused and each.waiting_rows < AHEAD_ROWS // 2]
        for name in (*pause, *resume):
            named[name].paused = not named[name].paused
        if pause:
            self.consumer.pause(pause)
        if resume:
            self.consumer.resume(resume)
        return upto

    def _release(self, ready: Ready, upto: int | None, direct: dict[str, Accepted]) -> None:
        """Split what all partitions have come to, for the shards; what goes `direct` is in the order of the partitions."""
        accepted: dict[str, list[tuple[int, Kept]]] = {}
        for name, partition in self.partitions.items():
            before = partition.place
            for kept in partition.release(upto):
                new = self.identities.fresh(name[0], kept.batch, kept.times, name[1], ready.identities)
                if new is not None:
                    add_counts(ready.counts, {f"duplicate {name[0]}": len(kept.offsets) - len(new)})
                    columns = (column[new] for column in (kept.offsets, kept.times, kept.arrivals, kept.newest))
                    kept = Kept(kept.batch.take(array(new)), *columns)
                if len(kept.offsets):
                    accepted.setdefault(name[0], []).append((partition.ordinal, kept))
            if partition.place is not before:
                ready.places[name] = partition.place
        for source, parts in accepted.items():
            parts.sort(key=lambda part: part[0])
            times, arrivals = np.concatenate([each.times for _, each in parts]), np.concatenate([each.arrivals for _, each in parts])
            self._split(source, one_batch([each.batch for _, each in parts]), times, arrivals, ready)
        for source, found in direct.items():
            if found.batch.num_rows:
                self._split(source, found.batch, found.times, found.arrivals, ready)

    def _bury(self, source: str, raw: RawBatch, index: int, reason: str, column: str | None) -> None:
        if self.letters is not None:
            self.letters.add(source, raw, index, reason, column)

    def _split(self, source: str, batch: pa.RecordBatch, times: Array, arrivals: Array, ready: Ready) -> None:
        """Rows in the order of partitions and offsets become pieces in the order of arrival."""
        if (arrivals[1:] < arrivals[:-1]).any():
            order = np.argsort(arrivals, kind="stable")
            batch, times, arrivals = batch.take(array(order)), times[order], arrivals[order]
        prepared = Prepared()
        self.sharder.split(prepared, 0, source, batch, times, arrivals, (self.order[source], 0))
        for shard, piece in prepared.pieces:
            ready.pieces.setdefault(shard, []).append(piece)
        add_counts(ready.counts, {f"rows {source}": len(times)})
        add_counts(ready.counts, {f"{what} {source}": n for what, n in prepared.counts.items()})
        add_counts(ready.counts, {f"failed {feature}": n for feature, n in prepared.failures.items()})
        ready.rows += len(times)

    def _said(self, upto_us: int | None) -> list[tuple[Array, Array, Array, Array]]:
        """The points up to a log time, all of them for None."""
        found, self.unsaid = self.unsaid, []
        if upto_us is None:
            return found
        due = [arrivals <= upto_us for _, arrivals, _, _ in found]
        for is_due, points in zip(due, found, strict=True):
            if not is_due.all():
                ordinals, arrivals, newest, known = (column[~is_due] for column in points)
                self.unsaid.append((ordinals, arrivals, newest, known))
        return [(o[is_due], a[is_due], n[is_due], k[is_due]) for is_due, (o, a, n, k) in zip(due, found, strict=True)]

    def _tell(self, ready: Ready, upto: int | None) -> None:
        """Add how far the log was sent, every few milliseconds and in a silence."""
        now = time.time()
        if self.caught_up and now - self._told_at < TELL_S:
            ready.caught_up = True
            return
        at_end = self.consumer.at_end
        near_us = (now - NEAR_S) * 1e6
        named = {(self.topics[source], p): each for (source, p), each in self.partitions.items()}
        caught_up = self.caught_up or all(name in at_end or each.read.arrival_us > near_us for name, each in named.items())
        ready.caught_up = self.caught_up
        if now - self._told_at < TELL_S and not (ready.rows or caught_up):
            return
        self._told_at = now
        sent = {}
        for (source, p), each in self.partitions.items():
            # the next record may have the arrival of the last one
            read = each.read.arrival_us - 1 if each.read.arrival_us != MIN64 else MIN64
            since = at_end.get((self.topics[source], p))
            if since is not None and read == MIN64:
                sent[each.ordinal] = NOTHING_YET
                continue
            if since is not None:
                read = max(read, each.read.arrival_us + int((now - since) * 1e6) - GRACE_US, self._silence_us(source, now))
            sent[each.ordinal] = read if upto is None else min(read, upto)
        ready.told = Told(sent, joined_points(self._said(upto)))
        if caught_up and not self.caught_up:
            self.consumer.resume([name for name, each in named.items() if each.paused])
        self.caught_up = caught_up
        ready.caught_up = self.caught_up

"""`archive`: a topic into its log, exactly once; what `headrace archive` calls.

It promises that every message of the topic from the log's end on is in the log or among the dead letters, once, wherever the process dies;
that what Kafka has dropped before it was archived is told with its offsets and refused unless it is accepted; that messages which arrived
up to the last loaded row are left out: they are among what was loaded. It relies on the log to say where it ends: nothing else is kept.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headrace.archive import End, FileLog, Layout, archived_ends, begun, check_topic, last_loaded_arrival
from headrace.archive.append import Appender, Rolling
from headrace.archive.begun import begin
from headrace.archive.closing import Closing
from headrace.archive.drafts import Drafts
from headrace.archive.letters import LetterBox
from headrace.archive.retention import remove_before
from headrace.errors import HeadraceError, StorageError, own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from headrace.repository import Repository
    from headrace.source import Source
    from operators.intake import Chunk, Skipped
    from sources.topic import TopicReader

TIDY_S = 10.0
RETAIN_S = 3_600.0
LOOK_S = 60.0
"""How often new partitions are looked for."""


class ArchiveGap(HeadraceError):
    """Kafka does not have what follows in the log; its fact `gaps` has (partition, first missing offset, first that is there)."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archive run did.

    `messages` were read; `rows` of them are in the log now, `dead` have a letter (some of them are rows too), `tombstones` had no value,
    `skipped` were in the log by a load. `files` were published, `removed` were too old. `ended`: it was read to the end that the topic had
    at the start; else it was stopped.
    """

    source: str
    topic: str
    messages: int
    rows: int
    dead: int
    tombstones: int
    skipped: int
    files: int
    removed: int
    seconds: float
    ended: bool


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is: what was read, what is published, how many messages wait in Kafka, and why nothing comes if it does not."""

    messages: int
    rows: int
    dead: int
    files: int
    lag: int
    seconds: float
    trouble: str | None


def archive(
    repository: Repository,
    source: str,
    *,
    once: bool = False,
    rolling: Rolling | None = None,
    retain: timedelta | None = None,
    accept_gap: bool = False,
    compression: str = "zstd",
    stop: threading.Event | None = None,
    began: Callable[[Callable[[], Status]], None] | None = None,
) -> Archived:
    """Archive the topic of a source until it is stopped, by SIGTERM, SIGINT or `stop`; what was read is published then.

    Args:
        repository: where the source, the archive and Kafka are.
        source: its name.
        once: end when each partition was read to the end that it had at the start.
        rolling: when a file ends.
        retain: how long rows are kept, by their arrival; None for ever.
        accept_gap: go on behind offsets that Kafka has dropped.
        compression: zstd, lz4, snappy or none.
        stop: ends the run when it is set; looked at every few milliseconds.
        began: called once, with what tells how far the run is; that may be called by any thread.

    Raises `ArchiveGap`, `sources.consumer.TopicMissing` and `TopicError`, `OtherTopic` where the archive is of another topic, and
    `StorageError` where it cannot be written, is written by another process, or holds files that do not go with the source.
    """
    run = ArchiveRun(repository, repository.sources[source].base, once, rolling or Rolling(), retain, accept_gap, compression, stop)
    if began is not None:
        began(run.status)
    return run.execute()


class ArchiveRun:
    """One run: where it starts, what its steps share, how it ends."""

    def __init__(
        self,
        repository: Repository,
        source: Source,
        once: bool,
        rolling: Rolling,
        retain: timedelta | None,
        accept_gap: bool,
        compression: str,
        stop: threading.Event | None,
    ) -> None:
        from headrace.running.starting import kafka_settings
        from headrace.showing import archive_of
        from operators.intake import Skipped
        from sources.topic import TopicReader
        from sources.topics import watermarks

        self.repository, self.source, self.rolling, self.retain, self.compression = repository, source, rolling, retain, compression
        self.stop = stop or threading.Event()
        self.log = FileLog(archive_of(repository), Layout.of(source))
        self.box = LetterBox(self.log.folder)
        self.ends: dict[int, End] = archived_ends(self.log)
        self.skip_upto_us = last_loaded_arrival(self.log)
        self._check_files()
        settings = kafka_settings(repository)
        bounds = watermarks(settings, source.topic)
        starts = self._starts(settings, bounds, accept_gap)
        until = {partition: high for partition, (_, high) in bounds.items()} if once else None
        group = repository.config.named(f"archive.{source.name}")
        self.reader: TopicReader = TopicReader(settings, source.topic, starts, group, until, LOOK_S)
        self.skipped: Skipped = Skipped()
        self.closing = Closing(self.log)
        self.appenders: dict[int, Appender] = {}
        self.messages = self.rows = self.dead = self.tombstones = self.removed = 0
        self.trouble: str | None = None
        self._starts_at = starts
        self._began_s = time.monotonic()
        self._tidied_s = self._retained_s = float("-inf")

    # --- where it starts ----------------------------------------------------------------------------------------------------

    def _check_files(self) -> None:
        """The newest file of each partition must go with the source, what follows it is read together with it; all are of its topic."""
        check_topic(self.log, self.source.topic)
        for file in {file.partition: file for file in self.log.files()}.values():
            self.log.check(file)

    def _before(self) -> dict[int, End]:
        """What the intake goes on from: the ends, and what was loaded into a partition of which nothing was archived."""
        from operators.intake import MIN64, judged

        found = dict(self.ends)
        columns = [self.source.time, "_arrival"]
        newest: dict[int, int] = {}
        for group in self.log.row_groups():
            if group.partition in found or group.max_time_us is None:
                continue
            before = newest.get(group.partition, MIN64)
            if group.max_time_us <= group.min_arrival_us + self.source.max_ahead_us:
                newest[group.partition] = max(before, group.max_time_us)
            else:
                newest[group.partition] = judged(self.source, self.log.read(group, columns), before)[1]
        return found | {partition: End(0, MIN64, None if time == MIN64 else time) for partition, time in newest.items()}

    def _starts(self, settings: Mapping[str, Any], bounds: Mapping[int, tuple[int, int]], accept_gap: bool) -> dict[int, int]:
        """Where each partition is read from. What is missing is refused, or noted as accepted."""
        from headrace.running.gaps import dropped_and_loaded

        noted = begun(self.log)
        is_first = not self.ends and noted is None
        starts, gaps, fresh = {}, [], dict(noted or {})
        for partition, (low, high) in bounds.items():
            end = self.ends.get(partition)
            held = max((noted or {}).get(partition, 0), 0 if end is None else end.offset)
            starts[partition] = max(low, held)
            if held > high:
                text = f"topic '{self.source.topic}' partition {partition} ends before offset {high}, and its log before {held}"
                raise ArchiveGap(f"{text}: the topic was made anew; give its source another name", gaps=((partition, high, held),))
            if low > held and not is_first:
                gaps.append((partition, held, low))
            if end is None or low > held:
                fresh[partition] = starts[partition]
        empty = {partition: low for partition, _, low in gaps if partition not in self.ends}
        there = dropped_and_loaded(settings, self.source.topic, empty, self.skip_upto_us)
        gaps = [gap for gap in gaps if gap[0] not in there]
        if gaps and not accept_gap:
            told = "; ".join(f"partition {partition}: offsets {first} to {low - 1}" for partition, first, low in gaps)
            text = f"topic '{self.source.topic}' has dropped what the archive lacks: {told}; --accept-gap goes on without them"
            raise ArchiveGap(text, gaps=tuple(gaps))
        self._begin(noted, fresh)
        return starts

    def _begin(self, noted: Mapping[int, int] | None, offsets: Mapping[int, int]) -> None:
        """Note what nothing is missing before, where that is not said already."""
        if noted != offsets:
            begin(self.log, offsets)

    def _note_left_out(self) -> None:
        """Where nothing of a partition is in the log, what was read had been loaded: Kafka may drop it. A stop may leave what was read."""
        if not self.stop.is_set():
            noted = begun(self.log)
            through = {p: at for p, at in self.reader.next.items() if p not in self.ends and p not in self.appenders}
            self._begin(noted, (noted or {}) | through)

    # --- what its steps ask for ---------------------------------------------------------------------------------------------

    def appender(self, partition: int) -> Appender:
        """The end of a partition's log; what was never archived begins at the first message that comes."""
        start = self._starts_at.get(partition) if partition in self.ends else None
        found = Appender(self.log, self.source.topic, partition, start, self.box, self.rolling, self.compression)
        self.appenders[partition] = found
        return found

    def took(self, chunk: Chunk) -> None:
        """A chunk is in an open file."""
        self.messages += chunk.messages
        self.rows += chunk.batch.num_rows
        self.dead += len(chunk.letters)
        self.tombstones += chunk.tombstones

    def published(self, appender: Appender, offset: int) -> None:
        """A file was published."""
        for day in appender.touched:
            self.closing.opened(day)
        appender.touched.clear()
        self.reader.commit({appender.partition: offset})

    def tick(self) -> None:
        """Look whether it should stop; now and then close days and remove what is too old."""
        if self.stop.is_set():
            self.reader.ask_to_stop()
        now_s = time.monotonic()
        if now_s - self._tidied_s > TIDY_S:
            self._tidied_s = now_s
            self._tidy(now_s)

    def _tidy(self, now_s: float) -> None:
        """Close days and remove what is too old, or say why not: the next time will do."""
        try:
            self._close_days(now_s)
            self.trouble = None
        except StorageError as error:
            self.trouble = str(error)

    def _close_days(self, now_s: float) -> None:
        if self.retain is not None and now_s - self._retained_s > RETAIN_S:
            self.removed += len(remove_before(self.log, int((time.time() - self.retain.total_seconds()) * 1e6)))
            self._retained_s = now_s
        open_ = {partition: each.pending for partition, each in self.appenders.items()}
        reached: dict[int, int | None] = {}
        for partition in self.reader.next:
            pending, appender = open_.get(partition), self.appenders.get(partition)
            if pending is not None:
                reached[partition] = pending.first_arrival_us
            elif appender is not None:
                reached[partition] = appender.arrival_us
            else:
                end = self.ends.get(partition)
                reached[partition] = None if end is None else end.arrival_us
        self.closing.close(reached, self.reader.at_end() and not any(open_.values()), int(time.time() * 1e6))

    # --- the run ------------------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """How far it is."""
        files = sum(each.files for each in list(self.appenders.values()))
        seconds = time.monotonic() - self._began_s
        return Status(self.messages, self.rows, self.dead, files, self.reader.lag, seconds, self.reader.trouble or self.trouble)

    def execute(self) -> Archived:
        """Run the flow to its end."""
        from bytewax._bytewax import run_main

        from flows.archive import build
        from headrace.running.collecting import collected_seldom
        from operators.decode import Decoder
        from operators.intake import Intake
        from sinks.log import LogStep
        from sources.topic import TopicInput

        skip_upto_us, before = self.skip_upto_us, self._before()
        Drafts(self.log.folder).tidy()

        def intake() -> Intake:
            decoder = Decoder.of(self.source, self.repository.config.kafka.registry)
            return Intake(self.source, decoder, before, skip_upto_us, self.skipped)

        flow = build(TopicInput(self.reader, self.tick), intake, lambda: LogStep(self))
        try:
            with _signals(self.stop), collected_seldom():
                run_main(flow, epoch_interval=timedelta(seconds=10))
            self._retained_s = float("-inf")
            self._tidy(time.monotonic())
        # the error of ours says more than the engine's around it
        except Exception as error:
            ours = own(error)
            if ours is None:
                raise
            raise ours from None
        finally:
            self.reader.stop()
            for each in self.appenders.values():
                each.abandon()
        self.box.flush()
        if self.reader.failure is not None:
            raise self.reader.failure
        self._note_left_out()
        told = self.status()
        return Archived(
            source=self.source.name,
            topic=self.source.topic,
            messages=self.messages + self.skipped.messages,
            rows=self.rows,
            dead=self.dead,
            tombstones=self.tombstones,
            skipped=self.skipped.messages,
            files=told.files,
            removed=self.removed,
            seconds=told.seconds,
            ended=not self.stop.is_set(),
        )


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """While it is entered, SIGTERM and SIGINT set `stop`; outside the main thread it does nothing."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, lambda *_: stop.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

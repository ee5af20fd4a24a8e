"""A topic as the input of the flow that archives it: one part, filled by a thread that reads Kafka.

Promises the messages of each partition in their order, one batch an item; that the flow ends when it is told to, or, where it was asked to
read once, when each partition was read to the end that it had at the start. Partitions that are added meanwhile are read from their first
offset. What goes wrong in the reading ends the flow as well, behind what was read, and stands in `failure`.
"""

from __future__ import annotations

import queue
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from headrace.errors import HeadraceError
from sources.consumer import Consumer, RawBatch, watermarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sources.topics import Settings

Item = tuple[str, RawBatch]
WAITING_TAKES = 4
TAKE_MESSAGES = 20_000
TAKE_S = 0.05
AWAKE_S = 0.005
NOTE_S = 0.5


class TopicReader:
    """The thread that reads: `start`, `get` until it gives None at the end, `stop` in any case.

    `lag` is how many messages waited in Kafka half a second ago.
    """

    def __init__(
        self, settings: Settings, topic: str, starts: Mapping[int, int], group: str, until: Mapping[int, int] | None, look_s: float
    ) -> None:
        """`starts` are the first offsets by partition, `until` those to end behind, None to go on until it is told to stop.

        `look_s` is how often new partitions are looked for.
        """
        self.settings, self.topic, self.group, self.until, self.look_s = settings, topic, group, until, look_s
        self.next = dict(starts)
        self.consumer: Consumer | None = None
        self.failure: HeadraceError | None = None
        self.lag = 0
        self._ended: set[int] = set()
        self._committed: dict[tuple[str, int], int] = {}
        self._uncommitted: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._broken: BaseException | None = None
        self._queue: queue.Queue[list[RawBatch]] = queue.Queue(WAITING_TAKES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-topic", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def get(self) -> list[RawBatch] | None:
        """What has come, maybe nothing; None at the end of everything."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            if self._thread.is_alive():
                return []
        # it may have ended between the two questions
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            if self._broken is not None:
                raise self._broken from None
            return None

    def ask_to_stop(self) -> None:
        """Read no further; what was read is still given. May be called by a signal handler."""
        self._stop.set()

    def stop(self) -> None:
        """End the thread and drop what it has."""
        self._stop.set()
        while self._thread.is_alive():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._thread.join(0.02)
        if self.consumer is not None:
            # a first commit has to find its coordinator, and what has not got there is lost with the consumer
            if self.consumer.trouble is None:
                self._committed |= self._uncommitted
                self.consumer.commit(self._committed, wait=True)
            self.consumer.close()
            self.consumer = None

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Tell Kafka how far the archive is, so that its lag can be watched; the thread does it."""
        with self._lock:
            self._uncommitted |= {(self.topic, partition): offset for partition, offset in offsets.items()}

    def at_end(self) -> bool:
        """Whether every partition is read to its end."""
        return self.consumer is not None and len(self.consumer.at_end) == len(self.next)

    @property
    def trouble(self) -> str | None:
        """Why nothing comes, where Kafka is away."""
        return None if self.consumer is None else self.consumer.trouble

    def _run(self) -> None:
        try:
            self._open()
            looked_s = noted_s = time.monotonic()
            while not self._stop.is_set() and not self._is_through():
                taken = self._consumer.take(TAKE_S, TAKE_MESSAGES)
                for raw in taken:
                    self.next[raw.partition] = int(raw.offsets[-1]) + 1
                if taken:
                    self._hand_over(taken)
                now_s = time.monotonic()
                if now_s - noted_s > NOTE_S:
                    self._note()
                    noted_s = now_s
                if now_s - looked_s > self.look_s:
                    self._look()
                    looked_s = now_s
        except HeadraceError as error:
            self.failure = error
        # whatever it is, the flow has to hear of it and end
        except BaseException as error:  # noqa: BLE001
            self._broken = error

    @property
    def _consumer(self) -> Consumer:
        assert self.consumer is not None   # noqa: S101   # opened first
        return self.consumer

    def _open(self) -> None:
        starts = {(self.topic, partition): offset for partition, offset in self.next.items()}
        before, self.consumer = self.consumer, Consumer(self.settings, starts, group=self.group)
        if before is not None:
            before.close()

    def _note(self) -> None:
        """Commit, and see how many messages wait. Calls of other threads would wait for a pause between this one's."""
        with self._lock:
            fresh, self._uncommitted = self._uncommitted, {}
        self._committed |= fresh
        self._consumer.commit(fresh)
        self.lag = sum(self._consumer.lag().values())

    def _look(self) -> None:
        """See whether there are new partitions."""
        try:
            found = watermarks(self.settings, self.topic)
        except HeadraceError:
            return   # the consumer says what is wrong with Kafka
        new = {partition: low for partition, (low, _) in found.items() if partition not in self.next}
        if new:
            self.next |= new
            self._open()

    def _is_through(self) -> bool:
        if self.until is None:
            return False
        ended = {partition for _, partition in self._consumer.at_end}
        self._ended |= ended | {partition for partition, behind in self.until.items() if self.next[partition] >= behind}
        return self._ended.issuperset(self.until)

    def _hand_over(self, taken: list[RawBatch]) -> None:
        while True:
            try:
                self._queue.put(taken, timeout=0.1)
            except queue.Full:
                if self._stop.is_set():
                    return   # nobody takes it any more; it is read again by the next run
                continue
            return


class TopicInput(FixedPartitionedSource[Item, None]):
    """The input; `tick` is called every few milliseconds by the thread that runs the flow. Who made the reader stops it behind the flow."""

    def __init__(self, reader: TopicReader, tick: Callable[[], None]) -> None:
        self.reader, self.tick = reader, tick

    def list_parts(self) -> list[str]:
        """One: a process reads all partitions."""
        return ["topic"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> TopicPart:  # noqa: ARG002  # Bytewax's signature
        """The part."""
        return TopicPart(self)


class TopicPart(StatefulSourcePartition[Item, None]):
    """The one part."""

    def __init__(self, of: TopicInput) -> None:
        self.of = of
        self.empty = False
        of.reader.start()

    def next_batch(self) -> Iterable[Item]:
        """A batch of each partition that has one."""
        self.of.tick()
        taken = self.of.reader.get()
        if taken is None:
            raise StopIteration
        self.empty = not taken
        return [(str(raw.partition), raw) for raw in taken]

    def next_awake(self) -> datetime | None:
        """Soon, where nothing waits."""
        return datetime.now(UTC) + timedelta(seconds=AWAKE_S) if self.empty else None

    def snapshot(self) -> None:
        """Nothing: the archive is its own offset store."""

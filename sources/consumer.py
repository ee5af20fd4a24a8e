"""Kafka's messages in batches: one consumer a process, at offsets that are told, never at what Kafka would choose.

Promises that what `take` gives of a partition goes on at exactly the offset that is next; an offset that Kafka does not have is an
`OffsetGap`, never a jump. It commits only what it is told to, so that a lag can be watched from outside. While brokers are away it gives
nothing, says why in `trouble`, and goes on by itself. What a message means is left to `operators.decode`.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.errors import HeadraceError, HeadraceWarning
from sources.refusals import REFUSED, SILENT, calm, rights, what_to_do
from sources.topics import Settings, TopicError, TopicMissing, brokers_of, consumer_of, logger, offsets_at, partitions_of, watermarks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from concurrent.futures import Future

    Integers = np.ndarray[Any, np.dtype[np.int64]]

TopicAndPartition = tuple[str, int]
BATCH_MESSAGES = 5_000
PROBE_S = 0.5
COMMIT_S = 3.0
REFUSED_S = 30.0
"""So long brokers that let us in once may refuse to: who signs tokens may be away."""
ANSWER_S = 2.0   # longer than a fetch may wait at a broker, behind which an answer stands
# what the promises stand on, whatever [kafka.client] says
OURS: Settings = {
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
}
# a partition that was fetched far ahead is fetched again soon, not after the second that is librdkafka's default
DEFAULTS: Settings = {"fetch.queue.backoff.ms": 20, "max.poll.interval.ms": 86_400_000, "reconnect.backoff.max.ms": 1_000}


class OffsetGap(HeadraceError):
    """Kafka does not have the offset that is next: it dropped it, or the topic was made anew.

    Its facts are `topic`, `partition`, `wanted` (the offset), `low` and `high` (the first offset there is, and the next to be written).
    """


@dataclass(slots=True)
class RawBatch:
    """Messages of one partition in the order of their offsets; `received_s` is the wall clock when they were taken.

    `values` has None for a tombstone; `timestamps_us` are the messages' own and may go back.
    """

    topic: str
    partition: int
    offsets: Integers
    timestamps_us: Integers
    values: list[bytes | None]
    keys: list[bytes | None]
    received_s: float


class Consumer:
    """Reads the partitions of `starts` from their offsets on.

    `take` belongs to one thread; `commit`, `lag` and the attributes may be used from others. `at_end` has, for each partition that is
    read to its end, the wall clock when that was seen; while brokers are away nothing is known to be at its end. `group` is the consumer
    group that `commit` counts for.
    """

    def __init__(self, settings: Settings, starts: Mapping[TopicAndPartition, int], *, group: str | None = None) -> None:
        """Connects in the background; raises where `settings` are not librdkafka's."""
        from confluent_kafka import OFFSET_END, KafkaError, TopicPartition

        self.at_end: dict[TopicAndPartition, float] = {}
        self.trouble: str | None = None
        self._codes: Any = KafkaError
        self._partition: Any = TopicPartition
        self._partition_end = OFFSET_END
        self._settings, self._group = settings, group
        self._next = dict(starts)
        self._one_topic = len({topic for topic, _ in starts}) == 1
        self._ends: dict[TopicAndPartition, int] = {}
        self._held: dict[TopicAndPartition, float] = {}
        self._failure: HeadraceError | None = None
        self._errors = 0
        self._refused_s: float | None = None
        self._probed_s = 0.0
        self._asker: Any = None
        self._asked: Future[Any] | None = None
        self._client = consumer_of({**DEFAULTS, **settings, **OURS}, group, self._on_error)
        self._client.assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in starts.items()])

    def take(self, timeout_s: float, limit: int = BATCH_MESSAGES) -> list[RawBatch]:
        """What has come, one batch a partition; waits up to `timeout_s` for the first message.

        Raises `OffsetGap`, and `TopicError` where the reading cannot go on by itself.
        """
        self._refuse()
        if self.trouble is not None:
            self._probe()
        messages: list[Any] = self._client.consume(limit, 0)
        if not messages:
            first = self._client.poll(timeout_s)
            if first is None:
                self._refuse()   # a callback may have heard of it
                return []
            messages = [first, *self._client.consume(limit - 1, 0)] if limit > 1 else [first]
        received_s = time.time()
        groups = self._by_partition(messages, received_s)
        if not groups:
            self._refuse()
        return [self._batch(name, group, received_s) for name, group in groups.items()]

    def commit(self, offsets: Mapping[TopicAndPartition, int], *, wait: bool = False) -> None:
        """Tell Kafka how far the group is; what goes wrong is only lost to who watches.

        It returns at once. Where it is the last thing that is done before `close` it may `wait` for Kafka, some seconds at most.
        """
        if self._group is None or not offsets:
            return
        from confluent_kafka import KafkaException

        places = [self._partition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        try:
            if wait:
                # one that waits for who coordinates the group would hold up `close` for most of a minute
                self._client.committed(places, timeout=COMMIT_S)
            self._client.commit(offsets=places, asynchronous=not wait)
        except KafkaException as error:
            if wait:
                self._hear_errors()
            if error.args[0].code() == self._codes.GROUP_AUTHORIZATION_FAILED:
                self._unwatched(error.args[0])
            else:
                self.trouble = str(error.args[0])
        except RuntimeError:   # closed meanwhile
            return

    def lag(self) -> dict[TopicAndPartition, int]:
        """How many offsets are between what was taken and the end, of each partition of which the end is known."""
        found = {}
        for (topic, partition), following in list(self._next.items()):
            if (topic, partition) in self.at_end:
                found[topic, partition] = 0
                continue
            try:
                _, high = self._client.get_watermark_offsets(self._partition(topic, partition), cached=True)
            except RuntimeError:   # closed meanwhile
                return {}
            if high >= 0:
                found[topic, partition] = max(0, high - following)
        return found

    def pause(self, names: Collection[TopicAndPartition]) -> None:
        """Take nothing of these partitions for now; whether they are at their end is not known then."""
        for name in names:
            self.at_end.pop(name, None)
            self._held.pop(name, None)
        self._client.pause([self._partition(*name) for name in names])

    def resume(self, names: Collection[TopicAndPartition]) -> None:
        """Take of these partitions again, from where they were paused."""
        self._client.resume([self._partition(*name) for name in names])

    def close(self) -> None:
        """End the reading; nothing is committed by it."""
        self._client.close()

    def _refuse(self) -> None:
        if self._refused_s is not None and time.monotonic() - self._refused_s > REFUSED_S:
            self._failure = self._failure or self._refusal(f"{self.trouble}, for {REFUSED_S:g} s")
        if self._failure is not None:
            raise self._failure

    def _by_partition(self, messages: list[Any], now_s: float) -> dict[TopicAndPartition, list[Any]]:
        """The messages of each partition; errors among them are dealt with."""
        groups: dict[TopicAndPartition, list[Any]] = {}
        if any([message.error() is not None for message in messages]):  # noqa: C419  # a list is faster
            good = []
            for message in messages:
                error = message.error()
                if error is None:
                    good.append(message)
                else:
                    self._sort(groups, good)
                    good = []
                    self._on_message_error(message, error, now_s)
            messages = good
        self._sort(groups, messages)
        return groups

    def _sort(self, groups: dict[TopicAndPartition, list[Any]], messages: list[Any]) -> None:
        """Add to `groups`; a fetch brings many of one partition behind one another."""
        if not messages:
            return
        numbers = [message.partition() for message in messages]
        if self._one_topic:
            names: list[TopicAndPartition] = []
            changes = np.flatnonzero(np.diff(np.array(numbers))) + 1
            bounds = [0, *changes.tolist(), len(messages)]
            topic = messages[0].topic()
            names = [(topic, numbers[first]) for first in bounds[:-1]]
        else:
            both = [(message.topic(), number) for message, number in zip(messages, numbers, strict=True)]
            bounds = [0, *(i for i in range(1, len(both)) if both[i] != both[i - 1]), len(both)]
            names = [both[first] for first in bounds[:-1]]
        for name, first, behind in zip(names, bounds[:-1], bounds[1:], strict=True):
            self.at_end.pop(name, None)
            groups.setdefault(name, []).extend(messages[first:behind])

    def _batch(self, name: TopicAndPartition, messages: list[Any], received_s: float) -> RawBatch:
        offsets = np.array([message.offset() for message in messages], np.int64)
        stamps = np.array([message.timestamp()[1] for message in messages], np.int64) * 1_000
        values = [message.value() for message in messages]
        keys = [message.key() for message in messages]
        self._next[name] = int(offsets[-1]) + 1
        return RawBatch(*name, offsets, stamps, values, keys, received_s)

    def _on_message_error(self, message: Any, error: Any, now_s: float) -> None:
        code, name = error.code(), (message.topic(), message.partition())
        if code == self._codes._PARTITION_EOF:  # noqa: SLF001  # librdkafka's own codes begin so
            self.at_end[name] = now_s
            self._ends[name] = message.offset()
        elif code in {self._codes._AUTO_OFFSET_RESET, self._codes.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            self._failure = self._failure or self._gap(*name)
        else:
            self._on_error(error)

    def _on_error(self, error: Any) -> None:
        """Brokers that are away are waited for, those that refuse for a while; anything else ends the reading."""
        codes = self._codes
        passing = {
            codes._TRANSPORT, codes._ALL_BROKERS_DOWN, codes._TIMED_OUT, codes._RESOLVE, codes._WAIT_COORD,  # noqa: SLF001
            codes.COORDINATOR_NOT_AVAILABLE, codes.COORDINATOR_LOAD_IN_PROGRESS, codes.NOT_COORDINATOR,
            codes.LEADER_NOT_AVAILABLE, codes.NOT_LEADER_FOR_PARTITION, codes.REQUEST_TIMED_OUT, codes.BROKER_NOT_AVAILABLE,
            codes.FENCED_LEADER_EPOCH, codes.UNKNOWN_LEADER_EPOCH,
        }  # fmt: skip
        name, refused = error.name(), error.name() in REFUSED
        if error.code() == codes.GROUP_AUTHORIZATION_FAILED:
            self._unwatched(error)
            return
        if not error.fatal() and (error.retriable() or error.code() in passing or refused):
            self._errors += 1
            if refused:
                self._refused_s = self._refused_s or time.monotonic()
                self.trouble = f"{calm(error.str())}; {what_to_do(name)}"
            elif self.trouble is None or (self._refused_s is None and name != SILENT):
                self.trouble = calm(error.str())
            self._held |= self.at_end
            self.at_end.clear()
        elif self._failure is None:
            self._failure = self._refusal(f"{error.str()} ({name}){rights(name)}", name)

    def _hear_errors(self) -> None:
        """Those that wait between messages; nobody takes these any more."""
        for _ in range(BATCH_MESSAGES):
            message = self._client.poll(0)
            if message is None:
                return
            if message.error() is not None:
                self._on_message_error(message, message.error(), time.time())

    def _unwatched(self, error: Any) -> None:
        """The group may not be committed, which nothing here stands on."""
        group, self._group = self._group, None
        if group is not None:
            text = f"Kafka at {brokers_of(self._settings)} does not take how far the group '{group}' is, so its lag cannot be watched there"
            warnings.warn(f"{text}: {error.str()}{rights(error.name())}", HeadraceWarning, stacklevel=2)

    def _refusal(self, reason: str, code: str = "_AUTHENTICATION") -> TopicError:
        text = f"Kafka at {brokers_of(self._settings)} refuses to be read: {reason}"
        return TopicError(text, code=code, topics=sorted({topic for topic, _ in self._next}))

    def _probe(self) -> None:
        """See whether the brokers are back, and what is still at its end: librdkafka says an end once."""
        if not self._somebody_answers():
            return
        from confluent_kafka import KafkaException

        before = self._errors
        latest = [self._partition(topic, partition, self._partition_end) for topic, partition in self._next]
        try:
            found = self._client.offsets_for_times(latest, timeout=ANSWER_S)
        except KafkaException:
            return
        ends = {(at.topic, at.partition): at.offset for at in found if at.error is None}
        if self._errors == before and len(ends) == len(self._next):
            self.trouble = self._refused_s = None
            for name, since_s in self._held.items():
                if ends[name] <= max(self._next[name], self._ends.get(name, 0)):
                    self.at_end.setdefault(name, since_s)
            self._held.clear()

    def _somebody_answers(self) -> bool:
        """Whether a broker has answered a client of its own, which is asked again and again and never waited for."""
        from confluent_kafka.admin import AdminClient

        now_s = time.monotonic()
        if self._asked is None:
            if now_s - self._probed_s >= PROBE_S:
                self._probed_s = now_s
                self._asker = self._asker or AdminClient({**DEFAULTS, **self._settings}, logger=logger)
                self._asked = self._asker.describe_cluster(request_timeout=ANSWER_S)
            return False
        if not self._asked.done():
            return False
        answer, self._asked = self._asked, None
        return answer.exception() is None

    def _gap(self, topic: str, partition: int) -> HeadraceError:
        from confluent_kafka import KafkaException

        wanted = self._next[topic, partition]
        try:
            low, high = self._client.get_watermark_offsets(self._partition(topic, partition), timeout=10.0, cached=False)
        except KafkaException as error:
            reason = error.args[0].str()
            text = f"topic '{topic}' partition {partition} does not have offset {wanted}, and does not say what it has: {reason}"
            return OffsetGap(text, topic=topic, partition=partition, wanted=wanted, low=None, high=None)
        what = f"topic '{topic}' partition {partition} does not have offset {wanted}"
        if wanted < low:
            text = f"{what}: it begins at {low}, so offsets {wanted} to {low - 1} are lost to who reads Kafka alone"
        else:
            text = f"{what}: it ends before {high}, so it was made anew or cut since it was read last"
        return OffsetGap(text, topic=topic, partition=partition, wanted=wanted, low=low, high=high)


__all__ = ["Consumer", "OffsetGap", "RawBatch", "TopicError", "TopicMissing", "offsets_at", "partitions_of", "watermarks"]

"""What Kafka says of a topic: its partitions, where they begin and end, which offset an instant has.

Promises errors that name the brokers and what they have: `TopicMissing` for a topic that is not there, `TopicError` where no broker
answers, soon where none lets us in. `settings` are librdkafka's, with `bootstrap.servers`; those of a producer are let be. Nothing here
makes a topic.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, UserError, did_you_mean
from sources.refusals import Heard, rights, what_to_do

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Settings = Mapping[str, str | int | float | bool]
ANSWER_S = 10.0
REFUSED_S = 2.0
"""After so long without an answer nobody waits on for brokers that refuse the connection."""
SHOWN_TOPICS = 20
_VAGUE = {"_TRANSPORT", "_TIMED_OUT", "_ALL_BROKERS_DOWN"}

logger = logging.getLogger("headrace.kafka")
logger.addHandler(logging.NullHandler())


class TopicError(HeadraceError):
    """Kafka does not answer, or refuses what was asked."""


class TopicMissing(UserError):
    """A topic that Kafka does not have; its facts are `topic`, `brokers` and `known`."""


def brokers_of(settings: Settings) -> str:
    """The brokers that are named in the settings, for a text."""
    return str(settings.get("bootstrap.servers") or settings.get("metadata.broker.list") or "no broker")


def consumer_of(settings: Mapping[str, Any], group: str | None, on_error: Callable[[Any], None] | None = None, log: Any = logger) -> Any:
    """A consumer of librdkafka; what it would log goes to the logger `headrace.kafka`, or to `log`."""
    import confluent_kafka

    config: dict[str, Any] = {**settings, "group.id": group or "headrace"}
    if on_error is not None:
        config["error_cb"] = on_error
    try:
        return confluent_kafka.Consumer(config, logger=log)
    except confluent_kafka.KafkaException as error:
        found = error.args[0]
        text = f"the settings of Kafka are not understood: {found.str()}; [kafka.client] takes librdkafka's names"
        raise UserError(text, code=found.name()) from None


def partitions_of(settings: Settings, topic: str, timeout_s: float = ANSWER_S) -> list[int]:
    """The numbers of the topic's partitions.

    Raises `TopicMissing` where there is none of that name, `TopicError` where no broker answers within `timeout_s`.
    """
    with _asking(settings) as asker:
        return _partitions(asker, topic, timeout_s)


def watermarks(settings: Settings, topic: str, timeout_s: float = ANSWER_S) -> dict[int, tuple[int, int]]:
    """By partition the first offset that is there and the next that will be written. Raises as `partitions_of` does."""
    from confluent_kafka import TopicPartition

    with _asking(settings) as asker:
        numbers = _partitions(asker, topic, timeout_s)
        return {p: asker.client.get_watermark_offsets(TopicPartition(topic, p), timeout=timeout_s, cached=False) for p in numbers}


def offsets_at(settings: Settings, topic: str, time_us: int, timeout_s: float = ANSWER_S) -> dict[int, int]:
    """By partition the first offset whose message's timestamp is `time_us` or later, the end where there is none.

    Since arrival is the running maximum of the timestamps, it is the first that arrived then or later. Raises as `partitions_of` does.
    """
    from confluent_kafka import TopicPartition

    with _asking(settings) as asker:
        numbers = _partitions(asker, topic, timeout_s)
        asked = [TopicPartition(topic, p, max(0, -(-time_us // 1_000))) for p in numbers]
        found = {}
        for at in asker.client.offsets_for_times(asked, timeout=timeout_s):
            if at.error is not None:
                raise TopicError(f"topic '{topic}' partition {at.partition} at {brokers_of(settings)}: {at.error.str()}", topic=topic)
            found[at.partition] = at.offset
            if at.offset < 0:
                end = TopicPartition(topic, at.partition)
                found[at.partition] = asker.client.get_watermark_offsets(end, timeout=timeout_s, cached=False)[1]
        return found


@contextlib.contextmanager
def _asking(settings: Settings) -> Iterator[_Asker]:
    """A client for questions; what librdkafka cannot answer is a `TopicError`."""
    from confluent_kafka import KafkaException

    asker = _Asker(settings)
    try:
        yield asker
    except KafkaException as error:
        raise asker.failure(error.args[0]) from None
    finally:
        asker.client.close()


class _Asker:
    """A consumer that reads nothing, and what it hears while it asks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.heard = Heard(logger)
        self.client = consumer_of(settings, None, self.heard.error, self.heard)

    def topics(self, timeout_s: float, topic: str | None = None) -> Mapping[str, Any]:
        """The topics that there are for this user; with a `topic` that one, or why it is none. Raises `KafkaException`."""
        from confluent_kafka import KafkaException

        first_s = min(REFUSED_S, timeout_s)
        asked = {} if topic is None else {"topic": topic}
        try:
            found: Mapping[str, Any] = self.client.list_topics(**asked, timeout=first_s).topics
        except KafkaException:
            self.heard.listen(self.client)
            if self.heard.refused or timeout_s <= first_s:
                raise
            found = self.client.list_topics(**asked, timeout=timeout_s - first_s).topics
        return found

    def failure(self, error: Any) -> TopicError:
        """The error for a question that failed."""
        self.heard.listen(self.client)
        told = None if error.name() not in _VAGUE else self.heard.why()
        name, reason = told or (error.name(), error.str())
        brokers = brokers_of(self.settings)
        found = f"Kafka at {brokers} cannot be asked" if self.heard.refused else f"no Kafka answers at {brokers}"
        return TopicError(f"{found}: {reason}; {what_to_do(name)}", brokers=brokers, code=name)


def _partitions(asker: _Asker, topic: str, timeout_s: float) -> list[int]:
    found = asker.topics(timeout_s)
    if topic not in found:
        # one that the user has no right to is not among all of them
        found = {**found, **asker.topics(timeout_s, topic)}
    metadata, brokers = found.get(topic), brokers_of(asker.settings)
    if metadata is not None and metadata.error is None:
        return sorted(metadata.partitions)
    if metadata is not None and metadata.error.name() not in {"UNKNOWN_TOPIC_OR_PART", "TOPIC_EXCEPTION"}:
        name = metadata.error.name()
        raise TopicError(f"topic '{topic}' at {brokers}: {metadata.error.str()}{rights(name)}", topic=topic, code=name)
    known = sorted(name for name in found if not name.startswith("__") and name != topic)
    more = f" and {len(known) - SHOWN_TOPICS} more" if len(known) > SHOWN_TOPICS else ""
    has = f"it has: {', '.join(known[:SHOWN_TOPICS])}{more}" if known else "it has none"
    text = f"there is no topic '{topic}' at {brokers}{did_you_mean(topic, known)}; {has}"
    raise TopicMissing(text, topic=topic, brokers=brokers, known=known)

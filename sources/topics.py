"""What Kafka says of a topic: its partitions, where they begin and end, which offset an instant has.

Promises errors that name the brokers and what they have: `TopicMissing` for a topic that is not there, `TopicError` where no broker
answers. `settings` are librdkafka's, with `bootstrap.servers`; those of a producer are let be. Nothing here makes a topic.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Settings = Mapping[str, str | int | float | bool]
ANSWER_S = 10.0
SHOWN_TOPICS = 20

logger = logging.getLogger("headrace.kafka")
logger.addHandler(logging.NullHandler())


class TopicError(HeadraceError):
    """Kafka does not answer, or refuses what was asked."""


class TopicMissing(UserError):
    """A topic that Kafka does not have; its facts are `topic`, `brokers` and `known`."""


def brokers_of(settings: Settings) -> str:
    """The brokers that are named in the settings, for a text."""
    return str(settings.get("bootstrap.servers") or settings.get("metadata.broker.list") or "no broker")


def consumer_of(settings: Settings, group: str | None, on_error: Callable[[Any], None] | None = None) -> Any:
    """A consumer of librdkafka; what it would log goes to the logger `headrace.kafka`."""
    import confluent_kafka

    config: dict[str, Any] = {**settings, "group.id": group or "headrace"}
    if on_error is not None:
        config["error_cb"] = on_error
    try:
        return confluent_kafka.Consumer(config, logger=logger)
    except confluent_kafka.KafkaException as error:
        found = error.args[0]
        text = f"the settings of Kafka are not understood: {found.str()}; [kafka.client] takes librdkafka's names"
        raise UserError(text, code=found.name()) from None


def partitions_of(settings: Settings, topic: str, timeout_s: float = ANSWER_S) -> list[int]:
    """The numbers of the topic's partitions.

    Raises `TopicMissing` where there is none of that name, `TopicError` where no broker answers within `timeout_s`.
    """
    with _asking(settings) as client:
        return _partitions(client, settings, topic, timeout_s)


def watermarks(settings: Settings, topic: str, timeout_s: float = ANSWER_S) -> dict[int, tuple[int, int]]:
    """By partition the first offset that is there and the next that will be written. Raises as `partitions_of` does."""
    from confluent_kafka import TopicPartition

    with _asking(settings) as client:
        numbers = _partitions(client, settings, topic, timeout_s)
        return {p: client.get_watermark_offsets(TopicPartition(topic, p), timeout=timeout_s, cached=False) for p in numbers}


def offsets_at(settings: Settings, topic: str, time_us: int, timeout_s: float = ANSWER_S) -> dict[int, int]:
    """By partition the first offset whose message's timestamp is `time_us` or later, the end where there is none.

    Since arrival is the running maximum of the timestamps, it is the first that arrived then or later. Raises as `partitions_of` does.
    """
    from confluent_kafka import TopicPartition

    with _asking(settings) as client:
        numbers = _partitions(client, settings, topic, timeout_s)
        asked = [TopicPartition(topic, p, max(0, -(-time_us // 1_000))) for p in numbers]
        found = {}
        for at in client.offsets_for_times(asked, timeout=timeout_s):
            if at.error is not None:
                raise TopicError(f"topic '{topic}' partition {at.partition} at {brokers_of(settings)}: {at.error.str()}", topic=topic)
            found[at.partition] = at.offset
            if at.offset < 0:
                end = TopicPartition(topic, at.partition)
                found[at.partition] = client.get_watermark_offsets(end, timeout=timeout_s, cached=False)[1]
        return found


@contextlib.contextmanager
def _asking(settings: Settings) -> Iterator[Any]:
    """A client for a question; what librdkafka cannot answer is a `TopicError`."""
    from confluent_kafka import KafkaException

    reasons: list[str] = []
    client = consumer_of(settings, None, lambda error: reasons.append(error.str()))
    try:
        yield client
    except KafkaException as error:
        reason = reasons[0] if reasons else error.args[0].str()
        text = f"no Kafka answers at {brokers_of(settings)}: {reason}; see that it runs and that [kafka] brokers names it"
        raise TopicError(text, brokers=brokers_of(settings), code=error.args[0].name()) from None
    finally:
        client.close()


def _partitions(client: Any, settings: Settings, topic: str, timeout_s: float) -> list[int]:
    found = client.list_topics(timeout=timeout_s).topics
    if topic in found and found[topic].error is None:
        return sorted(found[topic].partitions)
    if topic in found and found[topic].partitions:
        raise TopicError(f"topic '{topic}' at {brokers_of(settings)}: {found[topic].error.str()}", topic=topic)
    known = sorted(name for name in found if not name.startswith("__"))
    more = f" and {len(known) - SHOWN_TOPICS} more" if len(known) > SHOWN_TOPICS else ""
    has = f"it has: {', '.join(known[:SHOWN_TOPICS])}{more}" if known else "it has none"
    text = f"there is no topic '{topic}' at {brokers_of(settings)}{did_you_mean(topic, known)}; {has}"
    raise TopicMissing(text, topic=topic, brokers=brokers_of(settings), known=known)

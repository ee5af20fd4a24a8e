"""The producer on a real broker: everything is written, in order, or it is said."""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING

import pytest

from headrace.errors import UserError
from sinks.producer import DeliveryError, Producer
from sources.consumer import Consumer
from tests.kafka.messages import read

if TYPE_CHECKING:
    from tests.kafka.broker import Broker


def values(broker: Broker, topic: str, partitions: int, count: int) -> list[list[bytes | None]]:
    """What stands in each partition of a topic, when so many messages do."""
    consumer = Consumer(broker.settings, {(topic, p): 0 for p in range(partitions)})
    found: list[list[bytes | None]] = [[] for _ in range(partitions)]
    try:
        for batch in read(consumer, count):
            found[batch.partition] += batch.values
        time.sleep(0.2)
        assert consumer.take(0.2) == []
    finally:
        consumer.close()
    return found


def test_everything_is_written_in_order_when_flush_returns(broker: Broker) -> None:
    topic = broker.topic(3)
    producer = Producer(broker.settings)
    sent = [(f"k{i % 7}".encode(), f"{i % 7}-{i:06d}".encode()) for i in range(3_000)]
    for key, value in sent:
        producer.send(topic, value, key)
    producer.flush()
    assert len(producer) == 0
    found = values(broker, topic, 3, len(sent))
    assert sorted(v for part in found for v in part if v) == sorted(value for _, value in sent)
    for part in found:
        for key in {value[:1] for value in part if value}:
            ours = [value for value in part if value and value[:1] == key]
            assert ours == sorted(ours)


def test_a_full_queue_blocks_and_loses_nothing(broker: Broker) -> None:
    topic = broker.topic()
    producer = Producer({**broker.settings, "queue.buffering.max.messages": 50, "linger.ms": 20})
    most = 0
    for i in range(2_000):
        producer.send(topic, b"%d" % i)
        most = max(most, len(producer))
    producer.flush()
    assert most <= 51
    assert values(broker, topic, 1, 2_000) == [[b"%d" % i for i in range(2_000)]]


def test_a_message_that_the_topic_refuses_is_said_at_flush(broker: Broker) -> None:
    topic = broker.topic(max_message_bytes=1_000)
    producer = Producer({**broker.settings, "compression.type": "none"})
    producer.send(topic, b"x" * 10_000, b"big")
    for _ in range(2):
        with pytest.raises(DeliveryError, match=rf"a message to topic '{topic}' at {broker.bootstrap} cannot be written: .* \(MSG_SIZE_TOO_LARGE\)") as found:
            producer.flush()
        assert found.value.facts == {"topic": topic, "key": b"big", "code": "MSG_SIZE_TOO_LARGE"}
    with pytest.raises(DeliveryError):
        producer.send(topic, b"small")
    producer.close()


def test_a_message_that_librdkafka_refuses_is_said_at_once(broker: Broker) -> None:
    producer = Producer(broker.settings)
    with pytest.raises(DeliveryError, match=r"cannot be written: .* \(MSG_SIZE_TOO_LARGE\)"):
        producer.send("t", b"x" * 3_000_000)


def test_a_topic_that_is_not_there(broker: Broker) -> None:
    producer = Producer({**broker.settings, "topic.metadata.propagation.max.ms": 300})
    producer.send("nowhere", b"x")
    with pytest.raises(DeliveryError, match=r"a message to topic 'nowhere' at .* cannot be written: .* \((UNKNOWN_TOPIC_OR_PART|_UNKNOWN_TOPIC)\)"):
        producer.flush()


def test_nobody_there_is_waited_for_so_long() -> None:
    producer = Producer({"bootstrap.servers": "127.0.0.1:9", "queue.buffering.max.messages": 2}, patience_s=0.5)
    producer.send("t", b"1")
    producer.send("t", b"2")
    for more in (functools.partial(producer.send, "t", b"3"), producer.flush):
        with pytest.raises(DeliveryError, match=r"2 messages to Kafka at 127.0.0.1:9 wait, none was written for 0.5 s: .*refused"):
            more()
    producer.close()


def test_settings_that_are_not_understood_are_the_users() -> None:
    with pytest.raises(UserError, match="the settings of Kafka are not understood: "):
        Producer({"bootstrap.servers": "127.0.0.1:9", "lingering.ms": 5})
    # what would let messages go is not the user's to set
    Producer({"bootstrap.servers": "127.0.0.1:9", "delivery.timeout.ms": 10, "enable.idempotence": False}).close()


def test_a_broker_that_is_killed_is_waited_for(broker: Broker) -> None:
    topic = broker.topic(2)
    # what would be lost after a second by a producer that lets go
    producer = Producer({**broker.settings, "delivery.timeout.ms": 1_000})
    for i in range(500):
        producer.send(topic, b"%05d" % i, b"k%d" % (i % 5))
    broker.kill()
    for i in range(500, 1_000):
        producer.send(topic, b"%05d" % i, b"k%d" % (i % 5))
    again = threading.Timer(2.0, broker.start)
    again.start()
    producer.flush()
    again.join()
    found = values(broker, topic, 2, 1_000)
    assert sorted(v for part in found for v in part if v) == [b"%05d" % i for i in range(1_000)]
    assert all(part == sorted(v for v in part if v) for part in found)

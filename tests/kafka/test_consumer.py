"""The consumer on a real broker: offsets that are told, gaps, ends, brokers that go away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from headrace.errors import UserError
from sources.consumer import Consumer, OffsetGap, RawBatch, TopicError
from tests.kafka.messages import read, told, wait_for, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.kafka.broker import Broker

Starts = dict[tuple[str, int], int]


class Consumers:
    """Makes consumers and closes them."""

    def __init__(self, broker: Broker) -> None:
        self.broker, self.made = broker, list[Consumer]()

    def __call__(self, starts: Mapping[tuple[str, int], int], group: str | None = None) -> Consumer:
        self.made.append(Consumer(self.broker.settings, starts, group=group))
        return self.made[-1]


@pytest.fixture
def consume(broker: Broker) -> Iterator[Consumers]:
    consumers = Consumers(broker)
    yield consumers
    for each in consumers.made:
        each.close()


def numbered(count: int, name: str = "v") -> list[bytes | None]:
    return [f"{name}{i}".encode() for i in range(count)]


def delete_before(broker: Broker, topic: str, offset: int) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    client = AdminClient(broker.settings)
    for future in client.delete_records([TopicPartition(topic, 0, offset)]).values():
        future.result(20)


def test_every_message_once_from_the_offsets_that_are_told(broker: Broker, consume: Consumers) -> None:
    one, two = broker.topic(2), broker.topic(1)
    write(broker, one, numbered(300, "a"), partition=0)
    write(broker, one, numbered(200, "b"), partition=1)
    write(broker, two, numbered(100, "c"))
    batches = read(consume({(one, 0): 10, (one, 1): 0, (two, 0): 99}), 491)
    expected = [(one, 0, i, f"a{i}".encode()) for i in range(10, 300)] + [(one, 1, i, f"b{i}".encode()) for i in range(200)]
    assert sorted(told(batches)) == sorted([*expected, (two, 0, 99, b"c99")])
    for batch in batches:
        assert batch.offsets.tolist() == sorted(batch.offsets.tolist())
        assert abs(batch.received_s - time.time()) < 60


def test_a_batch_holds_what_a_message_has(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic()
    write(broker, topic, [b"x", None, b""], times_ms=[5_000, 3_000, 9_000], key=lambda i: b"k" if i else None)
    values, keys, stamps = [], [], []
    for batch in read(consume({(topic, 0): 0}), 3):
        values += batch.values
        keys += batch.keys
        stamps += batch.timestamps_us.tolist()
    assert values == [b"x", None, b""]
    assert keys == [None, b"k", b"k"]
    assert stamps == [5_000_000, 3_000_000, 9_000_000]


def test_a_batch_is_no_longer_than_its_limit(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic()
    write(broker, topic, numbered(50))
    consumer = consume({(topic, 0): 0})
    sizes: list[int] = []
    while sum(sizes) < 50:
        sizes += [len(batch.offsets) for batch in consumer.take(1.0, limit=7)]
    assert max(sizes) <= 7


def test_the_end_is_seen_and_left(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic(2)
    write(broker, topic, numbered(5))
    consumer = consume({(topic, 0): 0, (topic, 1): 0})
    before = time.time()
    wait_for(lambda: len(consumer.at_end) == 2, consumer)
    assert all(before <= since <= time.time() for since in consumer.at_end.values())
    assert consumer.lag() == {(topic, 0): 0, (topic, 1): 0}
    first = dict(consumer.at_end)
    write(broker, topic, numbered(2))
    batches = wait_for(lambda: consumer.at_end.get((topic, 0), 0.0) > first[topic, 0], consumer)
    assert [offset for _, _, offset, _ in told(batches)] == [5, 6]
    assert consumer.at_end[topic, 1] == first[topic, 1]


def test_what_is_paused_goes_on_where_it_was(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic(2)
    write(broker, topic, numbered(3_000))
    consumer = consume({(topic, 0): 0, (topic, 1): 0})
    batches: list[RawBatch] = []
    until = time.monotonic() + 20
    while not batches:
        assert time.monotonic() < until
        batches += consumer.take(0.1, limit=100)
    consumer.pause([(topic, 0)])
    write(broker, topic, numbered(5), partition=1)
    assert [(partition, offset) for _, partition, offset, _ in told(read(consumer, 5))] == [(1, offset) for offset in range(5)]
    assert (topic, 0) not in consumer.at_end
    for _ in range(2):   # in the middle, then at the end
        consumer.resume([(topic, 0)])
        batches += wait_for(lambda: (topic, 0) in consumer.at_end, consumer)
        assert [offset for _, _, offset, _ in told(batches)] == list(range(3_000))
        consumer.pause([(topic, 0)])
        assert (topic, 0) not in consumer.at_end


def test_lag_is_what_was_not_taken(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic()
    write(broker, topic, numbered(40))
    consumer = consume({(topic, 0): 0})
    until = time.monotonic() + 20
    taken = 0
    while not taken:
        assert time.monotonic() < until
        taken = sum(len(batch.offsets) for batch in consumer.take(0.1, limit=10))
    assert consumer.lag() == {(topic, 0): 40 - taken}


def test_a_gap_below_names_what_is_lost(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic()
    write(broker, topic, numbered(10))
    delete_before(broker, topic, 6)
    with pytest.raises(OffsetGap) as found:
        wait_for(lambda: False, consume({(topic, 0): 2}))
    assert str(found.value) == f"topic '{topic}' partition 0 does not have offset 2: it begins at 6, so offsets 2 to 5 are lost to who reads Kafka alone"
    assert found.value.facts == {"topic": topic, "partition": 0, "wanted": 2, "low": 6, "high": 10}


def test_a_gap_above_is_a_topic_made_anew(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic()
    write(broker, topic, numbered(3))
    with pytest.raises(OffsetGap, match="does not have offset 9: it ends before 3, so it was made anew"):
        wait_for(lambda: False, consume({(topic, 0): 9}))


def test_a_gap_is_said_again(broker: Broker, consume: Consumers) -> None:
    topic = broker.topic()
    consumer = consume({(topic, 0): 9})
    for _ in range(2):
        with pytest.raises(OffsetGap):
            wait_for(lambda: False, consumer)


def test_a_topic_that_is_not_there_ends_the_reading(broker: Broker) -> None:
    settings = {**broker.settings, "topic.metadata.propagation.max.ms": 500}
    consumer = Consumer(settings, {("nowhere", 0): 0})
    try:
        with pytest.raises(TopicError, match="refuses to be read"):
            wait_for(lambda: False, consumer)
    finally:
        consumer.close()


def test_offsets_of_a_group_can_be_watched(broker: Broker, consume: Consumers) -> None:
    from confluent_kafka import Consumer as Other
    from confluent_kafka import TopicPartition

    topic = broker.topic(2)
    write(broker, topic, numbered(5))
    consumer = consume({(topic, 0): 0, (topic, 1): 0}, group="watched")
    read(consumer, 5)
    consumer.commit({(topic, 0): 3, (topic, 1): 0})
    other = Other({**broker.settings, "group.id": "watched"})
    asked = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    try:
        wait_for(lambda: [at.offset for at in other.committed(asked, timeout=10)] == [3, 0], consumer)
    finally:
        other.close()


def test_settings_that_are_not_understood_are_the_users() -> None:
    with pytest.raises(UserError, match=r'not understood: No such configuration property: "securty\.protocol"'):
        Consumer({"bootstrap.servers": "127.0.0.1:1", "securty.protocol": "SSL"}, {})


def test_brokers_that_go_away_are_waited_for(broker: Broker) -> None:
    """What was at its end is not while nobody knows, and is again, since then, when nothing came. The broker keeps data and port."""
    topic = broker.topic(2)
    write(broker, topic, numbered(3))
    consumer = Consumer(broker.settings, {(topic, 0): 0, (topic, 1): 0})
    try:
        wait_for(lambda: len(consumer.at_end) == 2, consumer)
        since = dict(consumer.at_end)
        broker.kill()
        wait_for(lambda: consumer.trouble is not None, consumer)
        assert consumer.at_end == {}
        broker.start()
        wait_for(lambda: consumer.trouble is None, consumer, within_s=60)
        wait_for(lambda: len(consumer.at_end) == 2, consumer)
        assert consumer.at_end == since
        write(broker, topic, numbered(2), partition=1)
        assert sorted(told(read(consumer, 2))) == [(topic, 1, 0, b"v0"), (topic, 1, 1, b"v1")]
    finally:
        consumer.close()

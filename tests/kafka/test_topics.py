"""What Kafka says of a topic, and errors that say what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.errors import UserError
from sources.consumer import TopicError, TopicMissing, offsets_at, partitions_of, watermarks
from tests.kafka.messages import write

if TYPE_CHECKING:
    from tests.kafka.broker import Broker


def test_partitions_and_their_bounds(broker: Broker) -> None:
    topic = broker.topic(3)
    write(broker, topic, [b"a", b"b"], partition=1)
    assert partitions_of(broker.settings, topic) == [0, 1, 2]
    assert watermarks(broker.settings, topic) == {0: (0, 0), 1: (0, 2), 2: (0, 0)}


def test_offsets_at_an_instant(broker: Broker) -> None:
    topic = broker.topic(2)
    write(broker, topic, [b"a", b"b", b"c"], times_ms=[1_000, 5_000, 3_000])
    assert offsets_at(broker.settings, topic, 1_000_000) == {0: 0, 1: 0}
    assert offsets_at(broker.settings, topic, 1_000_001) == {0: 1, 1: 0}
    assert offsets_at(broker.settings, topic, 6_000_000) == {0: 3, 1: 0}
    assert offsets_at(broker.settings, topic, -5) == {0: 0, 1: 0}


def test_a_missing_topic_is_a_mistake_that_names_the_nearest(broker: Broker) -> None:
    topic = broker.topic(name="purchases")
    wrong = topic.replace("purchases", "purchase")
    with pytest.raises(TopicMissing) as found:
        partitions_of(broker.settings, wrong)
    assert isinstance(found.value, UserError)
    assert str(found.value).startswith(f"there is no topic '{wrong}' at {broker.bootstrap} (did you mean '{topic}'?); it has: ")
    assert topic in found.value.known
    for ask in (lambda: watermarks(broker.settings, wrong), lambda: offsets_at(broker.settings, wrong, 0)):
        with pytest.raises(TopicMissing):
            ask()
    assert wrong not in partitions_known(broker)


def partitions_known(broker: Broker) -> list[str]:
    with pytest.raises(TopicMissing) as found:
        partitions_of(broker.settings, "surely not there")
    known: list[str] = found.value.known
    return known


def test_brokers_that_do_not_answer() -> None:
    settings = {"bootstrap.servers": "127.0.0.1:9"}
    with pytest.raises(TopicError) as found:
        partitions_of(settings, "t", timeout_s=1.0)
    assert str(found.value).startswith("no Kafka answers at 127.0.0.1:9: ")
    assert str(found.value).endswith("; see that it runs and that [kafka] brokers names it")

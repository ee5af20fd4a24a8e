"""Messages for tests: written to a real topic and waited for, or made up without a broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sources.consumer import RawBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sources.consumer import Consumer

Told = tuple[str, int, int, bytes | None]


class Kafka(Protocol):
    """A broker, or several."""

    @property
    def bootstrap(self) -> str:
        """The address for `bootstrap.servers`."""
        ...

    @property
    def settings(self) -> dict[str, str | int | float | bool]:
        """The least that a client is made with."""
        ...


def write(
    broker: Kafka,
    topic: str,
    values: Iterable[bytes | None],
    *,
    partition: int = 0,
    times_ms: Sequence[int] | None = None,
    key: Callable[[int], bytes | None] = lambda _: None,
) -> None:
    """Produce the messages to one partition, in their order; returns when the broker has them."""
    from confluent_kafka import Producer

    failed: list[Any] = []

    def done(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({**broker.settings, "enable.idempotence": True, "linger.ms": 5})
    for i, value in enumerate(values):
        # to librdkafka 0 is now
        producer.produce(topic, value, key(i), partition=partition, on_delivery=done, timestamp=0 if times_ms is None else times_ms[i])
        producer.poll(0)
    assert producer.flush(30) == 0
    assert failed == []


def read(consumer: Consumer, messages: int, within_s: float = 20.0) -> list[RawBatch]:
    """Take until so many messages are there."""
    found: list[RawBatch] = []
    until = time.monotonic() + within_s
    while sum(len(batch.offsets) for batch in found) < messages:
        assert time.monotonic() < until, f"{consumer.trouble}, {found}"
        found += consumer.take(0.05)
    return found


def wait_for(condition: Callable[[], object], consumer: Consumer, within_s: float = 20.0) -> list[RawBatch]:
    """Take until the condition holds."""
    found: list[RawBatch] = []
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"{consumer.trouble}, {consumer.at_end}"
        found += consumer.take(0.02)
    return found


def told(batches: Iterable[RawBatch]) -> list[Told]:
    """Topic, partition, offset and value of each message."""
    return [
        (batch.topic, batch.partition, int(offset), value)
        for batch in batches
        for offset, value in zip(batch.offsets, batch.values, strict=True)
    ]


def raw(values: Sequence[bytes | None], times_us: Sequence[int] | None = None, first: int = 0, topic: str = "t") -> RawBatch:
    """A batch as a consumer gives it."""
    stamps = np.array(times_us if times_us is not None else [0] * len(values), np.int64)
    return RawBatch(topic, 0, np.arange(first, first + len(values), dtype=np.int64), stamps, list(values), [None] * len(values), 0.0)

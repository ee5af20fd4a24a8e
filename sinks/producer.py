"""Messages to Kafka that are written, in order, or said not to be.

Promises that when `flush` returns every message that was sent stands in its topic, messages of one partition in the order in which they
were sent, each once as long as the producer lives; after a crash some may come again. What cannot be written raises `DeliveryError` from
the next call, never later than `flush`. While brokers are away messages are kept and tried again without end; what waits is bounded, and
`send` blocks where the bound is reached, up to `patience_s` without any progress.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, UserError
from sources.refusals import SILENT, calm, rights
from sources.topics import Settings, brokers_of, logger

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_S = 120.0
POLL_S = 0.1
MESSAGES_PER_POLL = 100
OURS: Settings = {
    "enable.idempotence": True,   # in order and once, with acks of all replicas
    "message.timeout.ms": 0,      # a message is kept until it is written
    "delivery.report.only.error": True,
}
DEFAULTS: Settings = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",   # the one of Kafka's own clients, so that other topics of the same keys lie alike
    "queue.buffering.max.messages": 50_000,
    "queue.buffering.max.kbytes": 65_536,
}


class DeliveryError(HeadraceError):
    """A message that could not be written."""


class Producer:
    """Sends messages; may be used by several threads. `trouble` says why nothing goes on, while it does not."""

    def __init__(self, settings: Settings, *, patience_s: float = PATIENCE_S) -> None:
        """Connects in the background; raises `UserError` where `settings` are not librdkafka's."""
        import confluent_kafka

        self.trouble: str | None = None
        self.patience_s = patience_s
        self._settings = settings
        self._failure: DeliveryError | None = None
        self._error: Any = confluent_kafka.KafkaException
        self._sent = 0
        # librdkafka's other name for what must be ours
        given = {name: value for name, value in settings.items() if name != "delivery.timeout.ms"}
        config: dict[str, Any] = {**DEFAULTS, **given, **OURS, "error_cb": self._on_error, "on_delivery": self._delivered}
        try:
            self._client = confluent_kafka.Producer(config, logger=logger)
        except confluent_kafka.KafkaException as error:
            found = error.args[0]
            text = f"the settings of Kafka are not understood: {found.str()}; [kafka.client] takes librdkafka's names"
            raise UserError(text, code=found.name()) from None

    def __len__(self) -> int:
        """How many messages are not known to be written yet."""
        return len(self._client)

    def send(self, topic: str, value: bytes | None, key: bytes | None = None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Take one message; blocks while too many wait. Raises `DeliveryError` for this or an earlier one."""
        if self._failure is not None:
            raise self._failure
        self._sent += 1
        if self._sent % MESSAGES_PER_POLL == 0:
            self._client.poll(0)
        since: tuple[float, int] | None = None
        while True:
            try:
                self._client.produce(topic, value, key, headers=list(headers) if headers else None)
            except BufferError:
                since = self._progress(*(since or (time.monotonic(), len(self._client))))
                self._client.poll(POLL_S)
                self._refuse()
            except self._error as error:
                raise self._refusal(topic, key, error.args[0]) from None
            else:
                return

    def flush(self) -> None:
        """Return when everything that was sent is written; raises `DeliveryError` where something is not, or nothing goes on."""
        waited_s, left = time.monotonic(), len(self._client)
        while left:
            self._client.flush(POLL_S)
            self._refuse()
            waited_s, left = self._progress(waited_s, left)
        self._refuse()

    def close(self) -> None:
        """Drop what was not flushed."""
        self._client.purge()
        self._client.poll(0)

    def _progress(self, since_s: float, before: int) -> tuple[float, int]:
        """When something was written last, and how much is left."""
        now, left = time.monotonic(), len(self._client)
        if left < before:
            self.trouble = None
            return now, left
        if now - since_s > self.patience_s:
            why = self.trouble or "no broker says why"
            text = f"{left} messages to Kafka at {brokers_of(self._settings)} wait, none was written for {self.patience_s:g} s: {why}"
            raise DeliveryError(text, waiting=left)
        return since_s, left

    def _refuse(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _delivered(self, error: Any, message: Any) -> None:
        """Librdkafka gives a message up only where trying again is of no use."""
        if error is not None and self._failure is None:
            self._failure = self._refusal(message.topic(), message.key(), error)

    def _refusal(self, topic: str, key: bytes | None, error: Any) -> DeliveryError:
        what = f"a message to topic '{topic}' at {brokers_of(self._settings)} cannot be written"
        text = f"{what}: {error.str()} ({error.name()}){rights(error.name())}"
        return DeliveryError(text, topic=topic, key=key, code=error.name())

    def _on_error(self, error: Any) -> None:
        if error.name() != SILENT or self.trouble is None:
            self.trouble = calm(error.str())
        if error.fatal() and self._failure is None:
            text = f"Kafka at {brokers_of(self._settings)} refuses messages: {error.str()} ({error.name()})"
            self._failure = DeliveryError(text, code=error.name())

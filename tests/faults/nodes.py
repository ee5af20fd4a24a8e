"""A Kafka of three nodes, each broker and controller, every partition on all three, of which two must have what is acknowledged.

Promises that any one node may be killed and started again; that no node outlives its process.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.kafka.broker import Broker, cluster_name

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

SETTINGS = """
node.id={number}
controller.quorum.voters={voters}
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
min.insync.replicas=2
default.replication.factor=3
"""
ANSWER_S = 30.0


class Nodes:
    """The three; a node's number is its place in `nodes` plus one."""

    def __init__(self, heap_mb: int = 384) -> None:
        name = cluster_name()
        self.nodes = [Broker(heap_mb=heap_mb, cluster=name, replicas=3) for _ in range(3)]
        voters = ",".join(f"{number}@127.0.0.1:{node.controller}" for number, node in enumerate(self.nodes, 1))
        for number, node in enumerate(self.nodes, 1):
            node.more = SETTINGS.format(number=number, voters=voters)
        self._stack = ExitStack()
        self._client: Any = None

    @property
    def bootstrap(self) -> str:
        """The addresses of all."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def settings(self) -> dict[str, str | int | float | bool]:
        """The least that a client is made with."""
        return {"bootstrap.servers": self.bootstrap}

    def __enter__(self) -> Self:
        # none answers before two of them run
        with ThreadPoolExecutor(3) as pool:
            for node in pool.map(self._stack.enter_context, self.nodes):
                assert node.pid
        until = time.monotonic() + ANSWER_S
        while len(self._admin().list_topics(timeout=5).brokers) < 3:
            assert time.monotonic() < until, "three nodes are not together"
            time.sleep(0.1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def topic(self, partitions: int, name: str) -> str:
        """Make a topic; its name."""
        return self.nodes[0].topic(partitions, name)

    def leader(self, topic: str, partition: int) -> int:
        """The number of the node that leads a partition, -1 for none."""
        return int(self._partition(topic, partition).leader)

    def in_sync(self, topic: str, partition: int) -> set[int]:
        """The numbers of the nodes that have all of it."""
        return set(self._partition(topic, partition).isrs)

    def _partition(self, topic: str, partition: int) -> Any:
        return self._admin().list_topics(topic, timeout=ANSWER_S).topics[topic].partitions[partition]

    def _admin(self) -> Any:
        import logging

        from confluent_kafka.admin import AdminClient

        quiet = logging.getLogger("headrace.tests.kafka")
        quiet.setLevel(logging.CRITICAL)
        self._client = self._client or AdminClient(self.settings, logger=quiet)
        return self._client

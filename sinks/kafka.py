"""Steps as a topic, for other systems: a step of the flow for the shards that come one way.

Each step of a group is a message of JSON, keyed by its entity, so that a compacted topic keeps the newest of each:

    key    {"buyer_id": 7}
    value  {"buyer_id": 7, "time": "2024-01-01T00:00:00.000000Z", "arrival": …, "n": 3, "views": 2, …}
    header id = <digest of the group>:<arrival>:<n>:<time>, times in microseconds

Promises that what was sent before a checkpoint is written before the checkpoint counts: at least once, in the order of an entity's steps,
and one that comes again has the same id. Features that change with the clock have their value at the step's own time. NaN and infinities
are null, binary is base64, durations are ISO 8601. `arrival` and `n` give their names to features of that name and are `_arrival` and `_n`
then.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.arrow import pc
from operators.keys import words_of
from operators.messages import End, Rows
from sinks.producer import DeliveryError, Producer
from sources.refusals import rights
from sources.topics import ANSWER_S, Settings, TopicError, TopicMissing, brokers_of, logger, partitions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.plan.model import GroupPlan, KeyPlan, Plan
    from operators.live import Keeper

NAME = "topic"
PARTITIONS = 8
ID = "id"
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_ENCODE = msgspec.json.Encoder().encode


class TopicStep(StatefulBatchLogic[Any, Any, None]):
    """Writes steps; `topics` are those of the groups, by name. A group without one is left out."""

    def __init__(self, plan: Plan, producer: Producer, topics: Mapping[str, str], keeper: Keeper | None = None) -> None:
        """Without a `keeper` everything is flushed at the end of every epoch."""
        self.groups = [StepMessages(plan.keys[group.key], group) for group in plan.groups]
        self.producer, self.topics, self.keeper = producer, topics, keeper
        self.shards: set[int] = set()

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        """Send what comes; blocks while too much waits. Raises `DeliveryError`, which ends the flow: a restart sends it again."""
        for value in values:
            if isinstance(value, End):
                self.shards.add(value.shard)
            elif isinstance(value, Rows):
                group = self.groups[value.group]
                topic = self.topics.get(group.name)
                if topic is not None:
                    for key, body, identity in group(value.batch):
                        self.producer.send(topic, body, key, [(ID, identity)])
        return [], False

    def snapshot(self) -> None:
        """Where a checkpoint waits, return when the topics have everything."""
        if self.keeper is None:
            self.producer.flush()
        elif waiting := [shard for shard in self.shards if self.keeper.awaits(shard, NAME)]:
            self.producer.flush()
            for shard in waiting:
                self.keeper.flushed(shard, NAME)


class StepMessages:
    """The messages of a group's steps."""

    def __init__(self, key: KeyPlan, group: GroupPlan) -> None:
        self.name, self.digest, self.keys = group.name, group.digest, list(key.names)
        self.features = [feature.name for feature in group.features]

    def __call__(self, batch: pa.RecordBatch) -> Iterable[tuple[bytes, bytes, bytes]]:
        """Key, value and id of every row of a finished batch of steps."""
        arrival, n = ("_arrival" if "arrival" in self.features else "arrival", "_n" if "n" in self.features else "n")
        names = [*self.keys, "time", arrival, n, *self.features]
        wanted = [*self.keys, "time", "_arrival", "_n", *self.features]
        columns = [_plain(batch.column(name)) for name in wanted]
        keys = len(self.keys)
        times, arrivals, counts = (words_of(batch.column(name)).tolist() for name in ("time", "_arrival", "_n"))
        for row, when, since, events in zip(zip(*columns, strict=True), times, arrivals, counts, strict=True):
            value = dict(zip(names, row, strict=True))
            key = _ENCODE(dict(zip(self.keys, row[:keys], strict=True)))
            yield key, _ENCODE(value), f"{self.digest}:{since}:{events}:{when}".encode()


def make_topic(settings: Settings, topic: str, partitions: int = PARTITIONS) -> bool:
    """Make the compacted topic where there is none, as replicated as the brokers make them; says whether it was made.

    One that stands is left as it is, whatever its settings. Raises `TopicError` where Kafka refuses or does not answer.
    """
    import confluent_kafka.admin

    admin: Any = confluent_kafka.admin
    client = admin.AdminClient(dict(settings), logger=logger)   # its answers end with it
    wanted = admin.NewTopic(topic, partitions, -1, config={"cleanup.policy": "compact"})
    try:
        client.create_topics([wanted], request_timeout=ANSWER_S, operation_timeout=ANSWER_S)[topic].result()
    except confluent_kafka.KafkaException as error:
        found = error.args[0]
        if found.code() == confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if found.name().endswith("AUTHORIZATION_FAILED"):
            with contextlib.suppress(TopicError, TopicMissing):
                return not partitions_of(settings, topic)   # somebody else made it: no right is needed then
        text = f"topic '{topic}' cannot be made at {brokers_of(settings)}: {found.str()}{rights(found.name())}"
        raise TopicError(text, topic=topic, code=found.name()) from None
    return True


def _plain(column: Any) -> list[Any]:
    """The values as JSON has them; times as text, whatever their year."""
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column, format=_ISO)
    found: list[Any] = column.to_pylist()
    return found


__all__ = ["DeliveryError", "Producer", "StepMessages", "TopicStep", "make_topic"]

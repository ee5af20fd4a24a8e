"""Steps as a topic: what the flow computes stands in it, keyed and in order."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from bytewax.errors import BytewaxRuntimeError

import headrace as hr
from headrace.archive import events_log
from headrace.archive.layout import TIMESTAMP
from headrace.plan import build
from operators.kernels import tables as t
from operators.keys import words_of
from operators.messages import End, Rows
from replay.run import Run
from sinks.kafka import DeliveryError, Producer, StepMessages, TopicStep, make_topic
from sinks.memory import Collected
from sources.consumer import TopicError, partitions_of
from tests.kafka.test_producer import values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.kafka.broker import Broker

buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
item = hr.Key("item", hr.Dimension("item"), "string")
clicks = hr.Source(
    "clicks", schema={"buyer_id": "int64", "item": "string", "price": "float64", "raw": "binary", "ts": "timestamp"}, time="ts", keys=[buyer, item]
)
pairs = hr.FeatureGroup(
    "pairs", key=[buyer, item], features={
        "views": clicks.count().over("1h"), "spend": clicks["price"].sum().over("1h"), "last": clicks["raw"].last().over("1h"),
        "at": clicks["ts"].last().over("1h"), "prices": clicks["price"].last_n(2).over("1h"), "n": clicks["price"].max().over("2h"),
    },
)  # fmt: skip
buyers = hr.FeatureGroup("buyers", key=buyer, features={"views": clicks.count().over("1h"), "idle_s": clicks.time_since_last()})
PLAN = build([pairs, buyers])


def events(count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    return [
        {"buyer_id": int(rng.integers(4)), "item": "abc"[rng.integers(3)], "price": float(rng.integers(9)), "raw": b"\xff\0", "ts": 1_700_000_000_000_000 + i * 7_000_000}
        for i in range(count)
    ]  # fmt: skip


def replayed(count: int, *sinks: tuple[str, Any]) -> None:
    """The flow over so many events, with steps coming out."""
    table = pa.Table.from_pylist(events(count), schema=clicks.schema)
    run = Run(PLAN, {"clicks": events_log(clicks, table)}, t.STEPS)
    run.execute(run.flow(list(sinks)))


class Kept:
    """A producer that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Sequence[tuple[str, bytes]]]] = []
        self.flushed = 0

    def send(self, topic: str, value: bytes | None, key: bytes | None = None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        self.sent.append((topic, value, key, headers))

    def flush(self) -> None:
        self.flushed = len(self.sent)


def step(producer: Any, topics: dict[str, str], keeper: Any = None) -> TopicStep:
    return TopicStep(PLAN, producer, topics, keeper)


def test_the_topic_has_the_steps_of_the_flow(broker: Broker) -> None:
    topic, other = broker.topic(3, cleanup_policy="compact"), broker.topic(1, cleanup_policy="compact")
    producer, collected = Producer(broker.settings), Collected()
    replayed(400, ("topic", lambda _: step(producer, {"pairs": topic, "buyers": other})), ("collect", collected.step))
    assert len(producer) == 0, "a replay ends with a snapshot"
    for number, (name, partitions) in enumerate(((topic, 3), (other, 1))):
        steps = [message for batch in collected.batches[number] for message in StepMessages(PLAN.keys[PLAN.groups[number].key], PLAN.groups[number])(batch)]
        found = values(broker, name, partitions, len(steps))
        assert sorted(v for part in found for v in part if v) == sorted(value for _, value, _ in steps)
        # the last of an entity is its newest: what a compacted topic keeps
        keys = PLAN.keys[PLAN.groups[number].key].names
        newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for part in found:
            seen: dict[tuple[Any, ...], tuple[Any, ...]] = {}
            for value in (json.loads(v) for v in part if v):
                entity, place = tuple(value[key] for key in keys), (value["arrival"], value.get("_n", value["n"]), value["time"])
                assert seen.get(entity, ("",)) <= place
                seen[entity] = place
            assert not newest.keys() & seen.keys(), "an entity is in one partition"
            newest |= seen
        assert len(newest) == (12 if number == 0 else 4)


def test_a_message() -> None:
    kept, collected = Kept(), Collected()
    replayed(3, ("topic", lambda _: step(kept, {"pairs": "p"})), ("collect", collected.step))
    assert {topic for topic, *_ in kept.sent} == {"p"}
    assert kept.flushed == len(kept.sent)
    batch = collected.batches[0][0]
    first = batch.slice(0, 1)
    row = first.to_pylist()[0]
    key, value = {"buyer_id": row["buyer_id"], "item": row["item"]}, json.loads(kept.sent[0][1] or b"")
    assert kept.sent[0][2] == json.dumps(key, separators=(",", ":")).encode()
    when = [int(words_of(first.column(name))[0]) for name in ("_arrival", "_n", "time")]
    assert list(kept.sent[0][3]) == [("id", f"{pairs.digest}:{when[0]}:{when[1]}:{when[2]}".encode())]
    text = row["time"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    # a feature is called n, so that the step's own is _n
    assert list(value) == ["buyer_id", "item", "time", "arrival", "_n", "views", "spend", "last", "at", "prices", "n"]
    assert value == {
        **key, "time": text, "arrival": row["_arrival"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "_n": 1, "views": 1, "spend": row["spend"], "last": base64.b64encode(b"\xff\0").decode(),
        "at": text, "prices": [row["spend"]], "n": row["spend"],
    }  # fmt: skip


def test_what_json_does_not_have() -> None:
    group = PLAN.groups[0]
    far = pa.array([2**62], pa.int64()).cast(TIMESTAMP)
    columns: dict[str, Any] = {
        "buyer_id": pa.array([1]), "item": pa.array(['"ü']), "time": far, "_arrival": far, "_n": pa.array([1]), "views": pa.array([None], pa.int64()), "spend": pa.array([float("nan")]),
        "last": pa.array([None], pa.binary()), "at": pa.array([None], TIMESTAMP), "prices": pa.array([[float("inf"), None]]), "n": pa.array([0.1]),
    }  # fmt: skip
    ((key, value, identity),) = StepMessages(PLAN.keys[group.key], group)(pa.RecordBatch.from_pydict(columns))
    found = json.loads(value)
    assert json.loads(key) == {"buyer_id": 1, "item": '"ü'}
    assert [found[name] for name in ("views", "spend", "last", "at", "prices", "n")] == [None, None, None, None, [None, None], 0.1]
    assert identity.endswith(f":{2**62}:1:{2**62}".encode())


def test_a_topic_is_made_once_and_compacted(broker: Broker) -> None:
    import confluent_kafka.admin

    kafka: Any = confluent_kafka.admin
    name = f"steps-{uuid.uuid4().hex[:6]}"
    assert make_topic(broker.settings, name, 3)
    assert not make_topic(broker.settings, name, 5)
    assert partitions_of(broker.settings, name) == [0, 1, 2]
    admin, resource = kafka.AdminClient(broker.settings), kafka.ConfigResource("topic", name)
    (future,) = admin.describe_configs([resource]).values()
    assert future.result(20)["cleanup.policy"].value == "compact"
    with pytest.raises(TopicError, match=r"topic 'not a name' cannot be made at 127\.0\.0\.1:\d+: "):
        make_topic(broker.settings, "not a name")


class Keeping:
    """A keeper of which one checkpoint in two waits for the sink."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.done: list[int] = []

    def awaits(self, shard: int, sink: str) -> bool:
        assert sink == "topic"
        self.asked.append(shard)
        return len(self.asked) % 2 == 0

    def flushed(self, shard: int, sink: str) -> None:
        assert sink == "topic"
        self.done.append(shard)


def test_a_checkpoint_waits_for_the_topic() -> None:
    kept, keeping = Kept(), Keeping()
    logic = step(kept, {"buyers": "b"}, keeping)
    rows = pa.RecordBatch.from_pydict({
        "buyer_id": pa.array([1]), "time": pa.array([5], TIMESTAMP), "_arrival": pa.array([6], TIMESTAMP), "_n": pa.array([1]), "views": pa.array([1]), "idle_s": pa.array([0.0]),
    })  # fmt: skip
    logic.on_batch([Rows(0, 1, rows), End(0, 9, checkpoint=False, last=False, counts={}), "what others send", None])
    logic.snapshot()
    assert (keeping.asked, keeping.done, kept.flushed) == ([9], [], 0)
    logic.snapshot()
    assert (keeping.asked, keeping.done, kept.flushed) == ([9, 9], [9], 1)


def test_what_cannot_be_written_ends_the_flow(broker: Broker) -> None:
    producer = Producer({**broker.settings, "topic.metadata.propagation.max.ms": 300})
    with pytest.raises(BytewaxRuntimeError) as found:
        replayed(50, ("topic", lambda _: step(producer, {"pairs": "nowhere"})))
    assert isinstance(found.value.__cause__, DeliveryError)
    producer.close()

"""A repository on a real broker, a producer of random events that may stop anywhere, and what its features must be.

Promises the same events for the same seed. The oracle is a loop over what Kafka holds, which shares no code with the flow: per user the events
in (event time, place), the windows by definition.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sources.consumer import Consumer, watermarks
from tests.kafka.messages import read, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.kafka.messages import Kafka

SECOND = 1_000_000
HOUR = 3600 * SECOND

DEFINITIONS = """
import headrace as hr
user = hr.Key("user_id", hr.Dimension("user"), "int64")
events = hr.Source(
    "{topic}", schema={{"id": "int64", "user_id": "int64", "amount": "int64", "ts": "timestamp[us]"}}, time="ts",
    lateness="10m", max_ahead="1h"{source},
)
activity = hr.FeatureGroup("activity", key=user, features={{
    "n": events.count().over(["10m", "1h"]), "total": events["amount"].sum().over(["10m", "1h"]), "top": events["amount"].max().over("1h"),
    "ever": events.count().over("ever"),
}})
"""
SETTINGS = """
[project]
name = "{project}"
[kafka]
brokers = "{brokers}"
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
"""


def make_repository(
    folder: Path, broker: Kafka, topic: str, project: str = "faults", more: str = "", *, source: str = "", brokers: str | None = None
) -> Path:
    """The repository in `folder`; `more` stands behind its settings, `source` behind the source's; `brokers` names others to be read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.py").write_text(DEFINITIONS.format(topic=topic, source=source))
    (folder / "headrace.toml").write_text(SETTINGS.format(brokers=brokers or broker.bootstrap, project=project) + more)
    return folder


@dataclass(frozen=True)
class Message:
    """One message as it is produced: `at_us` is its timestamp."""

    value: bytes
    key: bytes
    at_us: int
    partition: int


def messages(seed: int, count: int, partitions: int, start_us: int, users: int = 61) -> list[Message]:
    """Random events: late ones, too late ones, one of 2099, one in a hundred malformed, some twice."""
    rng = random.Random(seed)
    found: list[Message] = []
    at = start_us
    for number in range(count):
        at += rng.randint(0, 400) * 1000
        user = rng.randint(0, users - 1)
        behind = 0 if rng.random() < 0.7 else rng.randint(0, 900) * SECOND
        event = {"id": number, "user_id": user, "amount": rng.randint(0, 1000), "ts": at - behind}
        if number == count // 2:
            event["ts"] = 4_070_908_800 * SECOND
        text = json.dumps(event)
        if rng.random() < 0.01:
            text = rng.choice(["{", "[]", "nonsense", json.dumps(event | {"amount": "much"}), json.dumps(event | {"user_id": {}})])
        found.append(Message(text.encode(), str(user).encode(), at, user % partitions))
        if rng.random() < 0.02:
            found.append(found[-1])
    return found


def produce(broker: Kafka, topic: str, sent: Sequence[Message]) -> None:
    """Write messages and wait until the broker has them."""
    for partition in sorted({message.partition for message in sent}):
        mine = [message for message in sent if message.partition == partition]
        times = [message.at_us // 1000 for message in mine]
        write(broker, topic, [m.value for m in mine], partition=partition, times_ms=times, key=[m.key for m in mine].__getitem__)


def read_topic(broker: Kafka, topic: str) -> dict[int, list[tuple[int, int, bytes]]]:
    """Everything that a topic holds: (offset, timestamp in µs, value) by partition."""
    bounds = watermarks(broker.settings, topic)
    consumer = Consumer(broker.settings, {(topic, p): low for p, (low, _) in bounds.items()})
    try:
        batches = read(consumer, sum(high - low for low, high in bounds.values()))
    finally:
        consumer.close()
    found: dict[int, list[tuple[int, int, bytes]]] = {}
    for batch in batches:
        rows = zip(batch.offsets.tolist(), batch.timestamps_us.tolist(), batch.values, strict=True)
        found.setdefault(batch.partition, []).extend((offset, stamp, value or b"") for offset, stamp, value in rows)
    return found


def sloppy(seed: int, sent: Sequence[Message]) -> list[Message]:
    """What a producer without idempotence makes of them: requests that are tried again arrive twice, or behind a later one, or both."""
    rng = random.Random(seed)
    found: list[Message] = []
    late: list[tuple[int, list[Message]]] = []
    at = 0
    while at < len(sent):
        block = list(sent[at : at + rng.randint(1, 20)])
        at += len(block)
        what = rng.random()
        if what < 0.8:
            found += block
        if what > 0.6:
            late.append((at + rng.randint(1, 60), block))
        for due, again in [each for each in late if each[0] <= at or at >= len(sent)]:
            late.remove((due, again))
            found += again
    return found


def oracle(
    log: dict[int, list[tuple[int, int, bytes]]], now: Any, *, unique: bool = False
) -> tuple[dict[int, dict[str, int | None]], set[tuple[int, int]]]:
    """Values by user at the instants `now(user)`, and the places of the dead letters; `log` has (offset, timestamp, value) by partition.

    Where the source is `unique`, an event whose id came before within the lateness counts for nothing.
    """
    events: dict[int, list[tuple[int, int, int, int, int]]] = {}
    dead: set[tuple[int, int]] = set()
    known: dict[int, list[int]] = {}
    for partition, rows in log.items():
        newest = arrival = -(2**63)
        for offset, stamp, value in rows:
            arrival = max(arrival, stamp)
            event = _read(value)
            if event is None or event["ts"] > arrival + HOUR or (newest > -(2**63) and event["ts"] < newest - 600 * SECOND):
                dead.add((partition, offset))
                continue
            newest = max(newest, event["ts"])
            if unique:
                if any(abs(event["ts"] - before) <= 600 * SECOND for before in known.get(event["id"], [])):
                    continue
                known.setdefault(event["id"], []).append(event["ts"])
            events.setdefault(event["user_id"], []).append((event["ts"], arrival, partition, offset, event["amount"]))
    found: dict[int, dict[str, int | None]] = {}
    for user, mine in events.items():
        at = now(user)
        last = {size: [e[4] for e in mine if at - size < e[0] <= at] for size in (600 * SECOND, HOUR)}
        ten, hour = last[600 * SECOND], last[HOUR]
        found[user] = {
            "n_10m": len(ten), "n_1h": len(hour), "total_10m": sum(ten) if ten else None, "total_1h": sum(hour) if hour else None,
            "top": max(hour, default=None), "ever": len(mine),
        }  # fmt: skip
    return found, dead


def _read(value: bytes) -> dict[str, int] | None:
    try:
        event = json.loads(value)
    except ValueError:
        return None
    fits = isinstance(event, dict) and all(type(event.get(name)) is int for name in ("id", "user_id", "amount", "ts"))
    return event if fits else None

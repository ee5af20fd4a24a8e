"""`headrace run` with two processes on a real Kafka: one is killed, all go on from the checkpoint; a stop ends both; nothing has drifted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headrace.archiving import archive
from headrace.repository import Repository
from headrace.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka.broker import Broker

DEFINITIONS = """
import headrace as hr
user = hr.Key("user_id", hr.Dimension("user"), "int64")
events = hr.Source("events", topic={topic!r}, schema={{"user_id": "int64", "amount": "float64", "ts": "timestamp"}}, time="ts")
activity = hr.FeatureGroup("activity", key=user, features={{
    "n": events.count().over(["1m", "1h"]), "total": events["amount"].sum().over("1h"), "top": events["amount"].max().over("1h"),
}})
"""
SETTINGS = """
[project]
name = "cluster"
[kafka]
brokers = "{brokers}"
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
"""
USERS = 50


@pytest.fixture
def shop(broker: Broker, tmp_path: Path) -> Path:
    """A repository whose source reads a topic of four partitions."""
    topic = broker.topic(4, "events")
    (tmp_path / "definitions.py").write_text(DEFINITIONS.format(topic=topic))
    (tmp_path / "headrace.toml").write_text(SETTINGS.format(brokers=broker.bootstrap))
    return tmp_path


def produce(broker: Broker, topic: str, first: int, count: int) -> None:
    """Events of now, spread over the partitions and not by their user."""
    import confluent_kafka

    producer: Any = confluent_kafka.Producer(broker.settings | {"linger.ms": 5, "log_level": 0})
    for i in range(first, first + count):
        now = time.time_ns() // 1000
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now // 1_000_000))}.{now % 1_000_000:06d}Z"
        value = json.dumps({"user_id": i * 7 % USERS, "amount": i % 40 / 4, "ts": stamp})
        producer.produce(topic, value, partition=i % 4, timestamp=now // 1000)
        producer.poll(0)
    assert producer.flush(30) == 0


def until(what: str, found: Callable[[], Any], seconds: float = 40.0) -> Any:
    """What is found, once it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} has not come within {seconds:g} s")


def parts_of(process: int) -> list[int]:
    """The processes that a process has started."""
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_one_of_two_processes_is_killed(broker: Broker, shop: Path) -> None:
    repository = Repository(shop)
    topic = repository.sources["events"].topic
    produce(broker, topic, 0, 3000)

    def told() -> str:
        return (shop / "run.log").read_text()

    command = [sys.executable, "-c", "from headrace.cli.app import main; main()", "run", "activity", "--processes", "2", "--checkpoint-seconds", "1"]
    with (shop / "run.log").open("w") as log:
        running = subprocess.Popen(command, cwd=shop, stdout=log, stderr=log, env=os.environ.copy())
        try:
            until("a checkpoint", lambda: list(shop.rglob("complete-*.json")))
            parts = until("two processes", lambda: found if len(found := parts_of(running.pid)) == 2 else None)
            produce(broker, topic, 3000, 1000)
            os.kill(parts[1], signal.SIGKILL)
            until("a new start", lambda: "starting again from the checkpoint" in told())
            produce(broker, topic, 4000, 1000)
            again = until("two others", lambda: found if len(found := parts_of(running.pid)) == 2 and found != parts else None)
            assert not set(again) & set(parts)
            until("all events", lambda: seen(repository) == 5000)
            running.send_signal(signal.SIGTERM)
            assert running.wait(40) == 0, told()
        finally:
            running.kill()
            running.wait()
    assert "headrace: stopped (SIGTERM)" in told()
    assert "process 1 of the run ended with -9" in told()
    assert not any(Path(f"/proc/{pid}").exists() for pid in again)
    assert archive(repository, "events", once=True).rows == 5000
    found = verify(repository, "activity", n=1000)
    assert (found.entities, found.not_archived, found.differences) == (USERS, 0, ())


def seen(repository: Repository) -> int:
    """How many events the steps of the store have seen, all entities together."""
    from headrace.plan import build
    from operators.keys import words_of
    from sinks.online import N, open_store
    from sinks.stores import step_table

    plan = build([repository.groups["activity"]])
    table = step_table(plan.keys[0], plan.groups[0])
    store = open_store(repository.config.store_url("local"), read_only=True)
    try:
        return sum(int(words_of(batch.column(N)).sum()) for batch in store.scan(table))
    finally:
        store.close()

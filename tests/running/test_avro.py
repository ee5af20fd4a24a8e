"""A topic of Avro goes the whole way that one of JSON goes, and comes to the same: archive, replay, the run over to Kafka, dead letters.

Both topics hold the same events at the same places. On the way writers get a schema with one more field, and use both for a while.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from headrace.errors import StorageError
from headrace.repository import Repository
from operators.keys import words_of
from sinks.online import TIME, open_store
from tests.cli.conftest import headrace
from tests.faults.live import running, said, stop, until
from tests.faults.shop import messages, oracle, read_topic
from tests.kafka.messages import write
from tests.kafka.schemas import PASSWORD, Schemas
from tests.kafka.test_avro import record, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Ran
    from tests.faults.shop import Message
    from tests.kafka.broker import Broker

__all__ = ["headrace"]
DEFINITIONS = """
import headrace as hr
user = hr.Key("user_id", hr.Dimension("user"), "int64")

def group(name, topic, format):
    schema = {{"id": "int64", "user_id": "int64", "amount": "int64", {columns}"ts": "timestamp[us]"}}
    source = hr.Source(topic, schema=schema, time="ts", lateness="10m", max_ahead="1h", format=format)
    return source, hr.FeatureGroup(name, key=user, features={{
        "n": source.count().over(["10m", "1h"]), "total": source["amount"].sum().over(["10m", "1h"]), "top": source["amount"].max().over("1h"),
        "ever": source.count().over("ever"), {features}
    }})

clicks, json_activity = group("json_activity", "{json}", "json")
avro_clicks, avro_activity = group("avro_activity", "{avro}", "avro")
"""
SETTINGS = """
[project]
name = "{json}"
[kafka]
brokers = "{brokers}"
registry = {{ env = "REGISTRY" }}
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
"""
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
FIELDS: list[tuple[str, Any]] = [("id", "long"), ("user_id", "long"), ("amount", "int"), ("ts", MICROS)]
OLD, NEW, UNKNOWN = 7, 8, 99
SCHEMAS = {OLD: record(*FIELDS), NEW: record(*FIELDS[:3], ("bonus", ["null", "long"]), FIELDS[3])}
PARTITIONS = 2


def event_of(message: Message) -> dict[str, Any] | None:
    """The event, where the message is one that its source can read."""
    try:
        event = json.loads(message.value)
    except ValueError:
        return None
    fits = isinstance(event, dict) and all(type(event.get(name)) is int for name in ("id", "user_id", "amount"))
    return event if fits else None


def twins(sent: Sequence[Message], newer: bool) -> list[tuple[bytes, bytes]]:
    """The values of JSON and Avro; with `newer` every second writer knows the new field."""
    found = []
    for number, message in enumerate(sent):
        event = event_of(message)
        if event is None:
            # of what is no event in JSON there are as many kinds here
            body = written(SCHEMAS[OLD], {"id": 1, "user_id": 1, "amount": 1, "ts": 1}, UNKNOWN)
            found.append((message.value, [body, b"\1" + body[1:], written(SCHEMAS[OLD], {"id": 1, "user_id": 1, "amount": 1, "ts": 1}, OLD)[:-1]][number % 3]))
        elif newer and number % 2:
            event["bonus"] = None if number % 3 == 0 else number
            found.append((json.dumps(event).encode(), written(SCHEMAS[NEW], event, NEW)))
        else:
            found.append((message.value, written(SCHEMAS[OLD], event, OLD)))
    return found


def produce(broker: Broker, topics: tuple[str, str], sent: Sequence[Message], newer: bool = False) -> int:
    """Write both topics; the number of messages that are no events."""
    values = twins(sent, newer)
    for kind, topic in enumerate(topics):
        for partition in range(PARTITIONS):
            mine = [i for i, message in enumerate(sent) if message.partition == partition]
            write(broker, topic, [values[i][kind] for i in mine], partition=partition, times_ms=[sent[i].at_us // 1000 for i in mine])
    return sum(event_of(message) is None for message in sent)


def stored(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """The steps of every user in the store, by group; of each group those of its newest definition."""
    try:
        store = open_store(Repository(folder).config.store_url("local"), read_only=True)
    except StorageError:
        return {}   # not there yet, or just being made
    try:
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for table in store.tables():
            for batch in store.scan(table):
                times = words_of(batch.column(TIME)).tolist()
                found.setdefault(table.group, {}).update({row["user_id"]: row | {TIME: at} for row, at in zip(batch.to_pylist(), times, strict=True)})
        return found
    finally:
        store.close()


def events_in(folder: Path, group: str) -> int:
    return sum(row["ever"] or 0 for row in stored(folder).get(group, {}).values())


def test_avro_comes_to_what_json_comes_to(headrace: Callable[..., Ran], broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topics = (broker.topic(PARTITIONS, "json"), broker.topic(PARTITIONS, "avro"))
    names = dict(zip(("json", "avro"), topics, strict=True))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrace.toml").write_text(SETTINGS.format(brokers=broker.bootstrap, **names))
    (tmp_path / "definitions.py").write_text(DEFINITIONS.format(columns="", features="", **names))
    sent = messages(5, 1_200, PARTITIONS, int(time.time() * 1e6) - 3 * 3_600_000_000)
    told = []

    def archived() -> dict[str, Any]:
        both = [headrace("archive", topic, "--once", "--json") for topic in topics]
        assert [each.code for each in both] == [0, 0], both
        told.extend(both)
        counts = [{name: n for name, n in json.loads(each.out).items() if name not in {"source", "topic", "seconds", "files"}} for each in both]
        assert counts[0] == counts[1]
        return counts[1]

    def replayed() -> list[dict[str, Any]]:
        both = [Repository(tmp_path).replay(f"{kind}_activity", rows="steps").to_pylist() for kind in names]
        assert both[0] == both[1]
        return both[1]

    with Schemas() as registry:
        monkeypatch.setenv("REGISTRY", registry.url)
        registry.schemas[OLD] = SCHEMAS[OLD]
        bad = produce(broker, topics, sent[:600])
        first = archived()
        assert first["messages"] == 600
        assert first["dead"] >= bad > 0
        assert replayed()

        # the new schema is there first, then the column, then its messages
        registry.schemas[NEW] = SCHEMAS[NEW]
        features = '"bonus": source["bonus"].sum().over("ever"), "bonuses": source["bonus"].count().over("ever")'
        (tmp_path / "definitions.py").write_text(DEFINITIONS.format(columns='"bonus": "int64", ', features=features, **names))
        bad += produce(broker, topics, sent[600:], newer=True)
        log = read_topic(broker, topics[0])
        expected, dead = oracle(log, lambda user: stored(tmp_path)["avro_activity"][user][TIME] if stored(tmp_path) else 0)
        wanted = sum(row["ever"] or 0 for row in expected.values())
        with running(tmp_path, "run", "json_activity", "avro_activity", "--checkpoint-seconds", "0.5") as process:
            until(lambda: events_in(tmp_path, "json_activity") == events_in(tmp_path, "avro_activity") == wanted, tmp_path, process)
            stop(process, tmp_path)
        assert "the archive is replayed; over to Kafka, 4 partitions" in said(tmp_path)
        found = stored(tmp_path)
        assert found["avro_activity"] == found["json_activity"]
        expected, dead = oracle(log, lambda user: found["avro_activity"][user][TIME])
        assert {user: {name: row[name] for name in expected[user]} for user, row in found["avro_activity"].items()} == expected
        values = [event["bonus"] for rows in log.values() for _, _, v in rows if v.startswith(b'{"id"') and "bonus" in (event := json.loads(v))]
        assert sum(row["bonuses"] for row in found["avro_activity"].values()) > 0.8 * sum(value is not None for value in values) > 100

        second = archived()
        assert first["messages"] + second["messages"] == len(sent)
        assert first["dead"] + second["dead"] == len(dead)
        newest = {row["user_id"]: row for row in replayed()}
        assert {user: row["bonus"] for user, row in newest.items()} == {user: row["bonus"] for user, row in found["avro_activity"].items()}
        verified = headrace("verify", "avro_activity", "-n", "1000")
        assert verified.code == 0, verified

        listed = headrace("dead-letters", "list", topics[1], "-n", "1000", "--json")
        letters = json.loads(listed.out)
        assert {(each["partition"], each["offset"]) for each in letters} == dead
        told.append(listed)
        reasons = [each["reason"] for each in letters]
        unknown = reasons.count(f"the registry has no schema {UNKNOWN}")
        cut = sum(reason.startswith(f"not a record of schema {OLD}: ") for reason in reasons)
        magic = sum(reason.startswith("not Avro of a registry: it begins with 01 ") for reason in reasons)
        assert min(unknown, cut, magic) > 0
        assert unknown + cut + magic == bad

        # once the registry has it, its messages are rows
        registry.schemas[UNKNOWN] = SCHEMAS[OLD]
        retried = headrace("dead-letters", "retry", topics[1], "--reason", "the registry has no schema", "--json")
        assert json.loads(retried.out)["produced"] == unknown
        again = headrace("archive", topics[1], "--once", "--json")
        assert json.loads(again.out)["rows"] == unknown
        told += [retried, again]
    assert [each for each in told if PASSWORD in each.out + each.err or "%40" in each.out + each.err] == []
    assert PASSWORD not in said(tmp_path)

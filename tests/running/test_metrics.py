"""What a run says of itself: metrics by Prometheus' conventions, numbers of several processes as one, delays that mean something."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from headrace.errors import InvalidValue
from headrace.running.metrics import serving
from headrace.running.telling import Teller, Writing, numbers_of, written
from headrace.running.watch import Watch
from replay.processes import free_ports
from sources.partition import Place
from sources.reader import Ready

if TYPE_CHECKING:
    from pathlib import Path

COMPACTION = SimpleNamespace(states=2, seconds=1.5, written_bytes=77)
COUNTS = {
    "messages clicks": 12, "rows clicks": 7, "undecodable clicks": 2, "too late clicks": 1, "too far ahead of its arrival clicks": 1, "duplicate clicks": 1,
    "failed activity.rate": 3, "null activity.rate": 4, "null key clicks": 1, "overflow": 5,
}  # fmt: skip


@dataclass
class FakeReader:
    """A reader of two partitions, one of them behind."""

    lag: dict[tuple[str, int], int] = field(default_factory=lambda: {("t", 0): 0, ("t", 1): 9})
    consumer: Any = None

    def __post_init__(self) -> None:
        self.topics = {"clicks": "t"}
        place = SimpleNamespace(place=Place(5, int((time.time() - 30) * 1e6), 0))
        self.partitions = {("clicks", 0): place, ("clicks", 1): place}


class FakeWorker:
    """A worker that runs nothing."""

    def __init__(self) -> None:
        self.watch, self.readers = Watch(), [FakeReader()]
        self.keeper, self.producer = SimpleNamespace(written_bytes=1234, trouble=None, journal_rows=99, compaction=COMPACTION), None
        self.watch.gave(Ready(rows=7, counts=dict(COUNTS), caught_up=True))
        self.watch.sized(3, 20, 4000)
        self.watch.checkpoint = {"number": 4, "seconds": 0.25, "at": time.time() - 5}

    def numbers(self) -> dict[str, Any]:
        return numbers_of(self)   # type: ignore[arg-type]


def steps(*ages_s: float) -> pa.RecordBatch:
    arrivals = [int((time.time() - age) * 1e6) for age in ages_s]
    return pa.record_batch({"_arrival": pa.array(arrivals, pa.int64()).cast(pa.timestamp("us", tz="UTC"))})


def scrape(worker: Any) -> dict[str, float]:
    [port] = free_ports(1)
    with serving(worker, port), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_metrics_are_what_the_watch_has() -> None:
    worker = FakeWorker()
    worker.watch.caught_up_at = time.time() - 1
    worker.watch.wrote("activity", steps(0.0, 0.3, 50.0), 9)
    found = scrape(worker)
    assert found['headrace_messages_total{source="clicks"}'] == 12
    assert found['headrace_events_total{source="clicks"}'] == 7
    assert found['headrace_steps_total{group="activity"}'] == 9
    assert found['headrace_store_writes_total{group="activity"}'] == 3
    assert found['headrace_late_events_total{reason="too late",source="clicks"}'] == 1
    assert found['headrace_late_events_total{reason="too far ahead of its arrival",source="clicks"}'] == 1
    assert found['headrace_dead_letters_total{reason="undecodable",source="clicks"}'] == 2
    assert sum(n for name, n in found.items() if name.startswith("headrace_dead_letters_total")) == 4
    assert found['headrace_failed_values_total{feature="activity.rate"}'] == 3
    assert [name for name in found if name.startswith("headrace_null_values_total")] == ['headrace_null_values_total{feature="activity.rate"}']
    assert found['headrace_null_key_events_total{source="clicks"}'] == 1
    assert found["headrace_overflowed_values_total"] == 5
    assert found['headrace_lag_messages{partition="1",topic="t"}'] == 9
    assert found['headrace_lag_seconds{partition="0",topic="t"}'] == 0
    assert 29 < found['headrace_lag_seconds{partition="1",topic="t"}'] < 60
    assert found["headrace_event_to_online_seconds_count"] == 2
    assert found['headrace_event_to_online_seconds_bucket{le="0.25"}'] == 1
    assert found['headrace_event_to_online_seconds_bucket{le="+Inf"}'] == 2
    assert found["headrace_checkpoint_bytes_total"] == 1234
    assert found["headrace_checkpoint_journal_rows"] == 99
    assert [found[f"headrace_checkpoint_states{what}_total"] for what in ("", "_seconds", "_bytes")] == [2, 1.5, 77]
    assert found["headrace_checkpoint_duration_seconds"] == 0.25
    assert 5 <= found["headrace_checkpoint_age_seconds"] < 30
    assert (found["headrace_state_entities"], found["headrace_state_bytes"]) == (20, 4000)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = pytest.raises(InvalidValue, match=f"^metrics cannot be served at port {port}: Address already in use; --metrics-port takes another$")
        with told, serving(FakeWorker(), port):   # type: ignore[arg-type]
            pass


def test_what_waited_in_the_log_is_no_delay() -> None:
    watch = Watch()
    watch.wrote("activity", steps(9.0), 1)
    watch.gave(Ready(caught_up=True))
    watch.wrote("activity", steps(9.0, 8.0), 2)
    assert (watch.delays.last_s, watch.steps, watch.stored) == (None, {"activity": 3}, {"activity": 3})


def test_processes_are_told_of_together(tmp_path: Path) -> None:
    one, two = FakeWorker(), FakeWorker()
    two.keeper.trouble = "the disk is full"
    with Writing(one, tmp_path, 0), Writing(two, tmp_path, 1):   # type: ignore[arg-type]
        until = time.monotonic() + 20
        while len(list(tmp_path.glob("*.json"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    found = written(tmp_path, 2)
    assert (found["rows"], found["lag"], found["late"], found["caught_up"], found["trouble"]) == (14, 18, 4, True, "the disk is full")
    assert found["checkpoint"]["number"] == 4
    assert not written(tmp_path, 3)["caught_up"]
    json.dumps(found)


def test_rates_are_those_since_the_last_call() -> None:
    worker = FakeWorker()
    teller = Teller(worker)
    assert teller.now()["rows_per_s"] > 0
    assert teller.now()["rows_per_s"] == 0
    worker.watch.rows = 3   # a process that was started again
    assert teller.now()["rows_per_s"] == 0

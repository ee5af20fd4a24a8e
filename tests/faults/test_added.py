"""Partitions that a topic is given while a run reads it: the same run goes on with them, and no event of theirs is left out."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from functools import partial
from typing import TYPE_CHECKING

import pytest

from replay.processes import free_ports
from tests.faults.live import RUN, SEED, caught_up, judge, stop, until
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

# a run looks for new partitions once a minute
BEGIN = """
import headrace.running.added as added
added.LOOK_S = 0.5
from headrace.cli.app import main
main()
"""


def add_partitions(broker: Broker, topic: str, now: int) -> None:
    """Have a topic have so many."""
    from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

    client = AdminClient(dict(broker.settings))
    for made in client.create_partitions([NewPartitions(topic, now)]).values():
        made.result(30)


def _says(folder: Path, line: str) -> bool:
    return line in (folder / "run.log").read_text()


@pytest.mark.parametrize("processes", [1, 2])
def test_added_partitions_are_taken_up(broker: Broker, tmp_path: Path, processes: int) -> None:
    topic = broker.topic(2, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    begin_us = int(time.time() * 1e6) - 3 * 3600 * 1_000_000
    sent = messages(SEED, 1200, 2, begin_us)
    port = free_ports(processes)[0]
    command = [*RUN, "--processes", str(processes), "--metrics-port", str(port)]
    produce(broker, topic, sent[:600])
    with (folder / "run.log").open("a") as told:
        process = subprocess.Popen([sys.executable, "-P", "-c", BEGIN, *command], cwd=folder, stdout=told, stderr=told, text=True)
    try:
        caught_up(folder, read_topic(broker, topic), process)
        for before, now in ((2, 3), (3, 5)):
            add_partitions(broker, topic, now)
            line = f"headrace: topic {topic} has {now} partitions now, {before} before: going on with them\n"
            until(partial(_says, folder, line), folder, process)
            more = messages(SEED + now, 300, now, begin_us + now * 600_000_000)
            produce(broker, topic, more)
            log = read_topic(broker, topic)
            assert sorted(log) == list(range(now))
            caught_up(folder, log, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"headrace_caught_up 1.0" in answer.read()
        add_partitions(broker, topic, 6)
        until(partial(_says, folder, f"headrace: topic {topic} has 6 partitions now, 5 before"), folder, process)
        # in the middle of that
        stop(process, folder)
    finally:
        process.kill()
        process.wait()
    text = (folder / "run.log").read_text()
    assert (text.count("reading Kafka from"), text.count("going on from"), text.count("headrace: stopped (SIGTERM)")) == (1, 0, 1), text
    judge(folder, topic, log)

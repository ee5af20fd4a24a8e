"""kill -9 of a live run at random points, on a real broker: the store says what the log says, every dead letter is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from headrace.archive.letters import LetterBox
from headrace.repository import Repository
from headrace.running.starting import log_of
from operators.keys import words_of
from sinks.online import ARRIVAL, TIME, open_store
from tests.faults.shop import make_repository, messages, oracle, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

POINTS = int(os.environ.get("HEADRACE_FAULT_POINTS", "3"))
SEED = int(os.environ.get("HEADRACE_FAULT_SEED", "11"))


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    """A live run in a process of its own."""
    begin = "from headrace.cli.app import main; main()"
    command = [sys.executable, "-c", begin, "run", "activity", "--checkpoint-seconds", "0.5", *more]
    with (folder / "run.log").open("a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, text=True, start_new_session=True)


def test_a_run_that_is_killed_at_random_points(broker: Broker, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 6000, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    bounds = sorted(rng.sample(range(len(sent)), POINTS))
    for first, behind in zip([0, *bounds], [*bounds, len(sent)], strict=True):
        process = start(folder)
        produce(broker, topic, sent[first:behind])
        time.sleep(1.5 + 2.5 * rng.random())
        if behind < len(sent):
            process.kill()
            process.wait()
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, (folder / "run.log").read_text()

    log = read_topic(broker, topic)
    repository = Repository(folder)
    store = open_store(repository.config.store_url("local"), read_only=True)
    try:
        (table,) = store.tables()
        (batch,) = store.scan(table)
    finally:
        store.close()
    users = batch.column("user_id").to_pylist()
    at = dict(zip(users, words_of(batch.column(TIME)).tolist(), strict=True))
    expected, dead = oracle(log, lambda user: at[user])
    found: dict[int, dict[str, Any]] = {row["user_id"]: row for row in batch.to_pylist()}
    assert set(found) == set(expected)
    assert {user: {name: row[name] for name in expected[user]} for user, row in found.items()} == expected
    assert all(row[ARRIVAL] is not None for row in found.values())
    letters = LetterBox(log_of(repository, topic).folder).letters()
    assert {(letter.partition, letter.offset) for letter in letters} == dead
    assert {letter.value for letter in letters} == {v for p, rows in log.items() for o, _, v in rows if (p, o) in dead}

"""Commands in processes of their own on the shop's repository, and the judgement of what they left: store, topic, dead letters.

Promises that no process outlives the test that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any

from headrace.archive.letters import LetterBox
from headrace.errors import StorageError
from headrace.repository import Repository
from headrace.running.starting import checkpoints_of, log_of
from operators.keys import words_of
from sinks.online import ARRIVAL, TIME, open_store
from tests.faults.shop import oracle, read_topic
from tests.storage.samples import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka.messages import Kafka

POINTS = int(os.environ.get("HEADRACE_FAULT_POINTS", "2"))
SEED = int(os.environ.get("HEADRACE_FAULT_SEED", "11"))
Log = dict[int, list[tuple[int, int, bytes]]]
BEGIN = "from headrace.cli.app import main; main()"
RUN = ("run", "activity", "--checkpoint-seconds", "0.5")


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """A command in a process of its own; what it says is in a file named after it."""
    with (folder / f"{command[0]}.log").open("a") as log:
        return subprocess.Popen([sys.executable, "-P", "-c", BEGIN, *command], cwd=folder, stdout=log, stderr=log, text=True, start_new_session=True)


@contextlib.contextmanager
def running(folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """The same, killed at the end of the block where it still runs."""
    process = start(folder, *command)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stop(process: subprocess.Popen[str], folder: Path) -> None:
    """End it in good order."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, said(folder)


def done(folder: Path, *command: str) -> tuple[int, str]:
    """Run a command to its end: its exit code, and what it wrote to both outputs."""
    found = subprocess.run([sys.executable, "-P", "-c", BEGIN, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return found.returncode, found.stdout + found.stderr


def said(folder: Path) -> str:
    """What all commands have said, for a test that fails."""
    return "\n".join(f"--- {path.name}\n{path.read_text()[-4000:]}" for path in sorted(folder.glob("*.log")))


def steps(folder: Path) -> dict[int, dict[str, Any]]:
    """The newest step of every user, with `_time` and `_arrival` in microseconds; empty where there is no store yet."""
    repository = Repository(folder)
    url = repository.config.store_url("local")
    try:
        store = open_store(url, read_only=True)
    except StorageError:
        return {}   # not there yet, or just being made
    try:
        batches = [batch for table in store.tables() for batch in store.scan(table)]
    finally:
        store.close()
    found = {}
    for batch in batches:
        times, arrivals = (words_of(batch.column(name)).tolist() for name in (TIME, ARRIVAL))
        for row, at, arrival in zip(batch.to_pylist(), times, arrivals, strict=True):
            found[row["user_id"]] = row | {TIME: at, ARRIVAL: arrival}
    return found


def events_in(folder: Path) -> int:
    """How many events are in the steps of the store."""
    return sum(row["ever"] for row in steps(folder).values())


def caught_up(folder: Path, log: Log, *alive: subprocess.Popen[str], unique: bool = False) -> None:
    """Wait until every event of the log is in the store; the run is to be alive all the while."""
    expected, _ = oracle(log, lambda _: 0, unique=unique)
    wanted, end = sum(int(row["ever"] or 0) for row in expected.values()), time.monotonic() + 60
    while (found := events_in(folder)) != wanted:
        assert time.monotonic() < end, f"{found} of {wanted} events are in the store\n{said(folder)}"
        assert all(process.poll() is None for process in alive), said(folder)
        time.sleep(0.2)


def judge(folder: Path, topic: str, log: Log, *, unique: bool = False) -> None:
    """The store says what the log says, and every dead letter is there with its bytes."""
    found = steps(folder)
    expected, dead = oracle(log, lambda user: found[user][TIME] if user in found else 0, unique=unique)
    assert set(found) == set(expected), said(folder)
    assert {user: {name: row[name] for name in expected[user]} for user, row in found.items()} == expected, said(folder)
    letters = LetterBox(log_of(Repository(folder), topic).folder).letters()
    places = {(letter.partition, letter.offset) for letter in letters}
    assert (sorted(dead - places), sorted(places - dead)) == ([], []), said(folder)
    assert {letter.value for letter in letters} == {v for p, rows in log.items() for o, _, v in rows if (p, o) in dead}


def judge_archive(folder: Path, topic: str, log: Log) -> None:
    """Archived to its end, the log has every offset once, as a row or a dead letter, and a replay says what the store says."""
    code, told = done(folder, "archive", topic, "--once")
    assert code == 0, told
    found = log_of(Repository(folder), topic)
    times = Counter(zip(*rows_of(found, ["_partition", "_offset"]).to_pydict().values(), strict=True))
    assert set(times.values()) == {1}, "nothing is archived twice"
    dead = {(letter.partition, letter.offset) for letter in LetterBox(found.folder).letters()}
    assert times.keys() | dead == {(p, offset) for p, rows in log.items() for offset, _, _ in rows}
    code, told = done(folder, "verify", "activity", "-n", "1000", "--json")
    verified = json.loads(told[told.index("{") :])
    assert (code, verified["equal"], verified["not_archived"], verified["entities"]) == (0, verified["cells"], 0, verified["stored"]), told


def until(condition: Callable[[], object], folder: Path, *alive: subprocess.Popen[str], within_s: float = 60) -> None:
    """Wait until it holds; these processes are to be alive all the while."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s:g} s\n{said(folder)}"
        assert all(process.poll() is None for process in alive), said(folder)
        time.sleep(0.1)


def in_trouble(port: int) -> float:
    """What the metrics at a port say of trouble; a run that does not answer yet has none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
    except urllib.error.URLError:
        return 0.0
    return float(next(line.split()[1] for line in lines if line.startswith("headrace_in_trouble ")))


def archived(folder: Path, topic: str) -> int:
    """How many files the log has."""
    return sum(name.endswith(".parquet") for name in log_of(Repository(folder), topic).folder.tree())


def newest_checkpoint(folder: Path) -> int:
    """The number of the run's newest checkpoint that counts, 0 for none."""
    repository = Repository(folder)
    found = checkpoints_of(repository, [repository.groups["activity"]]).newest()
    return 0 if found is None else found.number


def messages_of_steps(broker: Kafka, topic: str) -> dict[int, dict[str, Any]]:
    """The newest message of every user in the topic of steps."""
    return {value["user_id"]: value for rows in read_topic(broker, topic).values() for value in (json.loads(v) for _, _, v in rows)}

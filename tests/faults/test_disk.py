"""A full disk, of the checkpoints, the archive, the online store: it is said, nothing is lost, and with room again all is complete."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from replay.processes import free_ports
from tests.faults.live import (
    POINTS,
    RUN,
    SEED,
    archived,
    caught_up,
    in_trouble,
    judge,
    judge_archive,
    newest_checkpoint,
    running,
    said,
    start,
    stop,
    until,
)
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.disk import Disk
    from tests.faults.shop import Message
    from tests.kafka.broker import Broker

FULL = "No space left on device"
ROUNDS = max(1, POINTS // 10)


def shop(
    broker: Broker, disk: Disk, tmp_path: Path, room: str, *, users: int = 61, rows: int = 1000, rounds: int = ROUNDS
) -> tuple[Path, str, list[list[Message]]]:
    """A repository with one of its folders on the small disk; its topic; and what is to be produced, in parts: two more than rounds."""
    print(f"HEADRACE_FAULT_SEED={SEED}")
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    (disk.path / room).mkdir()
    (folder / room).symlink_to(disk.path / room)
    sent = messages(SEED, rows * (rounds + 2), 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000, users)
    return folder, topic, [sent[i * rows : (i + 1) * rows] for i in range(rounds + 2)]


def troubles(folder: Path) -> list[str | None]:
    """What the run has said of trouble, line by line."""
    lines = (folder / "run.log").read_text().splitlines()
    return [json.loads(line)["trouble"] for line in lines if line.startswith("{")]


def counts_again(folder: Path, before: int, process: subprocess.Popen[str]) -> None:
    """Wait until a checkpoint newer than `before` counts."""
    until(lambda: newest_checkpoint(folder) > before, folder, process)


def test_checkpoints(broker: Broker, disk: Disk, tmp_path: Path) -> None:
    """Values go on while none can be written; one counts again when there is room, and a run that was killed goes on from an old one."""
    rng = random.Random(SEED)
    folder, topic, parts = shop(broker, disk, tmp_path, "state")
    [port] = free_ports(1)
    command = (*RUN, "--metrics-port", str(port))
    process = start(folder, *command)
    try:
        produce(broker, topic, parts[0])
        counts_again(folder, 0, process)
        for number, part in enumerate(parts[1:-1]):
            time.sleep(rng.random())
            disk.fill()
            produce(broker, topic, part)
            caught_up(folder, read_topic(broker, topic), process)
            until(lambda: in_trouble(port), folder, process)
            before = newest_checkpoint(folder)
            time.sleep(1.2)
            assert newest_checkpoint(folder) == before
            if number == 0:
                until(lambda: any(FULL in (text or "") for text in troubles(folder)), folder, process)
            if number % 2:
                process.kill()
                process.wait()
                process = start(folder, *command)
                until(lambda: in_trouble(port), folder, process)
            disk.free()
            counts_again(folder, before, process)
            until(lambda: not in_trouble(port), folder, process, within_s=5)
        stop(process, folder)
        process = start(folder, *RUN)
        produce(broker, topic, parts[-1])
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        stop(process, folder)
    finally:
        process.kill()
        process.wait()
    judge(folder, topic, log)


def test_archive(broker: Broker, disk: Disk, tmp_path: Path) -> None:
    """The archive says so and ends; dead letters that cannot be written hold the run's checkpoints back; both go on."""
    rng = random.Random(SEED)
    folder, topic, parts = shop(broker, disk, tmp_path, "archive")
    archive = ("archive", topic, "--roll-seconds", "0.3")
    with running(folder, *RUN) as process:
        for part in parts[:-1]:
            with running(folder, *archive) as archiving:
                files = archived(folder, topic)
                produce(broker, topic, part[:500])
                until(lambda files=files: archived(folder, topic) > files, folder, process, archiving)   # type: ignore[misc]
                time.sleep(0.5 * rng.random())
                disk.fill(rng.choice([0, rng.randint(1, 12_000)]))
                produce(broker, topic, part[500:])
                assert archiving.wait(30) == 1, said(folder)
            words = (folder / "archive.log").read_text().splitlines()[-1]
            assert (words.startswith("headrace: "), "cannot write" in words, FULL in words) == (True, True, True), words
            disk.fill()
            caught_up(folder, read_topic(broker, topic), process)
            time.sleep(0.6)
            before = newest_checkpoint(folder)
            time.sleep(1.2)
            assert newest_checkpoint(folder) == before
            disk.free()
            counts_again(folder, before, process)
        produce(broker, topic, parts[-1])
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        stop(process, folder)
    judge(folder, topic, log)
    judge_archive(folder, topic, log)


def test_online_store(broker: Broker, disk: Disk, tmp_path: Path) -> None:
    """The run says so and ends once the store needs more room than it has taken; with room again it goes on from its checkpoint."""
    # each time that it takes room it takes twice as much: a third time would be long in coming
    folder, topic, parts = shop(broker, disk, tmp_path, "online", users=50_000, rows=7000, rounds=1)
    for part in parts[:-1]:
        with running(folder, *RUN) as process:
            produce(broker, topic, part[:500])
            caught_up(folder, read_topic(broker, topic), process)
            disk.fill()
            produce(broker, topic, part[500:])
            assert process.wait(60) == 1, said(folder)
        words = (folder / "run.log").read_text().splitlines()[-1]
        assert (words.startswith("headrace: "), "the online store at" in words, FULL in words) == (True, True, True), words
        disk.free()
    produce(broker, topic, parts[-1])
    log = read_topic(broker, topic)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        stop(process, folder)
    judge(folder, topic, log)


def test_an_online_store_that_cannot_begin(disk: Disk) -> None:
    """It says so; in a process of its own, which must not die of it."""
    disk.fill()
    program = "import sys; from sinks.lmdb import LmdbStore; LmdbStore(sys.argv[1])"
    found = subprocess.run([sys.executable, "-c", program, str(disk.path / "online")], capture_output=True, text=True, check=False)
    assert (found.returncode, FULL in found.stderr.splitlines()[-1]) == (1, True), (found.returncode, found.stderr)

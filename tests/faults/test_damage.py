"""Checkpoints that somebody has damaged, on a real broker: said with the file's name, made anew from the log, by the run itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.live import RUN, SEED, caught_up, done, judge, running, said, stop
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker


def damage(folder: Path, kind: str, how: str) -> str:
    """Do so to the newest file of a kind; its name."""
    path = max((folder / "state").glob(f"*/*/{kind}-*"))
    whole = path.read_bytes()
    at = len(whole) // 2
    path.unlink()
    if how != "gone":
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        path.write_bytes({"cut": whole[:10], "flipped": flipped, "other": b"x" * len(whole)}[how])
    return path.name


@pytest.mark.parametrize("processes", ["1", "2"])
def test_damaged_checkpoints_are_made_anew(broker: Broker, tmp_path: Path, processes: str) -> None:
    """Known at the start, or only when it is read; the second start finds all in order."""
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, source=', unique="id"')
    sent = messages(SEED, 900, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    command = (*RUN, "--processes", processes)
    produce(broker, topic, sent[:300])
    for number, (kind, how) in enumerate([("", ""), ("state", "flipped"), ("ids", "other"), ("complete", "cut"), ("state", "gone")]):
        name = damage(folder, kind, how) if kind else ""
        if kind == "ids":
            # from here on it is made anew from the archive
            code, told = done(folder, "archive", topic, "--once")
            assert code == 0, told
        begun = len((folder / "run.log").read_text()) if kind else 0
        produce(broker, topic, sent[300 + 100 * number : 400 + 100 * number])
        log = read_topic(broker, topic)
        with running(folder, *command) as process:
            caught_up(folder, log, process, unique=True)
            time.sleep(1)
            stop(process, folder)
        told = (folder / "run.log").read_text()[begun:]
        assert name in told, (name, said(folder))
        assert (told.count("is damaged"), "panicked" in told) == (bool(name), False), said(folder)
        assert ("the archive is replayed" in told) == (kind == "complete" or how == "gone"), told
        judge(folder, topic, log, unique=True)

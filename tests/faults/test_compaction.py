"""Whole states are made beside a run on a real broker, which is killed and whose makers are: the store says what the log says."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.repository import Repository
from headrace.running.starting import checkpoints_of
from tests.faults import live
from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, running, said, start, stop, until
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    import pytest

    from headrace.running.checkpoints import Complete
    from tests.kafka.broker import Broker

OFTEN = "import headrace.running.compaction as c; c.SHORTEST_ROWS, c.ROW_BYTES, c.MOST_LINKS = 40, 10**12, 3; "


def test_a_run_and_its_makers_are_killed(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    monkeypatch.setattr(live, "BEGIN", OFTEN + live.BEGIN)
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 3000 + 1000 * POINTS, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    bounds = sorted(rng.sample(range(len(sent)), POINTS))
    for first, behind in zip([0, *bounds], bounds, strict=False):
        process = start(folder, *RUN)
        try:
            produce(broker, topic, sent[first:behind])
            until(lambda: makers(folder), folder, process)
            time.sleep(rng.random())
            for pid in makers(folder):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.5 + 2 * rng.random())
        finally:
            process.kill()
            process.wait()
        until(lambda: not makers(folder), folder)
    with running(folder, *RUN) as process:
        produce(broker, topic, sent[bounds[-1] :])
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        until(lambda: all(chain[0].is_base for chain in newest(folder).shards.values()), folder, process)
        stop(process, folder)
    assert makers(folder) == [], said(folder)
    judge(folder, topic, log)

    with running(folder, *RUN) as process:
        produce(broker, topic, sent[-200:])
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        stop(process, folder)
    judge(folder, topic, log)


def newest(folder: Path) -> Complete:
    """The newest checkpoint that counts."""
    repository = Repository(folder)
    found = checkpoints_of(repository, [repository.groups["activity"]]).newest()
    assert found is not None
    return found


def makers(folder: Path) -> list[int]:
    """The processes that make whole states for runs of this repository."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if b"headrace.running.maker" in (path / "cmdline").read_bytes() and (path / "cwd").resolve() == folder:
                found.append(int(path.name))
        except OSError:   # it has ended meanwhile
            continue
    return found

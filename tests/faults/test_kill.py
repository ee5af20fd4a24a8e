"""kill -9 of a live run at random points, on a real broker: the store says what the log says, and so does the topic of steps."""

from __future__ import annotations

import random
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from sinks.online import ARRIVAL
from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, messages_of_steps, running, start, steps, stop
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_a_run_that_is_killed_at_random_points(broker: Broker, tmp_path: Path, processes: str) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    project = f"faults-{topic}"   # the topic of steps is named after it
    folder = make_repository(tmp_path / "shop", broker, topic, project, "[steps]\ntopics = true\npartitions = 2\n")
    sent = messages(SEED, 3000 + 1000 * POINTS, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    bounds = sorted(rng.sample(range(len(sent)), POINTS))
    for first, behind in zip([0, *bounds], bounds, strict=False):
        process = start(folder, *RUN, "--processes", processes)
        try:
            produce(broker, topic, sent[first:behind])
            time.sleep(1 + 2.5 * rng.random())
        finally:
            process.kill()
            process.wait()
    with running(folder, *RUN, "--processes", processes) as process:
        produce(broker, topic, sent[bounds[-1] :])
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        stop(process, folder)
    judge(folder, topic, log)
    found, written = steps(folder), messages_of_steps(broker, f"{project}.activity.steps")
    names = ("n_10m", "n_1h", "total_10m", "total_1h", "top", "ever")
    assert {user: [row[name] for name in names] for user, row in written.items()} == {u: [row[name] for name in names] for u, row in found.items()}
    arrivals = {user: int(datetime.fromisoformat(row["arrival"]).timestamp() * 1e6 + 0.5) for user, row in written.items()}
    assert arrivals == {user: row[ARRIVAL] for user, row in found.items()}

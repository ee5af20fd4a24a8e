"""`headrace archive` and `headrace run` beside each other, both killed at random points: the log, the store and a replay say the same."""

from __future__ import annotations

import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, judge_archive, running, said, start, stop
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker


def test_archive_and_run_are_killed_beside_each_other(broker: Broker, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    archive = ("archive", topic, "--roll-seconds", "0.3")
    sent = messages(SEED, 3000 + 1000 * POINTS, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    last = len(sent) - 1000
    commands = {"archive": archive, "run": RUN}
    processes = {name: start(folder, *command) for name, command in commands.items()}
    try:
        bounds = sorted(rng.sample(range(last), POINTS))
        for first, behind in zip([0, *bounds], bounds, strict=False):
            produce(broker, topic, sent[first:behind])
            time.sleep(1 + 2 * rng.random())
            name = rng.choice(["archive", "run"])
            processes[name].kill()
            processes[name].wait()
            processes[name] = start(folder, *commands[name])
        produce(broker, topic, sent[bounds[-1] : last])
        log = read_topic(broker, topic)
        caught_up(folder, log, *processes.values())
        stop(processes["run"], folder)
        # it may have been started a moment ago, and end before it can end in good order
        processes["archive"].terminate()
        assert processes["archive"].wait(60) in {0, -signal.SIGTERM}, said(folder)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    judge(folder, topic, log)
    judge_archive(folder, topic, log)

    # without its state the run begins with the archive, and goes over to Kafka behind it
    shutil.rmtree(folder / "state")
    shutil.rmtree(folder / "online")
    produce(broker, topic, sent[last:])
    log = read_topic(broker, topic)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        stop(process, folder)
    assert "the archive is replayed; over to Kafka" in said(folder)
    judge(folder, topic, log)

"""Archive and run stand still for longer than their sessions and deliveries last, as a machine that sleeps; then they go on."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, judge_archive, messages_of_steps, running, said, steps, stop
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

ROUNDS = max(1, POINTS // 10)
MORE = """
[kafka.client]
"session.timeout.ms" = 1000
"heartbeat.interval.ms" = 300
"max.poll.interval.ms" = 1000
"message.timeout.ms" = 1500
[steps]
topics = true
"""


def test_processes_that_stand_still(broker: Broker, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    project = f"faults-{topic}"
    folder = make_repository(tmp_path / "shop", broker, topic, project, MORE)
    sent = messages(SEED, 1000 * (ROUNDS + 1), 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    archive = ("archive", topic, "--roll-seconds", "0.3")
    with running(folder, *archive) as archiving, running(folder, *RUN) as process:
        produce(broker, topic, sent[:1000])
        caught_up(folder, read_topic(broker, topic), process, archiving)
        for number in range(1, ROUNDS + 1):
            part = sent[number * 1000 : (number + 1) * 1000]
            at = rng.randint(0, len(part))
            produce(broker, topic, part[:at])
            time.sleep(0.2 * rng.random())
            for each in (process, archiving):
                each.send_signal(signal.SIGSTOP)
            produce(broker, topic, part[at:])
            time.sleep(2 + 2 * rng.random())
            for each in (process, archiving):
                each.send_signal(signal.SIGCONT)
            caught_up(folder, read_topic(broker, topic), process, archiving)
        log = read_topic(broker, topic)
        stop(process, folder)
        archiving.send_signal(signal.SIGTERM)
        assert archiving.wait(60) == 0, said(folder)
    judge(folder, topic, log)
    judge_archive(folder, topic, log)
    written = messages_of_steps(broker, f"{project}.activity.steps")
    assert {user: row["ever"] for user, row in written.items()} == {user: row["ever"] for user, row in steps(folder).items()}

"""Three nodes, of which one that leads is killed and started again, with a producer, an archive and a run beside each other."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, judge_archive, messages_of_steps, running, said, steps, stop, until
from tests.faults.nodes import Nodes
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

ROUNDS = max(2, POINTS // 5)


@pytest.mark.long
def test_leaders_that_are_killed(broker: Broker, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    with Nodes() as nodes:
        topic = nodes.topic(3, "faults")
        folder = make_repository(tmp_path / "shop", nodes, topic, more="[steps]\ntopics = true\n")
        sent = messages(SEED, 1500 * (ROUNDS + 1), 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
        archive = ("archive", topic, "--roll-seconds", "0.3")
        with running(folder, *archive) as archiving, running(folder, *RUN) as process:
            produce(nodes, topic, sent[:1500])
            caught_up(folder, read_topic(nodes, topic), process, archiving)
            for number in range(1, ROUNDS + 1):
                partition = rng.randrange(3)
                leader = nodes.leader(topic, partition)
                producer = threading.Thread(target=produce, args=(nodes, topic, sent[number * 1500 : (number + 1) * 1500]))
                producer.start()
                time.sleep(0.1 * rng.random())
                nodes.nodes[leader - 1].kill()
                until(lambda p=partition, was=leader: nodes.leader(topic, p) not in {was, -1}, folder, process, archiving)   # type: ignore[misc]
                producer.join()
                caught_up(folder, read_topic(nodes, topic), process, archiving)
                nodes.nodes[leader - 1].start()
                until(lambda: all(len(nodes.in_sync(topic, p)) == 3 for p in range(3)), folder, process, archiving)
            log = read_topic(nodes, topic)
            assert sum(map(len, log.values())) == len(sent[: 1500 * (ROUNDS + 1)])
            stop(process, folder)
            archiving.send_signal(signal.SIGTERM)
            assert archiving.wait(60) == 0, said(folder)
        judge(folder, topic, log)
        judge_archive(folder, topic, log)
        written = messages_of_steps(nodes, "faults.activity.steps")
        assert {user: row["ever"] for user, row in written.items()} == {user: row["ever"] for user, row in steps(folder).items()}

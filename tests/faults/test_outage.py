"""The broker is killed and started again under a live run and a producer: the run waits, and nothing is lost or taken twice."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, messages_of_steps, running, steps, stop
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker


def test_a_broker_that_dies_is_waited_for(mortal: Broker, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = mortal.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", mortal, topic, more="[steps]\ntopics = true\n")
    outages = max(1, POINTS // 5)
    count = 2000 * (outages + 1)
    sent = messages(SEED, count, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)[:count]
    with running(folder, *RUN) as process:
        produce(mortal, topic, sent[:2000])
        time.sleep(2 + rng.random())
        for outage in range(1, outages + 1):
            producer = threading.Thread(target=produce, args=(mortal, topic, sent[outage * 2000 : (outage + 1) * 2000]))
            producer.start()
            time.sleep(0.3 * rng.random())
            mortal.kill()
            time.sleep(rng.random())
            mortal.start()
            producer.join()
        log = read_topic(mortal, topic)
        caught_up(folder, log, process)
        stop(process, folder)
    assert sum(map(len, log.values())) == len(sent)
    judge(folder, topic, log)
    written = messages_of_steps(mortal, "faults.activity.steps")
    assert {user: row["ever"] for user, row in written.items()} == {user: row["ever"] for user, row in steps(folder).items()}

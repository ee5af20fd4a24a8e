"""The network between Kafka and archive and run is cut, swallows everything, or is slow: both wait, say so, and go on by themselves."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from replay.processes import free_ports
from tests.faults.door import Door
from tests.faults.live import POINTS, RUN, SEED, caught_up, in_trouble, judge, judge_archive, running, said, stop, until
from tests.faults.shop import make_repository, messages, produce, read_topic
from tests.kafka.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OUTSIDE = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},OUTSIDE://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},OUTSIDE://127.0.0.1:{door}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:PLAINTEXT
"""
# a client that hears nothing gives its connection up after so long
CLIENT = '[kafka.client]\n"socket.timeout.ms" = 2000\n"session.timeout.ms" = 6000\n'
PAUSES_S = {"cut": 3.0, "deaf": 6.0, "slow": 4.0}


@pytest.fixture
def behind(broker: Broker) -> Iterator[tuple[Broker, Door]]:
    """A broker, and the door by which all come who do not know its own port."""
    outside, entrance = free_ports(2)
    door = Door(entrance, outside)
    with Broker(heap_mb=256, more=OUTSIDE.format(port=outside, door=door.port)) as found:
        yield found, door
    door.shut()


def test_a_bad_network(behind: tuple[Broker, Door], tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    broker, door = behind
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, more=CLIENT, brokers=f"127.0.0.1:{door.port}")
    faults = ["cut", "deaf", "slow"] * (POINTS // 6) or ["cut"]
    rng.shuffle(faults)
    sent = messages(SEED, 1000 * (len(faults) + 1), 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    [port] = free_ports(1)
    archive = ("archive", topic, "--roll-seconds", "0.3")
    with running(folder, *archive) as archiving, running(folder, *RUN, "--metrics-port", str(port)) as process:
        produce(broker, topic, sent[:1000])
        caught_up(folder, read_topic(broker, topic), process, archiving)
        for number, fault in enumerate(faults, 1):
            part = sent[number * 1000 : (number + 1) * 1000]
            at = rng.randint(0, len(part))
            produce(broker, topic, part[:at])
            time.sleep(0.1 * rng.random())
            if fault == "cut":
                door.shut()
                until(lambda: in_trouble(port), folder, process, archiving)
            elif fault == "deaf":
                door.deaf()
            else:
                door.slow_s = 0.05
            produce(broker, topic, part[at:])
            time.sleep(PAUSES_S[fault] * rng.random())
            door.open()
            caught_up(folder, read_topic(broker, topic), process, archiving)
            until(lambda: not in_trouble(port), folder, process, archiving)
        log = read_topic(broker, topic)
        stop(process, folder)
        archiving.send_signal(signal.SIGTERM)
        assert archiving.wait(60) == 0, said(folder)
    assert door.passed_bytes > sum(len(value) for rows in log.values() for _, _, value in rows)
    judge(folder, topic, log)
    judge_archive(folder, topic, log)

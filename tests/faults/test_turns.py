"""Threads read and write while much comes, the flow's own while little does: all of it is computed, whoever has the turn."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.faults.live import RUN, SEED, caught_up, judge, said, stop
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

# turns change with nearly every burst, and each change is told
BEGIN = """
import sources.reader as reading
reading.MUCH_ROWS, reading.CALM_S = 30, 0.05
begin = reading.Reader.start
def start(self):
    print("a thread reads", flush=True)
    begin(self)
reading.Reader.start = start
from headrace.cli.app import main
main()
"""


def test_turns(broker: Broker, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 1500, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    with (folder / "run.log").open("a") as told:
        process = subprocess.Popen([sys.executable, "-P", "-c", BEGIN, *RUN], cwd=folder, stdout=told, stderr=told, text=True)
    try:
        at = 0
        while at < len(sent):
            rows = rng.choice([5, 40, 400])
            produce(broker, topic, sent[at : at + rows])
            at += rows
            time.sleep(rng.choice([0, 0.01, 0.1, 0.2]))
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        stop(process, folder)
    finally:
        process.kill()
        process.wait()
    assert (folder / "run.log").read_text().count("a thread reads") > 2, said(folder)
    judge(folder, topic, log)

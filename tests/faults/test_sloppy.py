"""A producer without idempotence: requests that arrive twice and out of order, for a source with `unique` and for one without.

The archive has every offset; store and replay count an identity once, or each time that it came; a kill -9 between changes nothing.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.live import POINTS, RUN, SEED, caught_up, judge, judge_archive, running, start, stop
from tests.faults.shop import make_repository, messages, oracle, produce, read_topic, sloppy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

KILLS = max(1, POINTS // 5)


@pytest.mark.parametrize("unique", [True, pytest.param(False, marks=pytest.mark.long)], ids=["unique", "plain"])
def test_what_comes_twice_and_out_of_order(broker: Broker, tmp_path: Path, unique: bool) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, source=', unique="id"' if unique else "")
    sent = sloppy(SEED, messages(SEED, 1500 * (KILLS + 1), 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000))
    bounds = sorted(rng.sample(range(len(sent)), KILLS))
    for first, behind in zip([0, *bounds], bounds, strict=False):
        process = start(folder, *RUN)
        try:
            produce(broker, topic, sent[first:behind])
            time.sleep(2 + rng.random())
        finally:
            process.kill()
            process.wait()
    with running(folder, *RUN) as process:
        produce(broker, topic, sent[bounds[-1] :])
        log = read_topic(broker, topic)
        caught_up(folder, log, process, unique=unique)
        stop(process, folder)
    counts = [sum(int(row["ever"] or 0) for row in oracle(log, lambda _: 0, unique=one)[0].values()) for one in (True, False)]
    assert counts[0] < 0.9 * counts[1], "many come twice"
    judge(folder, topic, log, unique=unique)
    judge_archive(folder, topic, log)

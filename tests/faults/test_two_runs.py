"""Two runs of the same groups on one state in a bucket: the second is refused, and takes over from one that stood still for too long."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from headrace.running.claims import LEASE_S
from tests.faults.live import RUN, SEED, caught_up, judge, judge_archive, newest_checkpoint, running, said, start, stop, until
from tests.faults.shop import make_repository, messages, produce, read_topic
from tests.faults.test_objects import OPTIONS, PLACES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.objects import BadObjects
    from tests.kafka.broker import Broker


@pytest.mark.long
def test_the_second_waits_and_the_first_learns_of_it(broker: Broker, bucket: str, bad: BadObjects, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    topic = broker.topic(3, "faults")
    more = PLACES.format(bucket=bucket, options=OPTIONS.format(url=bad.address))
    folder = make_repository(tmp_path / "shop", broker, topic, more=more)
    sent = messages(SEED, 3000, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    produce(broker, topic, sent[:1000])
    with running(folder, *RUN) as first:
        until(lambda: newest_checkpoint(folder), folder, first)
        refused = start(folder, *RUN)
        assert refused.wait(30) == 2, said(folder)
        assert f"the same groups run already, in process {first.pid} on host" in said(folder)
        assert first.poll() is None, said(folder)
        first.send_signal(signal.SIGSTOP)
        produce(broker, topic, sent[1000:2000])
        begun = time.monotonic()
        with running(folder, *RUN) as second:
            caught_up(folder, read_topic(broker, topic), second)
            assert time.monotonic() > begun + LEASE_S
            first.send_signal(signal.SIGCONT)
            assert first.wait(30) == 1, said(folder)
            assert f"another run of the same groups has taken over, in process {second.pid} on host" in (folder / "run.log").read_text()
            produce(broker, topic, sent[2000:])
            log = read_topic(broker, topic)
            caught_up(folder, log, second)
            before = newest_checkpoint(folder)
            until(lambda: newest_checkpoint(folder) > before, folder, second)
            stop(second, folder)
    # what was given back is taken without a wait
    with running(folder, *RUN) as third:
        before = newest_checkpoint(folder)
        until(lambda: newest_checkpoint(folder) > before, folder, third, within_s=30)
        stop(third, folder)
    assert (folder / "run.log").read_text().count("waiting 7 s for a sign of life") == 2
    assert "panicked" not in (folder / "run.log").read_text()
    judge(folder, topic, log)
    judge_archive(folder, topic, log)

"""Where a run begins, on a real broker: behind a gap only when it is told to, behind loaded history with no event lost or counted twice."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

from headrace.times import format_time
from tests.faults.live import RUN, SEED, Log, caught_up, done, judge, running, said, steps, stop
from tests.faults.shop import make_repository, messages, oracle, produce, read_topic
from tests.kafka.test_consumer import delete_before

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker


def begin_us() -> int:
    """Three hours ago, in whole milliseconds as Kafka's timestamps are."""
    return (int(time.time()) - 3 * 3600) * 1_000_000


def test_a_gap_is_named_and_accepted(broker: Broker, tmp_path: Path) -> None:
    topic = broker.topic(1, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 900, 1, begin_us())
    produce(broker, topic, sent[:300])
    code, told = done(folder, "archive", topic, "--once")
    assert code == 0, told
    produce(broker, topic, sent[300:])
    ((_, log),) = read_topic(broker, topic).items()
    delete_before(broker, topic, 500)
    code, told = done(folder, *RUN)
    assert (code, f"{topic} partition 0: offsets 300 to 499;" in told, "--accept-gap" in told) == (1, True, True), told
    assert not (folder / "online").exists()
    there: Log = {0: [row for row in log if not 300 <= row[0] < 500]}
    with running(folder, *RUN, "--accept-gap") as process:
        caught_up(folder, there, process)
        stop(process, folder)
    judge(folder, topic, there)


def test_a_gap_that_comes_while_it_runs(broker: Broker, tmp_path: Path) -> None:
    """The run ends in good order and says which offset is not there; what it had done stands."""
    topic = broker.topic(1, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 900, 1, begin_us())
    produce(broker, topic, sent[:300])
    log = read_topic(broker, topic)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        process.send_signal(signal.SIGSTOP)
        produce(broker, topic, sent[300:])
        delete_before(broker, topic, 500)
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 1, said(folder)
    told = (folder / "run.log").read_text()
    assert (told.splitlines()[-1].startswith("headrace: "), "offset 300" in told.splitlines()[-1], "panicked" in told) == (True, True, False), told
    judge(folder, topic, log)


def test_loaded_history_and_the_topic(broker: Broker, tmp_path: Path) -> None:
    """The topic begins within what was loaded; its messages up to there are left out."""
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 3000, 3, begin_us())
    # what arrives in one instant is loaded as a whole, or not at all
    upto = next(i for i in range(1500, len(sent)) if sent[i].at_us > sent[i - 1].at_us)
    for partition in range(3):
        mine = [message for message in sent[:upto] if message.partition == partition and oracle({0: [(0, message.at_us, message.value)]}, lambda _: 0)[0]]
        lines = [json.dumps(json.loads(message.value) | {"at": format_time(message.at_us)}) for message in mine]
        (folder / f"history-{partition}.jsonl").write_text("\n".join(lines) + "\n")
        code, told = done(folder, "load", topic, f"history-{partition}.jsonl", "--arrival", "at", "--partition", str(partition))
        assert (code, f": {len(lines):,} rows of 1 file" in told) == (0, True), told
    produce(broker, topic, sent[1000:])
    log: Log = {}
    for message in sent:
        rows = log.setdefault(message.partition, [])
        rows.append((len(rows), message.at_us, message.value))
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        time.sleep(1)
        stop(process, folder)
    found = steps(folder)
    expected, _ = oracle(log, lambda user: found[user]["_time"])
    assert {user: {name: row[name] for name in expected[user]} for user, row in found.items()} == expected, said(folder)

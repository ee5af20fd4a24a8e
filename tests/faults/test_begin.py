"""Where a run begins, on a real broker: behind a gap only when it is told to, behind loaded history with no event lost or counted twice."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

from headrace.repository import Repository
from headrace.running.starting import checkpoints_of
from headrace.times import format_time
from tests.faults.live import RUN, SEED, Log, caught_up, done, judge, judge_archive, newest_checkpoint, running, said, steps, stop, until
from tests.faults.shop import make_repository, messages, oracle, produce, read_topic
from tests.kafka.test_consumer import delete_before

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.shop import Message
    from tests.kafka.broker import Broker


def begin_us() -> int:
    """Three hours ago, in whole milliseconds as Kafka's timestamps are."""
    return (int(time.time()) - 3 * 3600) * 1_000_000


def accepts(folder: Path, topic: str, gap: str, there: Log) -> None:
    """A run names the gap, writes nothing, and goes on with what is there when it is told to."""
    code, told = done(folder, *RUN)
    assert (code, gap in told, "--accept-gap" in told) == (1, True, True), told
    assert not (folder / "online").exists()
    with running(folder, *RUN, "--accept-gap") as process:
        caught_up(folder, there, process)
        stop(process, folder)
    judge(folder, topic, there)


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
    accepts(folder, topic, f"{topic} partition 0: offsets 300 to 499;", {0: [row for row in log if not 300 <= row[0] < 500]})


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


def test_a_second_signal_ends_it_at_once(broker: Broker, tmp_path: Path) -> None:
    topic = broker.topic(1, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 300, 1, begin_us())
    produce(broker, topic, sent)
    log = read_topic(broker, topic)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.02)
        assert process.wait(60) == 128 + signal.SIGTERM, said(folder)
    told = (folder / "run.log").read_text()
    assert ("ended at once" in told.splitlines()[-1], "panicked" in told) == (True, False), told
    before = newest_checkpoint(folder)
    with running(folder, *RUN) as process:
        until(lambda: newest_checkpoint(folder) > before, folder, process)
        stop(process, folder)
    judge(folder, topic, log)


def test_loaded_history_and_the_topic(broker: Broker, tmp_path: Path) -> None:
    """The topic begins within what was loaded; its messages up to there are left out."""
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 3000, 3, begin_us())
    # what arrives in one instant is loaded as a whole, or not at all
    upto = next(i for i in range(1500, len(sent)) if sent[i].at_us > sent[i - 1].at_us)
    load(folder, topic, sent[:upto])
    produce(broker, topic, sent[1000:])
    log = offsets_from_0(sent)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        time.sleep(1)
        stop(process, folder)
    judge_steps(folder, log)


def load(folder: Path, source: str, sent: Sequence[Message]) -> None:
    """Load what can be used of these messages, into their partitions."""
    for partition in sorted({message.partition for message in sent}):
        mine = [message for message in sent if message.partition == partition and oracle({0: [(0, message.at_us, message.value)]}, lambda _: 0)[0]]
        lines = [json.dumps(json.loads(message.value) | {"at": format_time(message.at_us)}) for message in mine]
        (folder / f"history-{partition}.jsonl").write_text("\n".join(lines) + "\n")
        code, told = done(folder, "load", source, f"history-{partition}.jsonl", "--arrival", "at", "--partition", str(partition))
        assert (code, f": {len(lines):,} rows of 1 file" in told) == (0, True), told


def offsets_from_0(sent: Sequence[Message]) -> Log:
    """The log that holds these messages and nothing else."""
    log: Log = {}
    for message in sent:
        rows = log.setdefault(message.partition, [])
        rows.append((len(rows), message.at_us, message.value))
    return log


def judge_steps(folder: Path, log: Log) -> None:
    """The store says what the log says."""
    found = steps(folder)
    expected, _ = oracle(log, lambda user: found[user]["_time"])
    assert {user: {name: row[name] for name in expected[user]} for user, row in found.items()} == expected, said(folder)


def test_history_that_is_loaded_later(broker: Broker, tmp_path: Path) -> None:
    """The next run makes its state of it, and says so; the one after goes on. What Kafka has dropped by then is a gap."""
    topic = broker.topic(1, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 900, 1, begin_us())
    upto = next(i for i in range(300, len(sent)) if sent[i].at_us > sent[i - 1].at_us)
    produce(broker, topic, sent[upto:])
    with running(folder, *RUN) as process:
        caught_up(folder, read_topic(broker, topic), process)
        stop(process, folder)
    load(folder, topic, sent[:upto])
    log = offsets_from_0(sent)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        stop(process, folder)
    told = (folder / "run.log").read_text()
    assert f"headrace: rows were loaded into the log of '{topic}' since the state in " in told, told
    assert "was made: the state was made anew; the archive is replayed; over to Kafka, 1 partitions" in told, told
    judge_steps(folder, log)
    with running(folder, *RUN) as process:
        until(lambda: "going on from checkpoint" in (folder / "run.log").read_text(), folder, process)
        stop(process, folder)
    judge_steps(folder, log)
    # once more, and Kafka has dropped what only the state has
    (folder / "more.jsonl").write_text((folder / "history-0.jsonl").read_text().splitlines()[-1])
    assert done(folder, "load", topic, "more.jsonl", "--arrival", "at")[0] == 0
    before = newest_checkpoint(folder)
    delete_before(broker, topic, 100)
    code, told = done(folder, *RUN)
    why = f"headrace: rows were loaded into the log of '{topic}' since the state in "
    gap = f"was made, and it cannot be made anew as it was: Kafka has dropped what the archive lacks: {topic} partition 0: offsets 0 to 99;"
    assert (code, why in told, gap in told) == (1, True, True), told
    assert newest_checkpoint(folder) == before, "what is refused leaves the state"


def test_a_source_of_another_topic(broker: Broker, tmp_path: Path) -> None:
    """An archive is refused, a state made anew; with the old topic again both go on."""
    old, new = broker.topic(1, "old"), broker.topic(1, "new")
    folder = make_repository(tmp_path / "shop", broker, "events", source=f', topic="{old}"')
    produce(broker, old, messages(SEED, 300, 1, begin_us()))
    produce(broker, new, messages(SEED + 1, 700, 1, begin_us()))
    with running(folder, *RUN) as process:
        caught_up(folder, read_topic(broker, old), process)
        stop(process, folder)
    assert done(folder, "archive", "events", "--once")[0] == 0
    before = newest_checkpoint(folder)
    make_repository(folder, broker, "events", source=f', topic="{new}"')
    for command in (RUN, (*RUN, "--fresh"), ("archive", "events", "--once"), ("verify", "activity")):
        code, told = done(folder, *command)
        assert (code, f"holds messages of the topic '{old}', and source 'events' has the topic '{new}' now" in told) == (2, True), told
    assert done(folder, "replay", "activity", "--out", "rows")[0] == 0
    make_repository(folder, broker, "events", source=f', topic="{old}"')
    produce(broker, old, messages(SEED + 2, 100, 1, begin_us() + 600_000_000))
    with running(folder, *RUN) as process:
        caught_up(folder, read_topic(broker, old), process)
        stop(process, folder)
    assert newest_checkpoint(folder) > before
    judge_archive(folder, "events", read_topic(broker, old))
    # without an archive there is nothing that hinders
    (folder / "archive").rename(folder / "away")
    (folder / "online").rename(folder / "online-away")
    make_repository(folder, broker, "events", source=f', topic="{new}"')
    with running(folder, *RUN) as process:
        caught_up(folder, read_topic(broker, new), process)
        stop(process, folder)
    told = (folder / "run.log").read_text()
    assert f"is of the topic '{old}', and source 'events' has the topic '{new}' now: the state was made anew; reading Kafka from its" in told
    judge(folder, "events", read_topic(broker, new))


def test_a_gap_in_a_partition_without_a_file(broker: Broker, tmp_path: Path) -> None:
    """A partition was empty when the others were archived; its first messages are gone when the run begins with the archive."""
    topic = broker.topic(2, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 900, 2, begin_us())
    produce(broker, topic, [message for message in sent if message.partition == 1])
    assert done(folder, "archive", topic, "--once")[0] == 0
    produce(broker, topic, [message for message in sent if message.partition == 0])
    log = read_topic(broker, topic)
    delete_before(broker, topic, 50)
    accepts(folder, topic, f"{topic} partition 0: offsets 0 to 49;", {0: log[0][50:], 1: log[1]})


def test_a_state_that_cannot_be_made_is_told(broker: Broker, tmp_path: Path) -> None:
    topic = broker.topic(1, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, more='[state]\nuri = "taken"\n')
    (folder / "taken").write_text("")
    code, told = done(folder, *RUN)
    state = checkpoints_of(Repository(folder), [Repository(folder).groups["activity"]]).folder.uri
    text = f"headrace: cannot make the folder {state} for the state: Not a directory; [state] uri says where it is to be\n"
    assert (code, told) == (1, text)

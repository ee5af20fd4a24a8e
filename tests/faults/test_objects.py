"""Archive and checkpoints on an S3 that is slow, answers with errors, cuts connections and is away for seconds, with kill -9 between."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from headrace.archive import Folder
from headrace.errors import Unreachable
from headrace.running.checkpoints import Checkpoints
from headrace.running.kept import checkpoint_of
from headrace.running.packing import packed
from tests.faults.live import (
    POINTS,
    RUN,
    SEED,
    archived,
    caught_up,
    judge,
    judge_archive,
    newest_checkpoint,
    running,
    said,
    start,
    stop,
    until,
)
from tests.faults.shop import make_repository, messages, produce, read_topic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.objects import BadObjects
    from tests.kafka.broker import Broker

ROUNDS = max(1, POINTS // 5)
PLACES = """
[archive]
uri = "{bucket}/log"
options = {options}
[state]
uri = "{bucket}/state"
options = {options}
"""
# botocore's own patience would hide most of it
OPTIONS = '{{ key = "test", secret = "test", client_kwargs = {{ endpoint_url = "{url}" }}, config_kwargs = {{ retries = {{ max_attempts = 0 }} }} }}'


def refused(folder: Path, *command: str) -> None:
    """A command that is started while S3 is away ends, and says why."""
    process = start(folder, *command)
    assert process.wait(60) == 1, said(folder)
    words = (folder / f"{command[0]}.log").read_text().splitlines()[-1]
    assert (words.startswith("headrace: cannot "), "s3://" in words) == (True, True), words


def test_archive_and_run_on_a_bad_s3(broker: Broker, bucket: str, bad: BadObjects, tmp_path: Path) -> None:
    print(f"HEADRACE_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, more=PLACES.format(bucket=bucket, options=OPTIONS.format(url=bad.address)))
    sent = messages(SEED, 1000 * (ROUNDS + 1), 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    commands = {"archive": ("archive", topic, "--roll-seconds", "0.3"), "run": RUN}
    processes = {name: start(folder, *command) for name, command in commands.items()}
    try:
        for number in range(ROUNDS):
            files, counted, first = archived(folder, topic), newest_checkpoint(folder), number * 1000
            produce(broker, topic, sent[first : first + 500])
            until(lambda files=files, counted=counted: archived(folder, topic) > files and newest_checkpoint(folder) > counted, folder, *processes.values())   # type: ignore[misc]
            bad.ill = 0.2
            produce(broker, topic, sent[first + 500 : first + 1000])
            time.sleep(0.5 + rng.random())
            bad.is_down = True
            time.sleep(0.5 + 2 * rng.random())
            assert all(process.poll() is None for process in processes.values()), said(folder)
            name = rng.choice(["archive", "run"])
            processes[name].kill()
            processes[name].wait()
            if rng.random() < 0.5:
                refused(folder, *commands[name])
            bad.is_down, bad.ill = False, 0.0
            processes[name] = start(folder, *commands[name])
        produce(broker, topic, sent[ROUNDS * 1000 :])
        log = read_topic(broker, topic)
        caught_up(folder, log, *processes.values())
        before = newest_checkpoint(folder)
        until(lambda: newest_checkpoint(folder) > before, folder, *processes.values())
        stop(processes["run"], folder)
        processes["archive"].terminate()
        assert processes["archive"].wait(60) in {0, -signal.SIGTERM}, said(folder)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    print(bad.told)
    assert "made anew" not in said(folder)
    assert all(bad.told[what] for what in ("slow", "500", "503", "cut", "lost", "half")), bad.told
    judge(folder, topic, log)
    judge_archive(folder, topic, log)


@pytest.mark.long
def test_an_s3_that_is_away_for_long(broker: Broker, bucket: str, bad: BadObjects, tmp_path: Path) -> None:
    """The archive ends and says why; the run goes on with values, and with checkpoints once it is back."""
    topic = broker.topic(3, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, more=PLACES.format(bucket=bucket, options=OPTIONS.format(url=bad.address)))
    sent = messages(SEED, 3000, 3, int(time.time() * 1e6) - 3 * 3600 * 1_000_000)
    archive = ("archive", topic, "--roll-seconds", "0.3")
    with running(folder, *RUN) as process:
        with running(folder, *archive) as archiving:
            produce(broker, topic, sent[:1000])
            until(lambda: archived(folder, topic) and newest_checkpoint(folder), folder, process, archiving)
            bad.is_down = True
            produce(broker, topic, sent[1000:2000])
            assert archiving.wait(60) == 1, said(folder)
        words = (folder / "archive.log").read_text().splitlines()[-1]
        assert (words.startswith("headrace: cannot "), "s3://" in words) == (True, True), words
        produce(broker, topic, sent[2000:])
        log = read_topic(broker, topic)
        caught_up(folder, log, process)
        bad.is_down = False
        before = newest_checkpoint(folder)
        until(lambda: newest_checkpoint(folder) > before, folder, process)
        stop(process, folder)
    judge(folder, topic, log)
    judge_archive(folder, topic, log)


def test_what_others_write_is_seen(bucket: str) -> None:
    """A listing is not remembered: another process adds to a folder that was listed."""
    import boto3  # type: ignore[import-untyped]

    folder = Folder(f"{bucket}/log")
    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    client.put_object(Bucket=name, Key="log/day/one", Body=b"1")
    assert (folder.tree(), folder.child("day").names()) == (["day/one"], ["one"])
    client.put_object(Bucket=name, Key="log/day/two", Body=b"2")
    assert folder.content("day/two") == b"2"
    assert folder.child("day").open("two").read() == b"2"


def test_a_checkpoint_that_is_not_reached_is_not_given_up(bucket: str, bad: BadObjects) -> None:
    """Whatever S3 does to the first look at it, it is found whole, or not reached; never taken for one that cannot be read."""
    options = {"client_kwargs": {"endpoint_url": bad.address}, "config_kwargs": {"retries": {"max_attempts": 0}}}
    checkpoints, what = Checkpoints(f"{bucket}/state", options), {"shards": 1}
    checkpoints.begin(what)
    checkpoints.note_shards(7, 0, {0: [checkpoints.write_parts(7, 0, {0: packed("state")}, None)[0]]})
    checkpoints.note_part(7, 0, {}, [])
    assert checkpoints.complete(7, 1, 1) is not None
    bad.ill = 0.5
    found = []
    for _ in range(12):
        try:
            complete, unreadable = checkpoint_of(Checkpoints(f"{bucket}/state", options), what)
        except Unreachable:
            found.append("not reached")
        else:
            assert (complete is not None, unreadable) == (True, None)
            found.append("whole")
    assert {"not reached", "whole"} == set(found)
    bad.is_down = True
    with pytest.raises(Unreachable, match=rf"^cannot list {bucket}/state: "):
        checkpoint_of(Checkpoints(f"{bucket}/state", options), what)

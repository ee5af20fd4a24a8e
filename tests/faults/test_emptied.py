"""A store that was emptied, added or put back, on a real broker: the next run fills it or says what it lacks, and `verify` finds what it has lost."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from headrace.repository import Repository
from headrace.verifying import verify
from sinks.online import open_store
from tests.faults.live import RUN, SEED, caught_up, done, judge, messages_of_steps, newest_checkpoint, running, steps, stop, until
from tests.faults.shop import Message, make_repository, messages, produce, read_topic
from tests.faults.test_begin import begin_us
from tests.kafka.test_consumer import delete_before

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.live import Log
    from tests.kafka.broker import Broker

def runs(folder: Path, log: Log, *more: str) -> str:
    """What a run says that catches up with the log and is stopped."""
    told = folder / "run.log"
    before = len(told.read_text()) if told.exists() else 0
    with running(folder, *RUN, *more) as process:
        caught_up(folder, log, process)
        until(lambda: "headrace: " in told.read_text()[before:], folder, process)
        stop(process, folder)
    return told.read_text()[before:]


def test_an_emptied_store_is_filled(broker: Broker, tmp_path: Path) -> None:
    topic = broker.topic(2, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    produce(broker, topic, messages(SEED, 600, 2, begin_us()))
    log = read_topic(broker, topic)
    runs(folder, log)
    shutil.rmtree(folder / "online")
    code, told = done(folder, *RUN, "--dry-run")
    assert (code, "would start from beginning; the online store 'local' holds nothing of group 'activity'" in told) == (0, True), told
    assert not (folder / "online").exists()
    told = runs(folder, log)
    assert "the online store 'local' holds nothing of group 'activity': the state was made anew; reading Kafka from its beginning" in told
    judge(folder, topic, log)
    assert "going on from checkpoint" in runs(folder, log)


def test_an_added_store_and_topic_are_filled(broker: Broker, tmp_path: Path) -> None:
    """From the archive, which Kafka no longer has the beginning of."""
    topic = broker.topic(2, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic, topic)
    produce(broker, topic, messages(SEED, 600, 2, begin_us()))
    log = read_topic(broker, topic)
    runs(folder, log)
    assert done(folder, "archive", topic, "--once")[0] == 0
    delete_before(broker, topic, 100)
    settings = folder / "headrace.toml"
    settings.write_text(settings.read_text().replace('["local"]', '["local", "second"]') + '[stores.second]\nurl = "lmdb://second"\n')
    told = runs(folder, log)
    assert "the online store 'second' holds nothing of group 'activity': the state was made anew; the archive is replayed" in told
    url = Repository(folder).config.store_url("second")
    with closing(open_store(url, read_only=True)) as store:
        (table,) = store.tables()
        filled = [row for batch in store.scan(table) for row in batch.to_pylist()]
    assert {row["user_id"]: row["ever"] for row in filled} == {user: row["ever"] for user, row in steps(folder).items()}
    settings.write_text(settings.read_text() + "[steps]\ntopics = true\n")
    told = runs(folder, log)
    assert f"there is no topic '{topic}.activity.steps' of the steps of group 'activity': the state was made anew; the archive" in told
    assert set(messages_of_steps(broker, f"{topic}.activity.steps")) == set(steps(folder))
    judge(folder, topic, log)


def test_what_cannot_be_filled_is_told(broker: Broker, tmp_path: Path) -> None:
    """A state that Kafka has dropped the beginning of is worth more than the store: it is gone on with."""
    topic = broker.topic(1, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 600, 1, begin_us())
    last = Message(json.dumps({"id": 600, "user_id": 7, "amount": 1, "ts": sent[-1].at_us}).encode(), b"7", sent[-1].at_us, 0)
    produce(broker, topic, sent)
    log = read_topic(broker, topic)
    runs(folder, log)
    before = steps(folder)
    delete_before(broker, topic, 300)
    shutil.rmtree(folder / "online")
    with running(folder, *RUN) as process:
        produce(broker, topic, [last])
        until(lambda: 7 in steps(folder), folder, process)
        stop(process, folder)
    lacks = "holds nothing of group 'activity', and lacks every entity until its next step: a state made anew would lack what Kafka or the archive no longer has"
    assert f"; the online store 'local' {lacks}" in (folder / "run.log").read_text()
    found = steps(folder)
    assert set(found) < set(before)
    counts = {each: row["ever"] + (each == 7) for each, row in before.items() if each in found}
    assert {each: row["ever"] for each, row in found.items()} == counts, "the state is whole"


def late(folder: Path) -> dict[int, tuple[int | None, int]]:
    """By user, the events that the store knows of all that it is behind with, and those of the log."""
    found = verify(Repository(folder), "activity", n=1000)
    assert (found.checkpoint, found.equal) == (newest_checkpoint(folder), found.cells)
    assert found.sampled > 80
    return {each.entity["user_id"]: (each.online_n, each.log_n) for each in found.behind}


def test_a_store_that_was_put_back_is_found(broker: Broker, tmp_path: Path) -> None:
    """All of its cells are those of their place in the log; it is the place that is too old."""
    topic = broker.topic(2, "faults")
    folder = make_repository(tmp_path / "shop", broker, topic)
    sent = messages(SEED, 600, 2, begin_us(), users=90)
    produce(broker, topic, sent[:100])
    runs(folder, read_topic(broker, topic))
    shutil.copytree(folder / "online", folder / "older")
    older = steps(folder)
    produce(broker, topic, sent[100:400])
    runs(folder, read_topic(broker, topic))
    assert done(folder, "archive", topic, "--once")[0] == 0
    newer = steps(folder)
    assert late(folder) == {}
    (folder / "online").rename(folder / "newer")
    (folder / "older").rename(folder / "online")
    counts = {user: (older[user]["ever"] if user in older else None, row["ever"]) for user, row in newer.items()}
    lost = {user: pair for user, pair in counts.items() if pair[0] != pair[1]}
    assert len(set(newer) - set(older)) > 3, "some are not there at all"
    assert late(folder) == lost
    code, told = done(folder, "verify", "activity", "-n", "1000")
    line = f"behind the log at checkpoint {newest_checkpoint(folder)}: {len(lost)} of {len(newer)} entities\n"
    assert (code, line in told, "its run, stopped and started with --fresh, fills it" in told) == (1, True, True), told
    # what came behind the checkpoint is not asked for
    produce(broker, topic, sent[400:])
    assert done(folder, "archive", topic, "--once")[0] == 0
    assert set() < late(folder).items() <= lost.items()
    (folder / "online").rename(folder / "older")
    (folder / "newer").rename(folder / "online")
    assert late(folder) == {}
    shutil.rmtree(folder / "online")
    (folder / "older").rename(folder / "online")
    runs(folder, read_topic(broker, topic), "--fresh")
    assert late(folder) == {}

"""A real topic into its log: exactly once, whoever dies, whatever is in it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from headrace.archive import FileLog, Layout, OtherTopic, begun, load
from headrace.archive.append import Rolling
from headrace.archive.letters import LetterBox
from headrace.archiving import Archived, ArchiveGap, archive
from headrace.errors import StorageError
from headrace.lettering import dead_letters, retry
from headrace.repository import Repository
from headrace.showing import archive_of
from tests.archive.topic import DAY_US, click, folder_of, history
from tests.kafka.messages import write
from tests.storage.samples import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.kafka.broker import Broker

MAIN = "from headrace.cli.app import main; main()"
NOW_US = int(time.time()) * 1_000_000


def shop(folder: Path, broker: Broker, topic: str, archive: str = "archive", more: str = "") -> Repository:
    """A repository whose clicks come from a topic."""
    folder.mkdir(exist_ok=True)
    (folder / "clicks.py").write_text(
        "import headrace as hr\n"
        f'clicks = hr.Source("clicks", schema={{"uid": "int64", "item": "string", "ts": "timestamp[us]"{more}}}, time="ts", topic="{topic}")\n'
    )
    (folder / "headrace.toml").write_text(
        f'[project]\nname = "shop"\n[kafka]\nbrokers = "{broker.bootstrap}"\n[archive]\nuri = "{archive}"\n'
    )
    return Repository(folder)


def log_of(repository: Repository) -> FileLog:
    return FileLog(archive_of(repository), Layout.of(repository.sources["clicks"]))


def places(repository: Repository) -> Counter[tuple[int, int]]:
    """How often each partition and offset is in the log."""
    table = rows_of(log_of(repository), ["_partition", "_offset"])
    return Counter(zip(*table.to_pydict().values(), strict=True))


def dead_places(repository: Repository) -> list[str]:
    return [letter.place for letter in dead_letters(repository, "clicks")]


def once(repository: Repository, **more: Any) -> Archived:
    done = archive(repository, "clicks", once=True, **more)
    assert done.ended
    return done


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`headrace archive clicks` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", MAIN, "archive", "clicks", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment,
    )  # fmt: skip


def until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def numbered(numbers: Iterable[int]) -> list[bytes | None]:
    return [click(number, NOW_US + number) for number in numbers]


def test_a_topic_is_archived_and_goes_on(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(3)
    for partition in range(3):
        write(broker, topic, numbered(range(partition * 100, partition * 100 + 100)), partition=partition)
    repository = shop(tmp_path, broker, topic)
    done = once(repository)
    assert (done.messages, done.rows, done.dead, done.files, done.removed, done.topic) == (300, 300, 0, 3, 0, topic)
    assert once(repository).messages == 0
    write(broker, topic, numbered(range(900, 905)), partition=1)
    assert once(repository).rows == 5
    assert places(repository) == Counter([(p, offset) for p in range(3) for offset in range(105 if p == 1 else 100)])
    uids: list[Any] = rows_of(log_of(repository), ["uid"]).column(0).to_pylist()
    assert sorted(uids) == [*range(300), *range(900, 905)]
    assert committed(broker, "shop.archive.clicks", topic) == {0: 100, 1: 105, 2: 100}, "so that the lag can be watched"


def committed(broker: Broker, group: str, topic: str) -> dict[int, int]:
    from confluent_kafka import Consumer, TopicPartition

    client = Consumer({**broker.settings, "group.id": group})
    try:
        return {at.partition: at.offset for at in client.committed([TopicPartition(topic, p) for p in range(3)], timeout=10)}
    finally:
        client.close()


def test_malformed_messages_have_letters_and_are_tried_again(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    values = numbered(range(200))
    for bad in range(7, 200, 50):
        values[bad] = b'{"uid": "seven"}' if bad == 7 else b"\xff\xfe"
    values[20] = None
    values[30] = click(30, NOW_US - 3 * DAY_US)
    write(broker, topic, values, key=lambda i: f"k{i}".encode())
    repository = shop(tmp_path, broker, topic)
    done = once(repository)
    assert (done.messages, done.rows, done.dead, done.tombstones) == (200, 195, 5, 1)
    letters = dead_letters(repository, "clicks")
    assert [(letter.topic, letter.place, letter.key) for letter in letters] == [(topic, f"0/{at}", b"k%d" % at) for at in (7, 30, 57, 107, 157)]
    assert [letter.value for letter in letters[2:]] == [b"\xff\xfe"] * 3
    assert [(letter.place, letter.reason) for letter in letters if letter.in_log] == [("0/30", "too late")]
    assert places(repository)[0, 30] == 1, "what is judged is in the log all the same"
    assert dead_letters(repository, "clicks", "seven")[0].place == "0/7"
    found = retry(repository, "clicks")
    assert (found.produced, found.left) == (4, 1)
    assert dead_places(repository) == ["0/30"]
    done = once(repository)
    assert (done.messages, done.dead) == (4, 4)
    assert dead_places(repository) == ["0/30", "0/200", "0/201", "0/202", "0/203"]
    assert retry(repository, "clicks", "too late").produced == 1
    assert retry(repository, "clicks", "no such reason").produced == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_at_any_point_neither_loses_nor_doubles(tmp_path: Path, broker: Broker, seed: int) -> None:
    topic = broker.topic(2)
    repository = shop(tmp_path, broker, topic)
    random_ = random.Random(seed)
    print(f"seed {seed}")
    total = 0
    for _ in range(3):
        for partition in (0, 1):
            values = numbered(range(total, total + 3_000))
            values[::100] = [b"bad"] * 30
            write(broker, topic, values, partition=partition)
        total += 3_000
        with command(tmp_path, "--roll-rows", "700", "--roll-seconds", "0.2") as process:
            time.sleep(0.7 + random_.random() * 0.7)
            process.kill()
    once(repository)
    good = {(p, offset) for p in (0, 1) for offset in range(total) if offset % 100}
    assert places(repository) == Counter(good)
    assert sorted(dead_places(repository)) == sorted(f"{p}/{offset}" for p in (0, 1) for offset in range(0, total, 100))
    assert list((tmp_path / "archive" / "clicks" / ".drafts").iterdir()) == []
    covered = [(file.partition, file.first_offset, file.last_offset) for file in log_of(repository).files()]
    for partition in (0, 1):
        ours = [each for each in covered if each[0] == partition]
        assert ours[0][1] == 0
        assert all(after[1] == before[2] + 1 for before, after in pairwise(ours))


def test_two_writers_by_mistake(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(2)
    repository = shop(tmp_path, broker, topic)
    write(broker, topic, numbered(range(400)))
    writers = [command(tmp_path, "--roll-seconds", "0.3") for _ in range(2)]
    for round_ in range(200):
        write(broker, topic, numbered(range(400 + round_ * 10, 410 + round_ * 10)))
        if any(each.poll() is not None for each in writers):
            break
        time.sleep(0.1)
    for each in writers:
        each.send_signal(signal.SIGTERM)
    told = sorted((each.communicate(timeout=20)[1], each.returncode) for each in writers)
    assert [code for _, code in told] == [0, 1]
    assert re.search(r"\.parquet exists already: another 'headrace archive clicks' writes to this archive; stop one of them\n$", told[1][0])
    once(repository)
    found = places(repository)
    assert found == Counter((0, offset) for offset in range(len(found)))
    assert len(found) >= 410


def test_sigterm_publishes_what_was_read(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    repository = shop(tmp_path, broker, topic)
    write(broker, topic, numbered(range(50)))
    with command(tmp_path) as process:
        time.sleep(2.5)
        assert log_of(repository).files() == [], "nothing is due yet"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert out == "clicks: 50 rows of 50 messages in 1 new file\nstopped; what was read is in the log, the same command goes on there\n"
    assert places(repository) == Counter((0, offset) for offset in range(50))


def test_what_kafka_dropped_is_told(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(2)
    repository = shop(tmp_path, broker, topic)
    write(broker, topic, numbered(range(10)))
    once(repository)
    write(broker, topic, numbered(range(10, 30)))
    delete_before(broker, topic, 15)
    with pytest.raises(ArchiveGap) as gap:
        once(repository)
    assert str(gap.value) == (
        f"topic '{topic}' has dropped what the archive lacks: partition 0: offsets 10 to 14; --accept-gap goes on without them"
    )
    assert gap.value.gaps == ((0, 10, 15),)
    with command(tmp_path, "--once") as process:
        assert process.wait(20) == 1
    assert once(repository, accept_gap=True).rows == 15
    assert places(repository) == Counter((0, offset) for offset in [*range(10), *range(15, 30)])


def delete_before(broker: Broker, topic: str, offset: int, partition: int = 0) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    client = AdminClient(broker.settings)
    for future in client.delete_records([TopicPartition(topic, partition, offset)]).values():
        future.result(20)


def test_what_kafka_dropped_of_a_partition_without_a_file_is_told(tmp_path: Path, broker: Broker) -> None:
    """One that is empty, of which Kafka had dropped everything before, is no gap; what came and went since the first time is one."""
    topic = broker.topic(3)
    write(broker, topic, numbered(range(10)))
    write(broker, topic, numbered(range(4)), partition=1)
    delete_before(broker, topic, 4, 1)
    repository = shop(tmp_path, broker, topic)
    assert once(repository).rows == 10
    assert begun(log_of(repository)) == {0: 0, 1: 4, 2: 0}
    assert once(repository).rows == 0
    for partition in (1, 2):
        write(broker, topic, numbered(range(20, 30)), partition=partition)
    delete_before(broker, topic, 7, 1)
    delete_before(broker, topic, 10, 2)
    with pytest.raises(ArchiveGap) as gap:
        once(repository)
    assert str(gap.value) == (
        f"topic '{topic}' has dropped what the archive lacks: partition 1: offsets 4 to 6; partition 2: offsets 0 to 9; "
        "--accept-gap goes on without them"
    )
    assert once(repository, accept_gap=True).rows == 7
    assert once(repository).rows == 0, "what was accepted is not told again, though partition 2 has no file still"
    assert places(repository) == Counter([*((0, offset) for offset in range(10)), *((1, offset) for offset in range(7, 14))])


def test_an_archive_that_was_empty_has_begun(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    repository = shop(tmp_path, broker, topic)
    assert once(repository).messages == 0
    write(broker, topic, numbered(range(10)))
    delete_before(broker, topic, 3)
    with pytest.raises(ArchiveGap, match=r"partition 0: offsets 0 to 2;"):
        once(repository)


def test_what_was_loaded_is_no_gap_when_kafka_drops_it(tmp_path: Path, broker: Broker) -> None:
    """Neither what was left out before nor what was never looked at; what is younger than the loaded rows is one."""
    topic = broker.topic(3)
    times_ms = [NOW_US // 1_000 - 100_000 + at for at in range(8)]
    messages: list[bytes | None] = [click(at, time_ms * 1_000) for at, time_ms in enumerate(times_ms)]
    write(broker, topic, messages[:5], times_ms=times_ms[:5])
    repository = shop(tmp_path, broker, topic)
    path = history(tmp_path / "history.jsonl", *(time_ms * 1_000 for time_ms in times_ms[:5]))
    load(repository.sources["clicks"], [path], tmp_path / "archive")
    assert (once(repository).skipped, begun(log_of(repository))) == (5, {0: 5, 1: 0, 2: 0})
    write(broker, topic, messages, partition=1, times_ms=times_ms)
    delete_before(broker, topic, 5, 0)
    delete_before(broker, topic, 3, 1)
    assert (once(repository).rows, places(repository)) == (3, Counter([*((0, at) for at in range(5)), *((1, at) for at in (5, 6, 7))]))
    write(broker, topic, messages, partition=2, times_ms=times_ms)
    delete_before(broker, topic, 6, 2)
    with pytest.raises(ArchiveGap, match=r"lacks: partition 2: offsets 0 to 5;"):
        once(repository)


def test_an_archive_of_another_topic_is_refused(tmp_path: Path, broker: Broker) -> None:
    topics = [broker.topic(1), broker.topic(1)]
    for topic, count in zip(topics, (10, 25), strict=True):
        write(broker, topic, numbered(range(count)))
    once(shop(tmp_path, broker, topics[0]))
    with pytest.raises(OtherTopic, match=rf"the topic '{topics[0]}', and source 'clicks' has the topic '{topics[1]}' now"):
        once(shop(tmp_path, broker, topics[1]), accept_gap=True)
    with command(tmp_path, "--once") as process:
        assert process.wait(20) == 2
    repository = shop(tmp_path, broker, topics[0])
    write(broker, topics[0], numbered(range(10, 12)))
    assert once(repository).rows == 2
    assert places(repository) == Counter((0, offset) for offset in range(12))


def test_a_topic_that_was_made_anew_is_told(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    write(broker, topic, numbered(range(10)))
    repository = shop(tmp_path, broker, topic)
    once(repository)
    make_anew(broker, topic)
    write(broker, topic, numbered(range(3)))
    with pytest.raises(ArchiveGap, match=rf"^topic '{topic}' partition 0 ends before offset 3, and its log before 10: the topic was made anew"):
        once(repository)


def make_anew(broker: Broker, topic: str) -> None:
    import confluent_kafka.admin

    kafka: Any = confluent_kafka.admin
    client = kafka.AdminClient(broker.settings)
    client.delete_topics([topic])[topic].result(20)
    until(lambda: topic not in client.list_topics(timeout=5).topics)
    client.create_topics([kafka.NewTopic(topic, 1, 1)])[topic].result(20)


def test_on_s3(tmp_path: Path, broker: Broker, bucket: str) -> None:
    topic = broker.topic(2)
    repository = shop(tmp_path, broker, topic, f"{bucket}/archive")
    write(broker, topic, [*numbered(range(60)), b"bad"])
    done = once(repository, rolling=Rolling(rows=20))
    assert (done.rows, done.dead) == (60, 1)
    write(broker, topic, numbered(range(61, 70)))
    write(broker, topic, numbered(range(5)), partition=1)
    once(repository)
    assert places(repository) == Counter([*((0, offset) for offset in range(70) if offset != 60), *((1, offset) for offset in range(5))])
    assert dead_places(repository) == ["0/60"]


def test_days_are_closed_and_kept_as_long_as_asked(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    repository = shop(tmp_path, broker, topic)
    days_ms = [NOW_US // 1_000 - days * 86_400_000 for days in (9, 9, 5, 3, 0)]
    write(broker, topic, numbered(range(5)), times_ms=days_ms)
    assert once(repository).files == 4
    days = log_of(repository).days
    assert [day for day in days.names() if days.manifest(day) is not None] == days.names()[:3]
    done = once(repository, retain=timedelta(days=4))
    assert (done.removed, sorted(places(repository))) == (2, [(0, 3), (0, 4)])
    write(broker, topic, numbered(range(5, 7)))
    assert once(repository, retain=timedelta(days=4)).rows == 2
    assert sorted(places(repository)) == [(0, 3), (0, 4), (0, 5), (0, 6)]


def test_columns_may_be_added_and_not_changed(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    write(broker, topic, numbered(range(2)))
    once(shop(tmp_path, broker, topic))
    wider = shop(tmp_path, broker, topic, more=', "shop": "string"')
    write(broker, topic, [json.dumps({"uid": 2, "ts": NOW_US, "shop": "s"}).encode()])
    once(wider)
    assert rows_of(log_of(wider), ["uid", "shop"]).to_pydict() == {"uid": [0, 1, 2], "shop": [None, None, "s"]}
    (tmp_path / "clicks.py").write_text((tmp_path / "clicks.py").read_text().replace('"uid": "int64"', '"uid": "string"'))
    with pytest.raises(StorageError, match=r"^column 'uid' is int64 in .*\.parquet and string in source 'clicks'"):
        once(Repository(tmp_path))


def test_loaded_history_meets_the_topic(tmp_path: Path, broker: Broker) -> None:
    """The history holds the topic's first five messages; two partitions, one of them empty for now.

    The judge goes on from the loaded rows of the partition: a message is late behind them.
    """
    topic = broker.topic(2)
    times_ms = [NOW_US // 1_000 - 100_000 + at for at in range(12)]
    write(broker, topic, [click(at, time_ms * 1_000) for at, time_ms in enumerate(times_ms)], times_ms=times_ms)
    repository = shop(tmp_path, broker, topic)
    path = history(tmp_path / "history.jsonl", *(time_ms * 1_000 for time_ms in times_ms[:5]))
    load(repository.sources["clicks"], [path], tmp_path / "archive")
    done = once(repository)
    assert (done.messages, done.skipped, done.rows) == (12, 5, 7)
    assert rows_of(log_of(repository), ["uid"]).column(0).to_pylist() == list(range(12))
    assert dead_places(repository) == []
    write(broker, topic, [click(50, times_ms[4] * 1_000), click(51, NOW_US)], times_ms=[times_ms[4], times_ms[9]], partition=1)
    assert (once(repository).skipped, places(repository)[1, 1]) == (1, 1)
    late = broker.topic(1)
    write(broker, late, [click(60, NOW_US - DAY_US)], times_ms=[NOW_US // 1_000])
    other = shop(tmp_path / "late", broker, late)
    load(other.sources["clicks"], [path], tmp_path / "late" / "archive")
    assert (once(other).rows, [letter.reason for letter in dead_letters(other, "clicks")]) == (1, ["too late"])


def test_new_partitions_are_read_from_their_beginning(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    import confluent_kafka.admin

    kafka: Any = confluent_kafka.admin
    monkeypatch.setattr("headrace.archiving.LOOK_S", 0.3)
    topic = broker.topic(1)
    write(broker, topic, numbered(range(3)))
    repository = shop(tmp_path, broker, topic)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: archive(repository, "clicks", rolling=Rolling(seconds=0.2), stop=stop))
    thread.start()
    try:
        until(lambda: log_of(repository).files())
        client = kafka.AdminClient(broker.settings)
        client.create_partitions([kafka.NewPartitions(topic, 2)])[topic].result(20)
        write(broker, topic, numbered(range(3, 6)), partition=1)
        until(lambda: len(places(repository)) == 6)
    finally:
        stop.set()
        thread.join(20)
    assert places(repository) == Counter((p, offset) for p in (0, 1) for offset in range(3))
    assert LetterBox(folder_of(tmp_path / "archive")).all() == []


def test_a_broker_that_goes_away_is_waited_for(tmp_path: Path, broker: Broker) -> None:
    topic = broker.topic(1)
    repository = shop(tmp_path, broker, topic)
    write(broker, topic, numbered(range(20)))
    stop = threading.Event()
    thread = threading.Thread(target=lambda: archive(repository, "clicks", rolling=Rolling(seconds=0.2), stop=stop))
    thread.start()
    try:
        until(lambda: len(places(repository)) == 20)
        broker.kill()
        broker.start()
        write(broker, topic, numbered(range(20, 30)))
        until(lambda: len(places(repository)) == 30, 40.0)
    finally:
        stop.set()
        thread.join(20)
    assert places(repository) == Counter((0, offset) for offset in range(30))

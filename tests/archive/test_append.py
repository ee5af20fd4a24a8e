"""The end of a partition's log: files, footers, writers that meet, what a crash leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.archive import End, FileLog, Folder, archived_ends, archived_offsets
from headrace.archive.append import Rolling
from headrace.archive.drafts import Drafts
from headrace.errors import StorageError
from tests.archive.topic import DAY, HOUR_US, LAYOUT, START_US, Writer, archived, click, clicks, folder_of
from tests.kafka.messages import raw
from tests.storage.samples import rows_of

AT = START_US


def places(log: FileLog) -> list[int]:
    found: list[Any] = rows_of(log, ["_offset"]).column(0).to_pylist()
    return found


def test_footers_account_for_every_offset(tmp_path: Path) -> None:
    writer = Writer(tmp_path).take(raw([b"dead", click(1, AT), None], [AT, AT + 1, AT + 2], 10))
    writer.publish()
    (file,) = FileLog(tmp_path, LAYOUT).files()
    assert (file.first_offset, file.last_offset, file.rows, file.dense) == (10, 12, 1, False)
    assert {name: file.facts[name] for name in ("topic", "first_arrival_us", "last_arrival_us", "newest_us")} == {
        "topic": "clicks", "first_arrival_us": str(AT), "last_arrival_us": str(AT + 2), "newest_us": str(AT),
    }  # fmt: skip
    assert archived_ends(FileLog(tmp_path, LAYOUT)) == {0: End(13, AT + 2, AT)}
    assert [letter.offset for letter in writer.box.letters()] == [10]


def test_dead_letters_alone_are_accounted_for(tmp_path: Path) -> None:
    archived(tmp_path, raw([b"dead", None], [AT, AT + 7], 3))
    log = FileLog(tmp_path, LAYOUT)
    assert archived_ends(log) == {0: End(5, AT + 7, None)}
    assert log.row_groups() == []
    assert log.days.close(DAY)
    archived(tmp_path, clicks([AT + 1], first=5))
    log = FileLog(tmp_path, LAYOUT)
    assert places(log) == [5]
    assert rows_of(log).column("_arrival").cast(pa.int64()).to_pylist() == [AT + 7], "dead letters move the arrival"
    assert archived_offsets(log) == {0: 6}


def test_files_end_by_rows_and_bytes(tmp_path: Path) -> None:
    rolling = Rolling(rows=3)
    writer = Writer(tmp_path / "rows", rolling=rolling)
    for first in range(0, 8, 2):
        writer.take(clicks([AT + first, AT + first + 1], first=first))
    assert writer.appender.files == 2
    writer.publish()
    assert [(file.first_offset, file.rows) for file in FileLog(tmp_path / "rows", LAYOUT).files()] == [(0, 4), (4, 4)]
    writer = Writer(tmp_path / "bytes", rolling=Rolling(size_bytes=1)).take(clicks([AT]), clicks([AT + 1], first=1))
    assert writer.appender.files == 2
    assert writer.publish() is None


def test_a_file_is_due_by_its_age(tmp_path: Path) -> None:
    writer = Writer(tmp_path, rolling=Rolling(seconds=60.0))
    assert writer.appender.due_s is None
    writer.take(clicks([AT]))
    assert writer.appender.pending is not None
    assert writer.appender.due_s == writer.appender.pending.began_s + 60.0


def test_many_rows_are_whole_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.archive.append.ROWS_PER_GROUP", 4)
    writer = Writer(tmp_path)
    for first in range(0, 9, 3):
        writer.take(clicks([AT + first + at for at in range(3)], first=first))
    writer.publish()
    log = FileLog(tmp_path, LAYOUT)
    assert [(group.first_offset, group.rows) for group in log.row_groups()] == [(0, 4), (4, 4), (8, 1)]
    assert places(log) == list(range(9))


def test_holes_are_no_gaps(tmp_path: Path) -> None:
    batch = clicks([AT, AT + 1, AT + 2])
    batch.offsets[:] = [4, 9, 11]
    archived(tmp_path, batch)
    archived(tmp_path, clicks([AT + 3], first=20))
    log = FileLog(tmp_path, LAYOUT)
    assert [(file.first_offset, file.last_offset) for file in log.files()] == [(4, 11), (12, 20)]
    assert places(log) == [4, 9, 11, 20]


@pytest.mark.parametrize("where", ["local", "s3"])
def test_of_two_writers_one_fails(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    archive = request.getfixturevalue("bucket") if where == "s3" else tmp_path
    one, two = Writer(archive), Writer(archive)
    one.take(clicks([AT, AT + 1])).publish()
    two.take(clicks([AT]))
    with pytest.raises(StorageError, match=r"00000-0{20}\.parquet exists already: another 'headrace archive clicks' writes to this archive; stop"):
        two.publish()
    late = Writer(archive).take(clicks([AT + 2, AT + 3], first=2))
    one.take(clicks([AT + 2], first=2)).publish()
    with pytest.raises(StorageError, match=r"00000-0{19}2\.parquet exists already"):
        late.publish()
    assert places(FileLog(archive, LAYOUT)) == [0, 1, 2]


def test_an_answer_that_was_lost_is_no_other_writer(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store has the file, and the writer was told that it failed."""
    monkeypatch.setattr("headrace.archive.append.WAITS_S", (0.0, 0.0))
    plain, calls = Folder.publish, list[str]()

    def lossy(self: Folder, written: Path, name: str, **more: Any) -> bool:
        calls.append(name)
        if len(calls) == 1:
            raise StorageError("slow down")
        done = plain(self, written, name, **more)
        if len(calls) == 2:
            raise StorageError("the connection was lost")
        return done

    monkeypatch.setattr(Folder, "publish", lossy)
    archived(bucket, clicks([AT, AT + 1]))
    assert len(calls) == 3
    assert places(FileLog(bucket, LAYOUT)) == [0, 1]


def test_a_store_that_stays_away_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.archive.append.WAITS_S", (0.0, 0.0))
    writer = Writer(f"{bucket}-gone").take(clicks([AT]))
    with pytest.raises(StorageError, match=rf"^cannot write {bucket}-gone/"):
        writer.publish()


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from headrace.archive.write import OpenFile

    def full(self: OpenFile, group: pa.Table) -> None:
        raise OSError(28, "No space left on device")

    writer = Writer(tmp_path).take(clicks([AT]))
    with monkeypatch.context() as patch:
        patch.setattr(OpenFile, "write", full)
        with pytest.raises(StorageError, match="No space left on device"):
            writer.publish()
    writer.appender.abandon()
    assert list((tmp_path / "clicks" / ".drafts").iterdir()) == []
    archived(tmp_path, clicks([AT]))
    assert places(FileLog(tmp_path, LAYOUT)) == [0]


def test_letters_are_on_the_disk_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path).take(raw([b"dead", click(1, AT)], [AT, AT]))

    def dies(self: Folder, written: Path, name: str, **more: Any) -> bool:
        if name.endswith(".parquet"):
            raise KeyboardInterrupt
        return plain(self, written, name, **more)

    plain = Folder.publish
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "publish", dies)
        with pytest.raises(KeyboardInterrupt):
            writer.publish()
    assert [letter.offset for letter in Writer(tmp_path).box.letters()] == [0]
    archived(tmp_path, raw([b"dead", click(1, AT)], [AT, AT]))
    assert [letter.offset for letter in Writer(tmp_path).box.letters()] == [0], "told once, though it was written twice"


KILLED = """
import sys, time
import headrace.archive.append
from tests.archive.topic import Writer, clicks, START_US
headrace.archive.append.ROWS_PER_GROUP = 1
writer = Writer(sys.argv[1]).take(clicks([START_US]))
print("written", flush=True)
time.sleep(60)
"""


def test_what_a_killed_writer_left_is_removed_and_no_living_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.archive.append.ROWS_PER_GROUP", 1)   # a draft is begun with the first row
    living = Writer(tmp_path).take(clicks([AT]))
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        assert Drafts(folder_of(tmp_path)).tidy() == 0
        process.kill()
    drafts = tmp_path / "clicks" / ".drafts"
    assert len(list(drafts.iterdir())) == 2
    assert FileLog(tmp_path, LAYOUT).files() == [], "drafts are no part of the log"
    assert Drafts(folder_of(tmp_path)).tidy() == 1
    assert len(list(drafts.iterdir())) == 1
    living.publish()
    assert list(drafts.iterdir()) == []
    assert places(FileLog(tmp_path, LAYOUT)) == [0]


def test_the_newest_accepted_time_goes_on(tmp_path: Path) -> None:
    archived(tmp_path, clicks([AT + 2 * HOUR_US]))
    writer = Writer(tmp_path).take(raw([click(1, AT)], [AT + 2 * HOUR_US + 1], 1))
    writer.publish()
    assert [(letter.offset, letter.reason) for letter in writer.box.letters()] == [(1, "too late")]

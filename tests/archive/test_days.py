"""Which files a log has, and manifests that a reader trusts."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from headrace.archive import FileLog, Folder, LogFile
from headrace.archive.closing import Closing
from headrace.archive.days import MANIFEST, Days
from headrace.archive.layout import day_end_us
from tests.archive.topic import DAY, DAY_US, HOUR_US, LAYOUT, START_US, Writer, archived, clicks, folder_of
from tests.storage.samples import rows_of

TWO_DAYS = [START_US, START_US + 7 * HOUR_US, START_US + DAY_US, START_US + DAY_US + 1]
FIRST = f"{DAY}/hour=00/00000-{0:020d}.parquet"
SECOND = f"{DAY}/hour=07/00000-{1:020d}.parquet"


def closed(archive: Path | str) -> FileLog:
    """Two days of clicks, the first one closed; a log object that has read nothing."""
    assert archived(archive, clicks(TWO_DAYS)).days.close(DAY)
    return FileLog(archive, LAYOUT)


@pytest.fixture
def footers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose footers are read."""
    read: list[str] = []
    plain: Any = LogFile.of_footer.__func__   # type: ignore[attr-defined]

    def counted(cls: type[LogFile], folder: Folder, name: str) -> Any:
        read.append(name)
        return plain(cls, folder, name)

    monkeypatch.setattr(LogFile, "of_footer", classmethod(counted))
    return read


def test_files_lie_in_the_hour_of_their_rows(tmp_path: Path) -> None:
    log = archived(tmp_path, clicks(TWO_DAYS))
    names = [file.name for file in log.files()]
    assert names == [FIRST, SECOND, f"date=2024-03-03/hour=00/00000-{2:020d}.parquet"]
    for name in names:
        table = pq.read_table(Path(tmp_path, "clicks", name), partitioning=None)
        assert {f"date={at:%Y-%m-%d}/hour={at:%H}" for at in table.column("_arrival").to_pylist()} == {name.rpartition("/")[0]}
    assert pq.ParquetFile(Path(tmp_path, "clicks", names[0])).metadata.row_group(0).column(0).compression == "ZSTD"
    assert rows_of(log, ["uid"]).column(0).to_pylist() == [0, 1, 2, 3]


def test_a_closed_day_is_read_without_its_footers(tmp_path: Path, footers: list[str]) -> None:
    log = closed(tmp_path)
    footers.clear()
    groups = log.row_groups()
    assert footers == [f"date=2024-03-03/hour=00/00000-{2:020d}.parquet"]
    (tmp_path / "clicks" / DAY / MANIFEST).unlink()
    plain = FileLog(tmp_path, LAYOUT)
    assert plain.row_groups() == groups
    assert plain.files() == log.files()
    assert rows_of(log) == rows_of(plain)
    assert rows_of(pickle.loads(pickle.dumps(log)), ["uid"]).num_rows == 4


def test_a_reader_trusts_it(tmp_path: Path) -> None:
    log = closed(tmp_path)
    stray = tmp_path / "clicks" / DAY / "hour=09" / f"00000-{9:020d}.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"what a copying tool left half")
    assert [file.name for file in log.files()][:2] == [FIRST, SECOND]


def test_a_log_sees_a_day_that_was_opened_again(tmp_path: Path) -> None:
    log = closed(tmp_path)
    assert len(log.files()) == 3
    archived(tmp_path, clicks([START_US + 3 * HOUR_US], partition=1), partition=1)
    assert not (tmp_path / "clicks" / DAY / MANIFEST).exists(), "a writer opens the day before it changes"
    assert [file.name for file in log.files()][3] == f"{DAY}/hour=03/00001-{0:020d}.parquet"
    assert log.days.close(DAY)
    assert len(FileLog(tmp_path, LAYOUT).files()) == 4


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 2, "files": []}', b'{"format": 1, "files": [{"name": "x"}]}'])
def test_a_manifest_that_cannot_be_read_counts_for_nothing(tmp_path: Path, text: bytes) -> None:
    log = closed(tmp_path)
    (tmp_path / "clicks" / DAY / MANIFEST).write_bytes(text)
    assert len(log.files()) == 3


def test_a_day_that_changes_while_it_is_closed_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = archived(tmp_path, clicks(TWO_DAYS))
    plain = Days.files_of

    def late(self: Days, day: str) -> list[LogFile]:
        found = plain(self, day)
        archived(tmp_path, clicks([START_US + 5], partition=2), partition=2)
        return found

    monkeypatch.setattr(Days, "files_of", late)
    assert not log.days.close(DAY)
    assert len(log.files()) == 4


def test_a_writer_looks_whether_the_day_was_closed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archived(tmp_path, clicks(TWO_DAYS))
    writer = Writer(tmp_path, 2).take(clicks([START_US + 5], partition=2))
    plain = Folder.publish

    def slow(self: Folder, written: Path, name: str, **more: Any) -> bool:
        assert Days(folder_of(tmp_path)).close(DAY)
        return plain(self, written, name, **more)

    monkeypatch.setattr(Folder, "publish", slow)
    writer.publish()
    assert len(FileLog(tmp_path, LAYOUT).files()) == 4


def test_days_are_closed_when_all_partitions_are_beyond(tmp_path: Path) -> None:
    log = archived(tmp_path, clicks(TWO_DAYS))
    closing = Closing(log)
    end = day_end_us(DAY)
    assert end == START_US + DAY_US
    now = START_US + 30 * DAY_US
    assert closing.close({0: end, 1: None}, False, now) == []
    assert closing.close({0: end, 1: end - 1}, False, now) == []
    assert closing.close({0: end, 1: end}, False, now) == [DAY]
    assert closing.close({0: end, 1: end}, False, now) == []
    assert closing.close({0: end, 1: end - 5}, True, end + DAY_US + HOUR_US - 1) == []
    assert closing.close({0: end, 1: None}, True, end + DAY_US + HOUR_US) == ["date=2024-03-03"]


def test_on_s3_too(bucket: str) -> None:
    log = closed(bucket)
    assert log.days.names() == [DAY, "date=2024-03-03"]
    assert (log.days.manifest(DAY) or [])[0].rows == 1
    assert [file.name for file in log.files()][:2] == [FIRST, SECOND]
    archived(bucket, clicks([START_US + 3 * HOUR_US], partition=1), partition=1)
    assert log.days.manifest(DAY) is None
    assert len(log.files()) == 4
    assert rows_of(log, ["uid"]).num_rows == 5

"""The oldest files of a log are removed, never one in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.archive import FileLog, Folder, load
from headrace.archive.days import MANIFEST
from headrace.archive.ends import archived_offsets
from headrace.archive.letters import Letter, LetterBox
from headrace.archive.retention import remove_before
from tests.archive.topic import CLICKS, DAY, DAY_US, HOUR_US, LAYOUT, START_US, archived, clicks, folder_of, history
from tests.storage.samples import rows_of

if TYPE_CHECKING:
    from pathlib import Path

HOURS = [START_US + at * HOUR_US for at in (0, 1, 23, 25, 49)]


def left(archive: Path | str) -> list[tuple[int, int]]:
    table = rows_of(FileLog(archive, LAYOUT), ["_partition", "_offset"])
    return list(zip(*table.to_pydict().values(), strict=True))


@pytest.mark.parametrize("where", ["local", "s3"])
def test_whole_files_go_from_the_beginning(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    archive = request.getfixturevalue("bucket") if where == "s3" else tmp_path
    log = archived(archive, clicks(HOURS))
    assert log.days.close(DAY)
    assert remove_before(log, START_US) == []
    assert remove_before(log, HOURS[1] + 1) == [f"{DAY}/hour=00/00000-{0:020d}.parquet", f"{DAY}/hour=01/00000-{1:020d}.parquet"]
    assert left(archive) == [(0, 2), (0, 3), (0, 4)]
    manifest = FileLog(archive, LAYOUT).days.manifest(DAY)
    assert manifest is not None
    assert [file.first_offset for file in manifest] == [2], "the day stays closed, without them"
    remove_before(log, START_US + 300 * DAY_US)
    assert left(archive) == [(0, 4)], "the last one says where the topic goes on"
    assert archived_offsets(FileLog(archive, LAYOUT)) == {0: 5}
    assert FileLog(archive, LAYOUT).days.names() == ["date=2024-03-04"]


def test_an_old_file_behind_a_young_one_stays(tmp_path: Path) -> None:
    """Loaded rows precede those of the topic: while they are kept, nothing behind them goes."""
    load(CLICKS, [history(tmp_path / "history.jsonl", START_US + 5 * HOUR_US)], tmp_path / "archive")
    log = archived(tmp_path / "archive", clicks([START_US + 6 * HOUR_US, START_US + 9 * HOUR_US]))
    assert remove_before(log, START_US + 5 * HOUR_US) == []
    assert len(remove_before(log, START_US + 5 * HOUR_US + 1)) == 1
    assert left(tmp_path / "archive") == [(0, 0), (0, 1)]


def test_partitions_keep_their_own(tmp_path: Path) -> None:
    archived(tmp_path, clicks(HOURS[:2]))
    archived(tmp_path, clicks(HOURS, partition=1), partition=1)
    remove_before(FileLog(tmp_path, LAYOUT), HOURS[3])
    assert left(tmp_path) == [(0, 1), (1, 3), (1, 4)]


def test_interrupted_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = archived(tmp_path, clicks(HOURS))
    assert log.days.close(DAY)
    plain = Folder.remove

    def dies(self: Folder, name: str) -> None:
        if name.endswith(f"{1:020d}.parquet"):
            raise KeyboardInterrupt
        plain(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "remove", dies)
        with pytest.raises(KeyboardInterrupt):
            remove_before(log, HOURS[3])
    assert left(tmp_path) == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert not (tmp_path / "clicks" / DAY / MANIFEST).exists()
    remove_before(FileLog(tmp_path, LAYOUT), HOURS[3])
    assert left(tmp_path) == [(0, 3), (0, 4)]


def test_dead_letters_go_by_days(tmp_path: Path) -> None:
    log = archived(tmp_path, clicks(HOURS))
    box = LetterBox(folder_of(tmp_path))
    box.add([Letter("t", 0, 50 + day, "too late", None, None, b"x", START_US + day * DAY_US) for day in range(3)])
    box.flush()
    remove_before(log, START_US + 2 * DAY_US - 1)
    assert [letter.offset for letter in box.letters()] == [51, 52]

"""Dead letters: written durably, listed once, marked when they were tried again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from headrace.archive import Folder, load
from headrace.archive.letters import Letter, LetterBox
from headrace.errors import StorageError
from tests.archive.topic import CLICKS, DAY, DAY_US, START_US, click, folder_of

if TYPE_CHECKING:
    from pathlib import Path

LETTER = Letter("clicks-topic", 3, 1200, "column 'uid': 'x' is no int64", "uid", b"k", '{"uid": "é"}'.encode(), START_US)
ODD = Letter("clicks-topic", 0, 7, "no JSON", None, None, b"\xff\x00", START_US + DAY_US)
TOMBSTONE = Letter("clicks-topic", 0, 8, "too late", None, b"\xfe", None, START_US)


@pytest.mark.parametrize("where", ["local", "s3"])
def test_what_is_flushed_is_listed(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    folder = folder_of(request.getfixturevalue("bucket") if where == "s3" else tmp_path)
    box = LetterBox(folder)
    assert box.letters() == []
    box.add([LETTER, ODD])
    assert LetterBox(folder).letters() == []
    box.flush()
    box.flush()
    assert LetterBox(folder).letters() == [ODD, LETTER]
    box.add([TOMBSTONE, LETTER])
    box.flush()
    assert LetterBox(folder).letters() == [ODD, TOMBSTONE, LETTER]
    assert box.folder.folders() == [DAY, "date=2024-03-03"]
    assert TOMBSTONE.in_log
    assert not LETTER.in_log


def test_letters_are_json_that_people_can_read(tmp_path: Path) -> None:
    box = LetterBox(folder_of(tmp_path))
    box.add([LETTER])
    box.flush()
    (path,) = (tmp_path / "clicks" / "_dead" / DAY).iterdir()
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "topic": "clicks-topic", "partition": 3, "offset": 1200, "arrival_us": START_US, "reason": "column 'uid': 'x' is no int64",
        "column": "uid", "key": "k", "value": '{"uid": "é"}',
    }  # fmt: skip


def test_what_was_tried_again_is_not_listed(tmp_path: Path) -> None:
    box = LetterBox(folder_of(tmp_path))
    box.add([LETTER, ODD])
    box.flush()
    box.mark([ODD])
    assert LetterBox(folder_of(tmp_path)).letters() == [LETTER]
    assert LetterBox(folder_of(tmp_path)).all() == [(ODD, True), (LETTER, False)]


def test_many_letters_do_not_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.archive.letters.FLUSH_BYTES", 1_000)
    box = LetterBox(folder_of(tmp_path))
    for offset in range(5):
        box.add([replace(LETTER, offset=offset)])
    assert len(LetterBox(folder_of(tmp_path)).letters()) >= 4
    box.flush()
    assert [letter.offset for letter in box.letters()] == list(range(5))
    assert box.count == 5


def test_letters_that_cannot_be_written_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = LetterBox(folder_of(tmp_path))
    box.add([LETTER])

    def fails(self: Folder, written: Path, name: str) -> bool:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "publish", fails)
        with pytest.raises(StorageError):
            box.flush()
    box.flush()
    assert box.letters() == [LETTER]


def test_those_of_a_load_are_listed_too(tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_bytes(click(0, START_US) + b'\n{"uid": "x"}\n')
    load(CLICKS, [tmp_path / "more.jsonl"], tmp_path / "archive")
    box = LetterBox(folder_of(tmp_path / "archive"))
    (letter,) = box.letters()
    assert (letter.place, letter.reason, letter.column) == ("more.jsonl/1", "column 'uid': 'x' is no int64", "uid")
    box.add([LETTER])
    box.flush()
    assert [each.place for each in box.letters()] == ["3/1200", "more.jsonl/1"]
    box.mark([letter])
    assert box.letters() == [LETTER]

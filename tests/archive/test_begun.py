"""What an archive says of itself besides its rows: of which topic it is, where it begins, where its loaded rows end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import headrace as hr
from headrace.archive import FileLog, Layout, Listed, OtherTopic, begun, check_topic, load, loaded_ends
from headrace.archive.append import Appender, Rolling
from headrace.archive.begun import NAME, begin
from headrace.archive.letters import LetterBox
from headrace.archive.retention import remove_before
from tests.archive.topic import CLICKS, HOUR_US, LAYOUT, START_US, archived, chunks, clicks, folder_of, history

if TYPE_CHECKING:
    from pathlib import Path

HOURS = [START_US + at * HOUR_US for at in (6, 7, 8)]


@pytest.mark.parametrize("where", ["local", "s3"])
def test_where_it_begins_is_read_again(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    archive: Any = request.getfixturevalue("bucket") if where == "s3" else tmp_path / "archive"
    log = FileLog(archive, LAYOUT)
    assert begun(log) is None
    begin(log, {1: 500, 0: 0})
    assert begun(FileLog(archive, LAYOUT)) == {0: 0, 1: 500}
    begin(log, {1: 700})
    assert begun(FileLog(archive, LAYOUT)) == {1: 700}
    assert (log.files(), log.days.names()) == ([], []), "it is none of the log"


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"format": 2, "partitions": {"0": 1}}', '{"format": 1, "partitions": [0]}'])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    log = FileLog(tmp_path, LAYOUT)
    begin(log, {0: 3})
    (tmp_path / "clicks" / NAME).write_text(text)
    assert begun(log) is None


def test_the_topic_of_a_log_is_in_its_files(tmp_path: Path) -> None:
    load(CLICKS, [history(tmp_path / "history.jsonl", START_US)], tmp_path / "archive")
    log = FileLog(tmp_path / "archive", LAYOUT)
    check_topic(log, "anything")   # a file that was loaded has no topic
    archived(tmp_path / "archive", clicks(HOURS))
    check_topic(log, "clicks")
    with pytest.raises(OtherTopic) as error:
        check_topic(log, "taps")
    assert str(error.value) == (
        f"the archive {tmp_path}/archive/clicks holds messages of the topic 'clicks', and source 'clicks' has the topic 'taps' now, where these "
        'offsets are other messages: give the source of another topic a name of its own, or set topic="clicks" again'
    )
    assert (error.value.topic, error.value.archived) == ("taps", ["clicks"])


def test_a_log_of_two_topics_is_refused_by_both(tmp_path: Path) -> None:
    log = archived(tmp_path, clicks(HOURS[:1]))
    (chunk,) = chunks([clicks(HOURS[1:2], first=1)])
    appender = Appender(log, "taps", 0, 1, LetterBox(log.folder), Rolling())
    appender.append(chunk)
    appender.publish()
    with pytest.raises(OtherTopic, match=r"of the topic 'taps' and of 'clicks', with offsets of their own: move it away, and archive 'taps' anew$"):
        check_topic(FileLog(tmp_path, LAYOUT), "taps")
    with pytest.raises(OtherTopic, match=r"archive 'clicks' anew$"):
        check_topic(FileLog(tmp_path, LAYOUT), "clicks")


def test_loaded_rows_end_where_the_last_load_ends(tmp_path: Path) -> None:
    """A load changes it, what arrives by the topic and what retention removes from the beginning do not."""
    archive = tmp_path / "archive"
    log = FileLog(archive, LAYOUT)
    assert loaded_ends(log) == {}
    load(CLICKS, [history(tmp_path / "one.jsonl", START_US, START_US)], archive)
    first = loaded_ends(log)
    assert [(partition, end[0]) for partition, end in first.items()] == [("0", 2)]
    load(CLICKS, [history(tmp_path / "two.jsonl", START_US)], archive)
    second = loaded_ends(log)
    assert second["0"][0] == 3
    assert second["0"][1] != first["0"][1]
    load(CLICKS, [history(tmp_path / "three.jsonl", START_US)], archive, partition=4)
    assert [(partition, end[0]) for partition, end in loaded_ends(log).items()] == [("0", 3)], "loaded already, by its content"
    load(CLICKS, [history(tmp_path / "four.jsonl", START_US + 1)], archive, partition=4)
    ends = loaded_ends(log)
    assert [(partition, end[0]) for partition, end in ends.items()] == [("0", 3), ("4", 1)]
    archived(archive, clicks(HOURS))
    assert loaded_ends(log) == ends
    assert len(remove_before(log, START_US + 1)) == 2
    assert loaded_ends(log) == {"4": ends["4"]}


def test_other_rows_in_the_place_of_loaded_ones_are_seen(tmp_path: Path) -> None:
    ends = []
    for name, time_us in (("one", START_US), ("two", START_US + 1)):
        load(CLICKS, [history(tmp_path / f"{name}.jsonl", time_us)], tmp_path / name)
        ends.append(loaded_ends(FileLog(tmp_path / name, LAYOUT))["0"])
    assert ends[0][0] == ends[1][0]
    assert ends[0][1] != ends[1][1]


def test_a_listed_log_stays_as_it_was(tmp_path: Path) -> None:
    source = hr.Source("clicks", schema={"uid": "int64", "item": "string", "ts": "timestamp[us]"}, time="ts")
    listed = Listed(FileLog(tmp_path, Layout.of(source)))
    assert listed.files() == []
    archived(tmp_path, clicks(HOURS))
    assert (listed.files(), len(FileLog(tmp_path, LAYOUT).files())) == ([], 3)
    assert folder_of(tmp_path).uri == listed.folder.uri

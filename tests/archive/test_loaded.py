"""History that was loaded, and the topic behind it, in one log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import headrace as hr
from headrace.archive import FileLog, Layout, MemoryLog, archived_ends, archived_offsets, last_loaded_arrival, load
from headrace.errors import StorageError
from replay.run import Options
from replay.tables import replay_table
from tests.archive.topic import CLICKS, HOUR_US, LAYOUT, START_US, archived, clicks, history, intake
from tests.storage.samples import rows_of

if TYPE_CHECKING:
    from pathlib import Path


def with_history(folder: Path) -> Path:
    """An archive with three loaded rows in partition 0, arrived up to 5 h."""
    load(CLICKS, [history(folder / "history.jsonl", *(START_US + at * HOUR_US for at in (1, 3, 5)))], folder / "archive")
    return folder / "archive"


def test_offsets_of_loads_and_of_kafka_do_not_collide(tmp_path: Path) -> None:
    archive = with_history(tmp_path)
    log = FileLog(archive, LAYOUT)
    assert (archived_offsets(log), last_loaded_arrival(log)) == ({}, START_US + 5 * HOUR_US)
    log = archived(archive, clicks([START_US + 6 * HOUR_US, START_US + 7 * HOUR_US]))
    assert [(file.loaded, file.first_offset, file.last_offset) for file in log.files()] == [(True, 0, 2), (False, 0, 0), (False, 1, 1)]
    assert rows_of(log, ["_partition", "_offset"]).to_pydict() == {"_partition": [0] * 5, "_offset": [0, 1, 2, 0, 1]}
    assert (archived_offsets(log), last_loaded_arrival(log)) == ({0: 2}, START_US + 5 * HOUR_US)


def test_the_topic_begins_behind_what_was_loaded(tmp_path: Path) -> None:
    log = FileLog(with_history(tmp_path), LAYOUT)
    step = intake(archived_ends(log), last_loaded_arrival(log))
    (chunk,) = step.on_batch([clicks([START_US + at * HOUR_US for at in (3, 5)], first=20), clicks([START_US + 6 * HOUR_US], first=22)])[0]
    assert (step.skipped.messages, chunk.first_offset) == (2, 22)


def test_history_is_loaded_before_the_topic_is_archived(tmp_path: Path) -> None:
    archive = with_history(tmp_path)
    archived(archive, clicks([START_US + 6 * HOUR_US]))
    text = r"^the log of 'clicks' holds messages of its topic, and files are loaded before these: produce the rows to the topic instead$"
    with pytest.raises(StorageError, match=text):
        load(CLICKS, [history(tmp_path / "more.jsonl", START_US)], archive)
    assert load(CLICKS, [tmp_path / "history.jsonl"], archive).ignored[0][1] == "loaded already, as history.jsonl"


@pytest.mark.parametrize("readers", [1, 5])
def test_a_replay_goes_from_the_one_to_the_other(tmp_path: Path, readers: int) -> None:
    """The same rows as from a log of one piece, in which nothing was loaded."""
    archive = with_history(tmp_path)
    topic = [START_US + at * HOUR_US // 2 for at in range(11, 40)]
    log = archived(archive, clicks(topic, first=0))
    log.days.close(log.days.names()[0])
    whole = rows_of(log)
    table = whole.set_column(whole.schema.get_field_index("_offset"), "_offset", pa.array(range(whole.num_rows), pa.int64()))
    user = hr.Key("item", hr.Dimension("item"), "string")
    source = hr.Source("clicks", schema={"uid": "int64", "item": "string", "ts": "timestamp[us]"}, time="ts", keys={"item": user})
    group = hr.FeatureGroup("g", key=user, features={"n": source.count().over("3h"), "s": source["uid"].sum().over("12h")})
    pieces = FileLog(archive, Layout.of(source))
    one = MemoryLog(Layout.of(source), {0: table.cast(Layout.of(source).log_schema)})
    options = Options(readers=readers)
    found, expected = (replay_table([group], {"clicks": each}, "events", None, None, False, None, None, options)[0] for each in (pieces, one))
    assert found.num_rows == 32
    assert found.equals(expected)


def test_columns_that_were_added_and_changed(tmp_path: Path) -> None:
    log = archived(tmp_path, clicks([START_US, START_US + 1]))
    wider = Layout("clicks", pa.schema([*LAYOUT.schema, pa.field("shop", pa.string())]), "ts")
    assert rows_of(FileLog(tmp_path, wider), ["shop"]).column(0).to_pylist() == [None, None]
    FileLog(tmp_path, wider).check(log.files()[0])
    other = Layout("clicks", LAYOUT.schema.set(0, pa.field("uid", pa.string())), "ts")
    text = r"^column 'uid' is int64 in .*/hour=00/00000-0{20}\.parquet and string in source 'clicks': the log keeps the type that it was"
    with pytest.raises(StorageError, match=text):
        FileLog(tmp_path, other).check(log.files()[0])
    with pytest.raises(StorageError, match=text):
        rows_of(FileLog(tmp_path, other))

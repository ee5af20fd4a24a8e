"""The log's files: what is written is listed and read, from a folder and from S3."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.archive import FileLog, Layout, LogWriter, MemoryLog, RowGroup, events_log, write
from headrace.archive.folder import Folder
from headrace.errors import InvalidName, InvalidValue, StorageError, UnknownColumn
from tests.storage.samples import CLICKS, TIMESTAMP, clicks, micros, rows_of, schema

if TYPE_CHECKING:
    from pathlib import Path


def test_row_groups_come_by_partition_and_place_with_their_bounds(tmp_path: Path) -> None:
    late = clicks([10, 5, 20, 30, 25], _arrival=pa.array([10, 11, 20, 30, 31]).cast(TIMESTAMP))
    write(tmp_path, CLICKS, late, partition=1, rows_per_group=2, groups_per_file=2)
    write(tmp_path, CLICKS, clicks([7]), partition=0)
    log = FileLog(tmp_path, CLICKS)
    assert log.row_groups() == [
        RowGroup("00000-00000000000000000000.parquet", 0, 0, 1, 0, 7, 7, 7, 7),
        RowGroup("00001-00000000000000000000.parquet", 0, 1, 2, 0, 10, 11, 5, 10),
        RowGroup("00001-00000000000000000000.parquet", 1, 1, 2, 2, 20, 30, 20, 30),
        RowGroup("00001-00000000000000000004.parquet", 0, 1, 1, 4, 31, 31, 25, 25),
    ]
    assert rows_of(log).column("_offset").to_pylist() == [0, 0, 1, 2, 3, 4]
    assert rows_of(log).column("_partition").to_pylist() == [0, 1, 1, 1, 1, 1]
    assert micros(rows_of(log), "_arrival") == [7, 10, 11, 20, 30, 31]


def test_a_group_of_null_times_has_no_bounds(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([None, None], _arrival=pa.array([3, 4]).cast(TIMESTAMP)))
    (group,) = FileLog(tmp_path, CLICKS).row_groups()
    assert (group.min_time_us, group.max_time_us, group.min_arrival_us, group.max_arrival_us) == (None, None, 3, 4)
    (group,) = MemoryLog(CLICKS, {0: rows_of(FileLog(tmp_path, CLICKS))}).row_groups()
    assert (group.min_time_us, group.max_time_us) == (None, None)


def test_columns_come_as_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1, 2, 3]))
    log = FileLog(tmp_path, CLICKS)
    batch = log.read(log.row_groups()[0], ["_arrival", "price", "_offset"])
    assert batch.schema.names == ["_arrival", "price", "_offset"]
    assert batch.column("price").to_pylist() == [0.0, 0.5, 1.0]
    assert log.read(log.row_groups()[0], []).num_columns == 0
    with pytest.raises(UnknownColumn, match=r"^unknown column 'prce' in the log of 'clicks' \(did you mean 'price'\?\); it has: uid, "):
        log.read(log.row_groups()[0], ["prce"])


def test_offsets_may_have_holes(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1, 2, 3], _offset=[4, 7, 90]))
    log = FileLog(tmp_path, CLICKS)
    assert rows_of(log, ["_offset"]).column(0).to_pylist() == [4, 7, 90]
    assert log.files()[0].last_offset == 90


def test_arrival_that_is_the_time_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "same", CLICKS, clicks([1, 2]))
    write(tmp_path / "other", CLICKS, clicks([1, 2], _arrival=pa.array([1, 3]).cast(TIMESTAMP)))
    same, other = (FileLog(tmp_path / name, CLICKS) for name in ("same", "other"))
    assert [file.facts["arrival"] for log in (same, other) for file in log.files()] == ["time", "column"]
    assert micros(rows_of(same, ["_arrival"]), "_arrival") == [1, 2]
    assert micros(rows_of(other, ["_arrival"]), "_arrival") == [1, 3]


def test_files_are_read_by_others(tmp_path: Path) -> None:
    """The place stands in the files, not only in their footers."""
    (name,) = write(tmp_path, CLICKS, clicks([1, 2]), partition=3, origin=[{"file": "a.csv"}])
    table = pq.read_table(tmp_path / "clicks" / name)
    assert table.schema.names == ["uid", "item", "price", "ts", "_partition", "_offset", "_arrival"]
    assert table.column("_partition").to_pylist() == [3, 3]
    facts = pq.read_metadata(tmp_path / "clicks" / name).metadata or {}
    assert facts[b"headrace.partition"] == b"3"
    assert facts[b"headrace.origin"] == b'[{"file": "a.csv"}]'


def test_a_column_that_older_files_lack_is_null(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1, 2]))
    wider = Layout("clicks", CLICKS.schema.append(pa.field("shop", pa.string())), "ts")
    assert rows_of(FileLog(tmp_path, wider), ["shop", "uid"]).to_pydict() == {"shop": [None, None], "uid": [0, 1]}


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1]))
    for name, stored, declared in (("item", "string", "struct<id: int64>"), ("uid", "int64", "timestamp"), ("uid", "int64", "int8")):
        log = FileLog(tmp_path, Layout("clicks", schema(**{name: declared, "ts": "timestamp"}), "ts"))
        text = rf"^column '{name}' is {stored} in .*00000-0{{20}}\.parquet and {declared} in source 'clicks': the log keeps the type that it "
        with pytest.raises(StorageError, match=text):
            log.read(log.row_groups()[0])


def test_a_wider_number_is_read(tmp_path: Path) -> None:
    narrow = Layout("clicks", schema(uid="int16", price="float32", ts="timestamp"), "ts")
    write(tmp_path, narrow, clicks([1, 2]).select(["uid", "price", "ts"]).cast(narrow.schema))
    assert rows_of(FileLog(tmp_path, CLICKS), ["uid", "price"]).to_pydict() == {"uid": [0, 1], "price": [0.0, 0.5]}


def test_another_event_time_leaves_the_arrivals(tmp_path: Path) -> None:
    """The files are older than the change of the source's time."""
    both = Layout("clicks", schema(ts="timestamp", seen="timestamp"), "ts")
    table = pa.table({"ts": pa.array([1, 2, 3], TIMESTAMP), "seen": pa.array([30, None, 10], TIMESTAMP)})
    write(tmp_path, both, table, rows_per_group=2)
    log = FileLog(tmp_path, Layout("clicks", both.schema, "seen"))
    assert [(group.min_time_us, group.max_time_us, group.max_arrival_us) for group in log.row_groups()] == [(30, 30, 2), (10, 10, 3)]
    assert micros(rows_of(log), "_arrival") == [1, 2, 3]


def test_new_files_are_seen(tmp_path: Path) -> None:
    log = FileLog(tmp_path, CLICKS)
    assert log.row_groups() == []
    write(tmp_path, CLICKS, clicks([1]))
    assert len(log.row_groups()) == 1


def test_a_log_pickles(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1, 2]))
    for log in (FileLog(tmp_path, CLICKS), events_log(CLICKS, clicks([1, 2]))):
        again = pickle.loads(pickle.dumps(log))
        assert rows_of(again) == rows_of(log)
        assert rows_of(again).num_rows == 2


def test_a_second_writer_is_told(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1]))
    with pytest.raises(StorageError, match=r"00000-0{20}\.parquet exists already: another writer has added to this partition; start again"):
        write(tmp_path, CLICKS, clicks([2]))
    assert micros(rows_of(FileLog(tmp_path, CLICKS)), "ts") == [1]
    assert len(list((tmp_path / "clicks").iterdir())) == 1, "the draft is gone"


def test_files_that_overlap_are_told(tmp_path: Path) -> None:
    write(tmp_path, CLICKS, clicks([1, 2, 3]))
    write(tmp_path, CLICKS, clicks([4], _offset=[2]))
    with pytest.raises(StorageError, match=r"-0{19}2\.parquet starts at offset 2, and 00000-0{20}\.parquet ends at 2 already$"):
        FileLog(tmp_path, CLICKS).row_groups()


def test_a_file_that_is_not_ours_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "clicks"
    folder.mkdir()
    (folder / "notes.txt").write_text("not a part of the log")
    (folder / "00000-00000000000000000000.parquet").write_text("not Parquet")
    with pytest.raises(StorageError, match=r"00000-0{20}\.parquet is not a readable Parquet file: "):
        FileLog(tmp_path, CLICKS).row_groups()
    pq.write_table(clicks([1]), folder / "00000-00000000000000000000.parquet")
    with pytest.raises(StorageError, match=r"was not written by this release of headrace: found no version, reads version 1$"):
        FileLog(tmp_path, CLICKS).row_groups()


def test_rows_must_follow_their_place(tmp_path: Path) -> None:
    text = r"^rows for the log of 'clicks' are not in order of their place: offsets must rise and arrivals must not fall$"
    for table in (clicks([1, 2], _offset=[1, 1]), clicks([1, 2], _arrival=pa.array([2, 1]).cast(TIMESTAMP))):
        with pytest.raises(InvalidValue, match=text):
            write(tmp_path, CLICKS, table)
    writer = LogWriter(Folder(tmp_path), CLICKS, rows_per_group=1)
    placed = rows_of(events_log(CLICKS, clicks([1, 2, 3])))
    writer.append(placed.slice(1).to_batches()[0])
    with pytest.raises(InvalidValue, match=text):
        writer.append(placed.slice(0, 1).to_batches()[0])
    assert len(list((tmp_path / "clicks").iterdir())) == 1
    writer.abandon()
    assert list((tmp_path / "clicks").iterdir()) == []


def test_the_names_of_the_place_are_taken() -> None:
    with pytest.raises(InvalidName, match=r"^source 'x' has a column '_offset', a name that the log uses for itself; rename the column$"):
        Layout("x", pa.schema([("_offset", pa.int64()), ("ts", TIMESTAMP)]), "ts")


@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=8), rows_per_group=st.integers(1, 7), groups_per_file=st.integers(1, 3))
def test_bytes_do_not_depend_on_batches(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], rows_per_group: int, groups_per_file: int
) -> None:
    table = rows_of(events_log(CLICKS, clicks(list(range(sum(sizes))))))
    folders = [tmp_path_factory.mktemp("log") for _ in range(2)]
    for folder, cuts in zip(folders, (sizes, [sum(sizes)]), strict=True):
        writer = LogWriter(Folder(folder), CLICKS, rows_per_group=rows_per_group, groups_per_file=groups_per_file)
        at = 0
        for size in cuts:
            for batch in table.slice(at, size).to_batches():
                writer.append(batch)
            at += size
        writer.close()
    contents = [{path.name: path.read_bytes() for path in (folder / "clicks").glob("*")} for folder in folders]
    assert contents[0] == contents[1]
    groups = FileLog(folders[0], CLICKS).row_groups()
    assert sum(group.rows for group in groups) == sum(sizes)
    assert all(group.rows == rows_per_group for group in groups[:-1])

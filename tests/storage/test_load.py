"""Files become a log: every row is in it or among the dead letters, by arrival, once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.archive import FileLog, Layout, LogWriter, load
from headrace.archive.order import ArrivalSort
from headrace.errors import DataError, StorageError, TypeMismatch, UnknownColumn
from tests.storage.samples import CLICKS, TIMESTAMP, clicks, micros, rows_of, schema


def letters(path: str | None) -> list[dict[str, Any]]:
    assert path is not None
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def json_lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records))
    return path


def parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def test_rows_are_sorted_by_arrival_ties_by_file_and_row(tmp_path: Path) -> None:
    one = parquet(tmp_path / "one.parquet", clicks([30, 10, 20, 10], uid=[0, 1, 2, 3]))
    two = parquet(tmp_path / "two.parquet", clicks([10, 40], uid=[4, 5]))
    done = load(CLICKS, [one, two], tmp_path / "archive")
    assert (done.rows, done.dead, done.raised, done.ignored, done.dead_letters) == (6, 0, 0, (), None)
    table = rows_of(FileLog(tmp_path / "archive", CLICKS))
    assert table.column("uid").to_pylist() == [1, 3, 4, 2, 0, 5]
    assert micros(table, "_arrival") == [10, 10, 10, 20, 30, 40]
    assert table.column("_offset").to_pylist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "semicolon.csv", "jsonl", "csv.gz", "jsonl.zst"])
def test_every_format_gives_the_same_log(tmp_path: Path, kind: str) -> None:
    table = clicks([3_000_000, 1_500_000, None, 2_000_000], item=["a,b", 'say "hi"\nthere', "", None], _arrival=[9, 8, 7, 6])
    table = table.set_column(table.schema.get_field_index("_arrival"), "seen", table.column("_arrival").cast(TIMESTAMP)).slice(0, 4)
    path = tmp_path / f"clicks.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    elif "csv" in kind or "tsv" in kind:
        separator = {"tsv": "\t", "semicolon.csv": ";"}.get(kind, ",")
        plain = tmp_path / "plain"
        pyarrow.csv.write_csv(table, plain, pyarrow.csv.WriteOptions(delimiter=separator))
        path.write_bytes(gzip.compress(plain.read_bytes()) if kind.endswith("gz") else plain.read_bytes())
    else:
        lines = [{**row, "ts": row["ts"] and row["ts"].isoformat(), "seen": row["seen"].isoformat()} for row in table.to_pylist()]
        json_lines(tmp_path / "plain", *lines)
        content = (tmp_path / "plain").read_bytes()
        path.write_bytes(bytes(pa.compress(content, "zstd", asbytes=True)) if kind.endswith("zst") else content)
    done = load(CLICKS, [path], tmp_path / "archive", arrival="seen")
    assert (done.rows, done.dead) == (4, 0)
    found = rows_of(FileLog(tmp_path / "archive", CLICKS))
    assert found.schema == CLICKS.log_schema
    assert found.column("uid").to_pylist() == [3, 2, 1, 0]
    assert found.column("item").to_pylist() == [None, "", 'say "hi"\nthere', "a,b"]
    assert micros(found, "ts") == [2_000_000, None, 1_500_000, 3_000_000]
    assert micros(found, "_arrival") == [6, 7, 8, 9]


def test_a_later_load_goes_on(tmp_path: Path) -> None:
    load(CLICKS, [parquet(tmp_path / "one.parquet", clicks([10, 30]))], tmp_path / "archive")
    done = load(CLICKS, [parquet(tmp_path / "two.parquet", clicks([40, 20, 25]))], tmp_path / "archive")
    assert (done.rows, done.raised) == (3, 2)
    table = rows_of(FileLog(tmp_path / "archive", CLICKS))
    assert micros(table, "ts") == [10, 30, 20, 25, 40]
    assert micros(table, "_arrival") == [10, 30, 30, 30, 40]
    assert table.column("_offset").to_pylist() == [0, 1, 2, 3, 4]


def test_partitions_are_logs_of_their_own(tmp_path: Path) -> None:
    one, two = (parquet(tmp_path / f"{name}.parquet", clicks(times)) for name, times in (("one", [10]), ("two", [5])))
    load(CLICKS, [one], tmp_path / "archive")
    assert load(CLICKS, [two], tmp_path / "archive", partition=1).raised == 0
    assert load(CLICKS, [one], tmp_path / "archive", partition=2).ignored == ((str(one), "loaded already, as one.parquet"),)
    assert [(group.partition, group.first_offset) for group in FileLog(tmp_path / "archive", CLICKS).row_groups()] == [(0, 0), (1, 0)]


def test_the_same_file_twice_is_noticed(tmp_path: Path) -> None:
    path = parquet(tmp_path / "one.parquet", clicks([1]))
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(path.read_bytes())
    done = load(CLICKS, [path, copy], tmp_path / "archive")
    assert (done.rows, done.ignored) == (1, ((str(copy), "loaded already, as one.parquet"),))
    done = load(CLICKS, [copy], tmp_path / "archive")
    assert (done.rows, done.files, done.ignored) == (0, (), ((str(copy), "loaded already, as one.parquet"),))
    assert rows_of(FileLog(tmp_path / "archive", CLICKS)).num_rows == 1


def test_dead_letters_say_file_row_and_reason(tmp_path: Path) -> None:
    layout = Layout("clicks", CLICKS.schema, "ts", {"ts": "s"})
    text = "item,uid,price,ts\na,1,2.5,2024-01-01\nb,two,1,2024-01-02\nc,3,1\nd,4,x,2024-01-03\ne,5,,\nf,6, 7 ,2024-01-04T01:00:00Z\n"
    path = tmp_path / "clicks.csv"
    path.write_bytes(text.encode() + b"g\xff,7,1,2024-01-05\n")
    done = load(layout, [path], tmp_path / "archive")
    assert (done.rows, done.dead) == (2, 5)
    assert [(each["file"], each["row"], each["column"], each["reason"]) for each in letters(done.dead_letters)] == [
        ("clicks.csv", 1, "uid", "column 'uid': 'two' is no int64"),
        ("clicks.csv", 2, None, "found 3 fields, expected 4"),
        ("clicks.csv", 3, "price", "column 'price': 'x' is no float64"),
        ("clicks.csv", 4, "ts", "no event time: column 'ts' is null"),
        ("clicks.csv", 6, "item", r"column 'item': 'g\\xff' is no string"),
    ]
    assert letters(done.dead_letters)[1]["record"] == "c,3,1"
    assert json.loads(letters(done.dead_letters)[0]["record"]) == {"uid": "two", "item": "b", "price": "1", "ts": "2024-01-02"}
    assert rows_of(FileLog(tmp_path / "archive", CLICKS)).column("price").to_pylist() == [2.5, 7.0]


def test_dead_letters_of_json_lines(tmp_path: Path) -> None:
    layout = Layout("clicks", CLICKS.schema, "ts", {"ts": "ms"})
    good = {"uid": 1, "item": "a", "price": 1, "ts": 1_000, "more": [1]}
    path = json_lines(
        tmp_path / "clicks.jsonl", good, "{oops", [1], "", good | {"uid": 2.5}, good | {"uid": 2**70}, good | {"price": "4.5"}, {"ts": "2024-01-01"}
    )
    done = load(layout, [path], tmp_path / "archive")
    assert [(each["row"], each["reason"]) for each in letters(done.dead_letters)] == [
        (1, "not JSON: object keys must be strings (byte 1)"),
        (2, "found list, expected an object"),
        (4, "column 'uid': 2.5 is no int64"),
        (5, "column 'uid': 1180591620717411303424 is no int64"),
    ]
    table = rows_of(FileLog(tmp_path / "archive", CLICKS))
    assert table.column("price").to_pylist() == [1.0, 4.5, None]
    assert micros(table, "ts") == [1_000_000, 1_000_000, 1_704_067_200_000_000]


def test_types_are_those_of_the_source(tmp_path: Path) -> None:
    layout = Layout("t", schema(small="int8", money="float64", day="date", at="timestamp"), "at", {"at": "ns"})
    table = pa.table(
        {
            "small": pa.array([1, 300], pa.int64()),
            "money": pa.array([1, 2], pa.decimal128(10, 2)),
            "day": pa.array(["2024-01-02", "2024-01-03"]),
            "at": pa.array([1_999, -1], pa.int64()),
            "other": [1, 2],
        }
    )
    done = load(layout, [parquet(tmp_path / "t.parquet", table)], tmp_path / "archive")
    assert [each["reason"] for each in letters(done.dead_letters)] == ["column 'small': 300 is no int8"]
    (row,) = rows_of(FileLog(tmp_path / "archive", layout)).to_pylist()
    assert (row["small"], row["money"], str(row["day"]), row["at"].microsecond) == (1, 1.0, "2024-01-02", 1)


@pytest.mark.parametrize(
    "content, name, text",
    [
        (b"", "a.csv", "is empty: expected a header with the names of the columns"),
        (b"uid;itm;price;ts\n", "a.csv", "unknown column 'item' in PATH, read as source 'clicks' (did you mean 'itm'?); it has: uid, itm, price, ts"),
        (b'[{"uid": 1}]', "a.json", "holds a JSON array: expected one object a line; jq -c '.[]' PATH writes it so"),
        (b'{"uid": 1, "tss": 3}\n', "a.jsonl", "unknown column 'ts' in PATH, read as source 'clicks' (did you mean 'tss'?); it has: uid, tss"),
        (b"PAR1 no", "a.parquet", "cannot be read as parquet: "),
        (b"a", "a.xlsx", "cannot tell the format of PATH: expected a name that ends in .parquet, .csv, .tsv, .jsonl or .ndjson, and .gz, "),
        (None, "a.csv", "there is no file PATH"),
    ],
)
def test_bad_files_are_told(tmp_path: Path, content: bytes | None, name: str, text: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((DataError, UnknownColumn)) as caught:
        load(CLICKS, [path], tmp_path / "archive")
    expected = text.replace("PATH", str(path))
    assert str(caught.value).removeprefix(f"{path} ").startswith(expected)
    assert not (tmp_path / "archive" / "clicks").exists()


def test_a_column_that_can_never_fit_is_told(tmp_path: Path) -> None:
    table = clicks([1], price=[[1.0]])
    with pytest.raises(TypeMismatch, match=r"^column 'price' is list<float64>, and float64 is declared$"):
        load(CLICKS, [parquet(tmp_path / "a.parquet", table)], tmp_path / "archive")
    table = clicks([1], ts=[1_704_067_200])
    with pytest.raises(TypeMismatch, match=r"^column 'ts' is int64, and timestamp is declared; say the integers' unit: timestamp\[s\], "):
        load(CLICKS, [parquet(tmp_path / "b.parquet", table)], tmp_path / "archive")


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    path = parquet(tmp_path / "one.parquet", clicks([1, None, 3]))
    load(CLICKS, [path], tmp_path / "archive", progress=lambda name, rows: told.append((name, rows)))
    assert told == [(str(path), 3)]


def test_an_interrupted_load_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file of the load stands when the process dies; the same command then ends as if nothing had been."""
    files = [parquet(tmp_path / f"{name}.parquet", clicks(times)) for name, times in (("a", [3, 1, None]), ("b", [2, 5]))]
    other = parquet(tmp_path / "c.parquet", clicks([9]))
    plain = LogWriter.__init__

    def small(self: LogWriter, *arguments: Any, **options: Any) -> None:
        plain(self, *arguments, **options, rows_per_group=1, groups_per_file=1)

    monkeypatch.setattr(LogWriter, "__init__", small)
    load(CLICKS, files, tmp_path / "whole")
    with monkeypatch.context() as patch:
        finish = LogWriter._finish
        calls: list[bool] = []

        def dies(self: LogWriter, *, last: bool) -> None:
            calls.append(last)
            if len(calls) == 3:
                raise KeyboardInterrupt
            finish(self, last=last)

        patch.setattr(LogWriter, "_finish", dies)
        with pytest.raises(KeyboardInterrupt):
            load(CLICKS, files, tmp_path / "archive")
    assert len(FileLog(tmp_path / "archive", CLICKS).files()) == 2
    with pytest.raises(StorageError, match=r"^a load of a\.parquet, b\.parquet into 'clicks' was interrupted: repeat it with the same files first$"):
        load(CLICKS, [other], tmp_path / "archive")
    done = load(CLICKS, files, tmp_path / "archive")
    assert (done.rows, done.dead) == (4, 1)

    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (folder / "clicks").rglob("*") if path.is_file()}

    assert contents(tmp_path / "archive") == contents(tmp_path / "whole")
    assert load(CLICKS, [*files, other], tmp_path / "archive").rows == 1


@given(
    st.lists(st.lists(st.integers(-3, 3), max_size=12), max_size=8),
    st.integers(1, 400),
    st.integers(1, 4),
)
def test_a_sort_that_spills_is_a_sort(tables: list[list[int]], run_bytes: int, batch_rows: int) -> None:
    number = iter(range(1_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headrace.archive.order.BATCH_ROWS", batch_rows)
        sort = ArrivalSort(run_bytes)
        for arrivals in tables:
            if arrivals:
                rows = [next(number) for _ in arrivals]
                sort.add(pa.table({"row": pa.array(rows, pa.int64()), "_arrival": pa.array(arrivals, pa.int64())}))
        found = [(row["_arrival"], row["row"]) for table in sort.sorted() for row in table.to_pylist()]
        sort.close()
    flat = [arrival for arrivals in tables for arrival in arrivals]
    assert found == sorted((arrival, row) for row, arrival in enumerate(flat))


def test_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sort = ArrivalSort(run_bytes=1)
    for arrivals in ([3, 1], [2, 2]):
        sort.add(pa.table({"_arrival": pa.array(arrivals, pa.int64())}))
    assert len(list(tmp_path.iterdir())) == 1
    assert np.concatenate([table.column(0).to_numpy() for table in sort.sorted()]).tolist() == [1, 2, 2, 3]
    sort.close()
    assert list(tmp_path.iterdir()) == []

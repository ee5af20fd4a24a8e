"""Parquet files whose bytes depend on the rows alone, and the threads that write them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import StorageError
from sinks.parquet import ParquetTable, Written
from sinks.pool import WriterPool
from tests.storage.samples import schema

if TYPE_CHECKING:
    from pathlib import Path

ROWS = schema(uid="int64", item="string", price="float64", ts="timestamp", last="list<struct<item: string, price: float64>>", flag="bool")


def rows(count: int) -> pa.RecordBatch:
    """Rows with nulls, NaN and lists."""
    values: dict[str, list[Any]] = {
        "uid": list(range(count)),
        "item": [None if at % 3 == 0 else f"i{at % 11}" for at in range(count)],
        "price": [float("nan") if at % 7 == 0 else None if at % 4 == 0 else at / 2 for at in range(count)],
        "ts": [at * 7 for at in range(count)],
        "last": [None if at % 5 == 0 else [{"item": f"x{at}", "price": None if at % 3 else at / 3}] * (at % 4) for at in range(count)],
        "flag": [None if at % 2 else at % 3 == 0 for at in range(count)],
    }
    return pa.RecordBatch.from_arrays([pa.array(values[field.name], field.type) for field in ROWS], schema=ROWS)


def test_row_groups_are_cut_by_rows(tmp_path: Path) -> None:
    with ParquetTable(tmp_path / "out.parquet", ROWS, rows_per_group=40) as table:
        for at in range(0, 100, 30):
            table.write(rows(100).slice(at, 30))
    metadata = pq.read_metadata(tmp_path / "out.parquet")
    assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)] == [40, 40, 20]
    assert pq.read_table(tmp_path / "out.parquet").to_batches()[0].schema == ROWS
    assert str(pq.read_table(tmp_path / "out.parquet").to_pylist()) == str(rows(100).to_pylist())
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


@given(
    count=st.integers(0, 60),
    sizes=st.lists(st.integers(0, 20), max_size=10),
    per_group=st.integers(1, 25),
    threads=st.integers(0, 2),
    copied=st.booleans(),
)
def test_bytes_do_not_depend_on_batches_or_threads(
    tmp_path_factory: pytest.TempPathFactory, count: int, sizes: list[int], per_group: int, threads: int, copied: bool
) -> None:
    folder = tmp_path_factory.mktemp("out")
    whole = rows(count)
    with ParquetTable(folder / "one.parquet", ROWS, rows_per_group=per_group, facts={"b": "1", "a": "2"}) as table:
        table.write(whole)
    pool = WriterPool(threads) if threads else None
    with ParquetTable(str(folder / "two.parquet"), ROWS, pool, rows_per_group=per_group, facts={"a": "2", "b": "1"}) as table:
        at = 0
        for size in [*sizes, count]:
            part = whole.slice(at, size)
            table.write(part.take(np.arange(part.num_rows)) if copied else part)
            at = min(count, at + size)
    if pool is not None:
        pool.close()
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()


def test_others_read_it_with_one_call(tmp_path: Path) -> None:
    path = str(tmp_path / "out.parquet")
    with ParquetTable(path, ROWS) as table:
        table.write(rows(50))
    assert pl.read_parquet(path)["uid"].to_list() == list(range(50))
    assert duckdb.execute(f"SELECT count(*), sum(uid) FROM '{path}'").fetchall() == [(50, 1225)]


def test_statistics_and_dictionaries(tmp_path: Path) -> None:
    written = {}
    for name, statistics in (("default", None), ("keys", ["uid", "ts"])):
        with ParquetTable(tmp_path / name, ROWS, statistics=statistics, facts={"headrace.group": "g"}) as table:
            table.write(rows(9))
        metadata = pq.read_metadata(tmp_path / name)
        group = metadata.row_group(0)
        columns = [group.column(at) for at in range(group.num_columns)]
        written[name] = [column.path_in_schema for column in columns if column.is_stats_set]
        assert [column.path_in_schema for column in columns if column.has_dictionary_page] == ["item"]
        assert {column.compression for column in columns} == {"LZ4"}
        assert (metadata.metadata or {})[b"headrace.group"] == b"g"
    assert written == {"default": ["ts"], "keys": ["uid", "ts"]}


def test_a_file_without_rows_is_one(tmp_path: Path) -> None:
    table = ParquetTable(tmp_path / "deep" / "er" / "none.parquet", ROWS)
    written = table.close()
    assert written == Written("none.parquet", 0, (tmp_path / "deep" / "er" / "none.parquet").stat().st_size)
    assert table.close() == written
    assert pq.read_table(tmp_path / "deep" / "er" / "none.parquet").schema == ROWS


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    for count in (3, 5):
        with ParquetTable(path, ROWS) as table:
            table.write(rows(count))
            assert (path.exists(), len(list(tmp_path.iterdir()))) == (count == 5, 1 + (count == 5))
    assert pq.read_metadata(path).num_rows == 5

    def interrupted() -> None:
        with ParquetTable(path, ROWS) as table:
            table.write(rows(7))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert pq.read_metadata(path).num_rows == 5
    assert list(tmp_path.iterdir()) == [path]


def test_other_columns_are_refused(tmp_path: Path) -> None:
    table = ParquetTable(tmp_path / "out.parquet", ROWS)
    with pytest.raises(KeyError, match="price"):
        table.write(rows(3).drop_columns(["price"]))
    narrow = ParquetTable(tmp_path / "narrow.parquet", schema(uid="int32", ts="timestamp"))
    with pytest.raises(pa.ArrowInvalid, match="not in range"):
        narrow.write(pa.record_batch({"uid": pa.array([2**40]), "ts": rows(1).column("ts")}))
    for each in (table, narrow):
        each.abandon()
    assert list(tmp_path.iterdir()) == []


def write_rows(table: ParquetTable, count: int) -> None:
    for _ in range(count):
        table.write(rows(1))


def test_an_error_in_a_thread_reaches_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with WriterPool(1, pending=2) as pool:
        table = ParquetTable(tmp_path / "out.parquet", ROWS, pool, rows_per_group=1)
        monkeypatch.setattr(table, "_encode", fails)
        with pytest.raises(OSError, match="No space left"):
            write_rows(table, 10)
        with pytest.raises(OSError, match="No space left"):
            table.close()
        table.abandon()
        good = ParquetTable(tmp_path / "good.parquet", ROWS, pool)
        good.write(rows(2))
        assert good.close().rows == 2
    assert [path.name for path in tmp_path.iterdir()] == ["good.parquet"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"^cannot make the folder .*/file/out: Not a directory$"):
        ParquetTable(tmp_path / "file" / "out" / "x.parquet", ROWS)


def test_lanes_keep_their_order_and_the_pool_its_bound() -> None:
    """Four lanes of slow tasks: each in order, never more than the bound accepted and not ended."""
    done: list[list[int]] = [[] for _ in range(4)]
    accepted = threading.Lock()
    waiting, most = 0, 0

    def task(lane: int, number: int) -> None:
        nonlocal waiting
        done[lane].append(number)
        with accepted:
            waiting -= 1

    with WriterPool(3, pending=5) as pool:
        lanes = [pool.lane() for _ in range(4)]
        for number in range(200):
            for at, lane in enumerate(lanes):
                lane.submit(lambda at=at, number=number: task(at, number))  # type: ignore[misc]   # a lambda has no types
                with accepted:
                    waiting += 1
                    most = max(most, waiting)
        for lane in lanes:
            lane.wait()
    assert done == [list(range(200))] * 4
    assert most <= 6, "five in the pool, and the one just counted"


def test_submit_blocks_while_the_pool_is_full() -> None:
    gate = threading.Event()

    def hold() -> None:
        gate.wait(30)

    with WriterPool(1, pending=2) as pool:
        lane = pool.lane()
        lane.submit(hold)
        lane.submit(lambda: None)
        third = threading.Thread(target=lane.submit, args=(lambda: None,))
        third.start()
        third.join(0.1)
        assert third.is_alive()
        gate.set()
        third.join(30)
        assert not third.is_alive()
        lane.wait()

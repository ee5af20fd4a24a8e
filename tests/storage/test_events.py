"""Logs of what a notebook holds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.archive import FileLog, Layout, events_log, load
from headrace.errors import DataError, HeadraceError
from headrace.source import Source
from tests.storage.samples import CLICKS, TIMESTAMP, clicks, micros, rows_of

if TYPE_CHECKING:
    from pathlib import Path

UTC = dt.UTC


def as_pandas(table: pa.Table) -> Any:
    return table.to_pandas()


def as_dicts(table: pa.Table) -> Any:
    return table.to_pylist()


def as_polars(table: pa.Table) -> Any:
    return pl.from_arrow(table)


def as_lazy(table: pa.Table) -> Any:
    return pl.from_arrow(table).lazy()  # type: ignore[union-attr]   # a table becomes a frame


def as_reader(table: pa.Table) -> Any:
    return table.to_reader(max_chunksize=1)


def as_batch(table: pa.Table) -> Any:
    return table.to_batches()[0]


@pytest.mark.parametrize("form", [as_pandas, as_dicts, as_polars, as_lazy, as_reader, as_batch])
def test_every_form_gives_the_same_log(form: Any) -> None:
    table = clicks([3, None, 1], item=["a", None, ""], price=[1.5, None, 2.0])
    expected = rows_of(events_log(CLICKS, table))
    assert expected.column("uid").to_pylist() == [2, 0, 1]
    assert rows_of(events_log(CLICKS, form(table))) == expected


def test_files_and_folders_of_them(tmp_path: Path) -> None:
    table = clicks([3, 1], _partition=[1, 0], _arrival=pa.array([4, 5]).cast(TIMESTAMP))
    pq.write_table(table, tmp_path / "a.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "b.csv")
    log = rows_of(events_log(CLICKS, table))
    assert rows_of(events_log(CLICKS, tmp_path / "a.parquet")) == log
    assert rows_of(events_log(CLICKS, str(tmp_path / "b.csv"))) == log
    assert rows_of(events_log(CLICKS, tmp_path)).num_rows == 4
    with pytest.raises(DataError, match=r"/none\.csv$"):
        events_log(CLICKS, tmp_path / "none.csv")
    (tmp_path / "b.csv").write_text("uid,item,price,ts\nx,a,1,2024-01-01\n")
    with pytest.raises(DataError, match=r"/b\.csv, row 0, column 'uid': 'x' is no int64$"):
        events_log(CLICKS, tmp_path / "b.csv")


def test_a_log_of_a_source_is_what_load_writes(tmp_path: Path) -> None:
    source = Source("clicks", schema={"uid": "int64", "item": "string", "price": "float64", "ts": "timestamp[ms]"}, time="ts")
    table = clicks([1, 2], ts=[1_000, 500])
    pq.write_table(table, tmp_path / "a.parquet")
    load(source, [tmp_path / "a.parquet"], tmp_path / "archive")
    assert rows_of(events_log(source, table)) == rows_of(FileLog(tmp_path / "archive", Layout.of(source)))
    assert micros(rows_of(events_log(source, table)), "ts") == [500_000, 1_000_000]


def test_dicts_may_lack_fields() -> None:
    log = rows_of(events_log(CLICKS, [{"uid": 7, "ts": "2024-01-01"}, {"uid": 8.0, "price": Decimal("1.5"), "ts": dt.datetime(2023, 1, 1, tzinfo=UTC)}]))
    assert log.column("uid").to_pylist() == [8, 7]
    assert log.column("price").to_pylist() == [1.5, None]
    assert log.column("item").to_pylist() == [None, None]


def test_no_events_are_a_log() -> None:
    forms: list[Any] = [[], clicks([]), pd.DataFrame({name: [] for name in CLICKS.schema.names})]
    for nothing in forms:
        assert events_log(CLICKS, nothing).row_groups() == []


@pytest.mark.parametrize(
    "data, text",
    [
        (pa.table({"uid": [1], "itm": ["a"], "price": [1.0], "ts": ["2024-01-01"]}), "unknown column 'item' in the events of 'clicks' (did you mean 'itm'?); it has: uid, itm, price, ts"),
        ([{"uid": 1, "tss": 1}], "unknown column 'ts' in the events of 'clicks' (did you mean 'tss'?); it has: uid, tss"),
        ([{"uid": "x", "ts": 1}], "events of 'clicks', row 0, column 'uid': 'x' is no int64"),
        ([{"uid": 1, "ts": "2024-01-01"}, {"uid": 2, "ts": 5}], "events of 'clicks', row 1, column 'ts': 5 is no timestamp"),
        ([1], "events of 'clicks', row 0: found int, a list of events holds dicts"),
        (5, "the events of 'clicks' are int; give a pyarrow Table, a pandas or polars frame, a list of dicts, or the path of a Parquet, CSV or JSON lines file"),
        (clicks([1], uid=["a"]), "events of 'clicks', row 0, column 'uid': 'a' is no int64"),
        (clicks([1], uid=[[1]]), "column 'uid' is list<int64>, and int64 is declared"),
        (clicks([1, 2], _offset=[5, 5]), "two events of 'clicks' have the offset 5 in partition 0; an offset is one event's"),
        (clicks([1, 2], _offset=[5, None]), "events of 'clicks', row 1, column '_offset': None is no int64"),
        (clicks([1], _arrival=["soon"]), "events of 'clicks', row 0, column '_arrival': 'soon' is no timestamp"),
    ],
)  # fmt: skip
def test_mistakes_are_told(data: Any, text: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        events_log(CLICKS, data)
    assert str(caught.value) == text


events = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.one_of(st.none(), st.integers(0, 5))), max_size=20)


@given(events)
def test_with_offsets_arrival_is_the_running_maximum(rows: list[tuple[int, int, int | None]]) -> None:
    """The rule of the semantics, by a loop."""
    offsets = np.random.default_rng(len(rows)).permutation(len(rows)).tolist()
    table = clicks(
        [time for _, _, time in rows],
        _partition=pa.array([partition for partition, _, _ in rows], pa.int32()),
        _arrival=pa.array([arrival for _, arrival, _ in rows], pa.int64()),
        _offset=pa.array(offsets, pa.int64()),
    )
    expected = []
    for partition in range(3):
        newest = 0
        for row in sorted((row for row in range(len(rows)) if rows[row][0] == partition), key=lambda row: offsets[row]):
            newest = max(newest, rows[row][1])
            expected.append((partition, offsets[row], newest, row))
    log = events_log(CLICKS, table, rows_per_group=3)
    found = rows_of(log)
    columns = [found.column(name).to_pylist() for name in ("_partition", "_offset")]
    assert list(zip(*columns, micros(found, "_arrival"), found.column("uid").to_pylist(), strict=True)) == expected
    for group in log.row_groups():
        batch = log.read(group)
        times: list[Any] = batch.column("ts").drop_null().cast(pa.int64()).to_pylist()
        arrivals = micros(pa.table(batch), "_arrival")
        assert (group.rows, group.first_offset, group.partition) == (batch.num_rows, batch["_offset"][0].as_py(), batch["_partition"][0].as_py())
        assert (group.min_arrival_us, group.max_arrival_us) == (arrivals[0], arrivals[-1])
        assert (group.min_time_us, group.max_time_us) == ((min(times), max(times)) if times else (None, None))


@given(events)
def test_without_offsets_rows_are_sorted_by_arrival(rows: list[tuple[int, int, int | None]]) -> None:
    table = clicks(
        [time for _, _, time in rows],
        _partition=pa.array([partition for partition, _, _ in rows], pa.int64()),
        _arrival=pa.array([arrival for _, arrival, _ in rows], pa.int64()).cast(TIMESTAMP),
    )
    found = rows_of(events_log(CLICKS, table))
    order = sorted(range(len(rows)), key=lambda row: (rows[row][0], rows[row][1]))
    assert found.column("uid").to_pylist() == order
    assert micros(found, "_arrival") == [rows[row][1] for row in order]


def test_an_event_without_time_and_arrival_stands_behind_the_one_before() -> None:
    """The flow sends it to the dead letters; until then it has a place."""
    found = rows_of(events_log(CLICKS, clicks([None, 20, None, 10])))
    assert micros(found, "_arrival") == [10, 20, 20, 20]
    assert found.column("uid").to_pylist() == [3, 0, 1, 2]
    assert micros(rows_of(events_log(CLICKS, clicks([None, None]))), "_arrival") == [0, 0]

"""A run that begins with the archive takes the archive as it stood once, however it goes on meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import headrace as hr
from headrace.archive import FileLog, Folder, Layout, Listed, archived_ends
from headrace.archive.layout import file_name
from headrace.archive.write import OpenFile
from headrace.plan import build
from headrace.running.bootstrap import archived_places
from headrace.running.starting import ARCHIVE, Start, _is_whole
from sources.partition import Place
from tests.replay.shop import SECOND, STAMP, START, make_shop

if TYPE_CHECKING:
    from pathlib import Path


def payments(first: int, rows: int) -> pa.Table:
    times = pa.array([START + (first + i) * SECOND for i in range(rows)]).cast(STAMP)
    offsets = pa.array(range(100 + first, 100 + first + rows), pa.int64())
    return pa.table({"buyer_id": [1] * rows, "amount": [1.0] * rows, "paid_at": times, "_offset": offsets, "_arrival": times})


def archive(uri: Path, layout: Layout, table: pa.Table) -> None:
    """Add a file as the archive of a topic does."""
    folder = Folder(str(uri)).child("payments")
    table = table.append_column("_partition", pa.array([0] * table.num_rows, pa.int32())).select(layout.log_schema.names)
    file = OpenFile(folder.draft(".parquet"), layout, "lz4")
    file.write(table.cast(layout.log_schema))
    assert folder.publish(file.finish(0, {}), f"date=2024-01-01/hour=00/{file_name(0, file.first_offset)}")


def test_an_archive_that_goes_on_is_read_to_where_kafka_begins(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", rows=30)
    layout = Layout.of(shop.sources["payments"])
    uri = tmp_path / "other"
    archive(uri, layout, payments(0, 10))
    log = FileLog(uri, layout)
    start = Start(ARCHIVE, {("payments", 0): Place(archived_ends(log)[0].offset)}, (), {}, {})
    # between the start that was found and the replay
    archive(uri, layout, payments(10, 5))
    listed = Listed(log)
    assert archived_places({"payments": listed}, start)["payments", 0].offset == 115
    # and while it is replayed
    archive(uri, layout, payments(15, 5))
    assert sum(group.rows for group in listed.row_groups()) == 15
    assert sum(group.rows for group in log.row_groups()) == 20
    assert archived_places({"payments": listed}, start)["payments", 0].arrival_us == START + 14 * SECOND


def test_a_place_behind_a_gap_stays(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", rows=30)
    layout = Layout.of(shop.sources["payments"])
    archive(tmp_path / "other", layout, payments(0, 10))
    start = Start(ARCHIVE, {("payments", 0): Place(500)}, (), {}, {})
    assert archived_places({"payments": Listed(FileLog(tmp_path / "other", layout))}, start) == {}


@pytest.mark.parametrize(
    "windows, whole",
    [(["1h"], True), (["1h", "2d"], False), (["1h", "ever"], False)],
)
def test_a_state_is_whole_where_the_archive_goes_back_as_far_as_its_windows(windows: list[Any], whole: bool) -> None:
    uid = hr.Key("uid", hr.Dimension("user"), "int64")
    clicks = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts", lateness="10m", max_ahead="1m")
    plan = build([hr.FeatureGroup("group", key=uid, features={"clicks": clicks.count().over(windows)})])
    day = 86_400 * SECOND
    begun = [SimpleNamespace(partition=0, first_offset=500, first_arrival_us=START), SimpleNamespace(partition=0, first_offset=900, first_arrival_us=0)]
    log: Any = SimpleNamespace(files=lambda: begun)
    at = {("clicks", 0): Place(990, START + day)}
    assert _is_whole(plan, {"clicks": log}, at) is whole
    assert not _is_whole(plan, {"clicks": log}, at | {("clicks", 1): Place(0)}), "nobody knows where that one stands"
    begun[0].first_offset = 0
    assert _is_whole(plan, {"clicks": log}, at)

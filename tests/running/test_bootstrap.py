"""A run that begins with the archive takes the archive as it stood once, however it goes on meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from headrace.archive import FileLog, Folder, Layout, Listed, archived_ends
from headrace.archive.layout import file_name
from headrace.archive.write import OpenFile
from headrace.running.bootstrap import archived_places
from headrace.running.starting import ARCHIVE, Start
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

"""`replay`: what it writes where, and what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from headrace.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Ran


def test_rows_of_events(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("replay", "buyer_activity", "--out", "out/rows")
    assert (done.code, done.err) == (0, "")
    written = pq.read_table(shop / "out" / "rows")
    files = len(list((shop / "out" / "rows").glob("*.parquet")))
    assert done.out.startswith(f"2,254 rows in {files} files of out/rows; 2,254 events in ")
    table = Repository(shop).replay("buyer_activity")
    assert written.column_names == table.column_names

    def ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(rows, key=lambda row: (row["time"], row["buyer_id"]))

    assert ordered(written.to_pylist()) == ordered(table.to_pylist())
    assert headrace("replay", "buyer_activity", "--out", "out/rows").out == f"out/rows holds this replay already: 2,254 rows in {files} files\n"


def test_steps_between_two_instants(headrace: Callable[..., Ran], shop: Path) -> None:
    bounds = ("--from", "2024-03-02", "--to", "2024-03-02T12:00")
    done = headrace("replay", "item_popularity", "--rows", "steps", *bounds, "--out", "out", "--json")
    found = json.loads(done.out)
    assert (done.code, found["out"], found["complete_before"]) == (0, "out", False)
    rows = pq.read_table(shop / "out").to_pylist()
    assert len(rows) == found["rows"]
    times = [row["time"].isoformat() for row in rows]
    assert min(times) >= "2024-03-02"
    assert max(times) < "2024-03-02T12:00"


def test_a_training_set(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("replay", "will_buy_v1", "--spine", "data/questions.csv", "--time", "asked", "--out", "out")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("449 rows in 1 file of out; 2,254 events in ")
    table = pq.read_table(shop / "out")
    assert table.column_names[:5] == ["buyer_id", "item", "asked", "bought", "views_1h"]
    assert table.num_rows == 449


def test_online(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("replay", "will_buy_v1", "--online")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("the newest values are in local; 2,254 events in ")


def test_what_is_not_normal_is_told(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "late.csv").write_text(
        "event_id,buyer_id,item,action,price,time,got\n"
        "e02253,33,pot,buy,29.0,2024-03-03T21:01:04Z,2024-03-03T21:02:00Z\n"   # a second time
        "f1,33,pot,buy,29.0,2024-03-03T12:00:00Z,2024-03-03T21:02:00Z\n"   # nine hours late
        "f2,,pot,buy,29.0,2024-03-03T21:02:00Z,2024-03-03T21:02:00Z\n"   # nobody's
    )
    assert headrace("load", "clicks", "late.csv", "--arrival", "got").code == 0
    done = headrace("replay", "buyer_activity", "--out", "out")
    assert done.out.splitlines()[1:] == ["  duplicate clicks: 1", "  null key clicks: 1", "  too late clicks: 1"]


NAMES = "buyer_activity, item_popularity, item_prices, will_buy_v1"
SPINE = "--spine data/questions.csv"
WRONG = [
    ("buyer", f"unknown group or service 'buyer' in the repository shop; it has: {NAMES}"),
    ("will_buy", f"unknown group or service 'will_buy' in the repository shop (did you mean 'will_buy_v1'?); it has: {NAMES}"),
    ("buyer_activity", "a replay writes somewhere: give --out DIR, --online, or both"),
    ("buyer_activity --rows step --out out", "rows of 'step' are not known; they are events or steps, or give a spine"),
    ("buyer_activity --time asked --out out", "--time belongs to --spine FILE, which is missing"),
    ("buyer_activity --before --out out", "--before belongs to --spine FILE, which is missing"),
    (f"buyer_activity {SPINE} --out out", "a spine needs --time COLUMN, the column with the instant of each row"),
    (f"buyer_activity {SPINE} --rows steps --out out", "--rows and --spine exclude each other: a spine has a row for each of its own rows"),
    ("buyer_activity --spine data/question.csv --time asked --out out", "the spine: there is no file data/question.csv"),
    (
        f"buyer_activity {SPINE} --time ask --out out",
        "unknown column 'ask' in the spine (did you mean 'asked'?); it has: buyer_id, item, asked, bought",
    ),
    ("buyer_activity --out data", "data is not empty and holds no replay; choose another --out"),
]


@pytest.mark.parametrize("arguments, text", WRONG)
def test_what_is_wrong(headrace: Callable[..., Ran], shop: Path, arguments: str, text: str) -> None:
    done = headrace("replay", *arguments.split())
    assert (done.code, done.out, done.err) == (2, "", f"headrace: {text}\n")
    assert not (shop / "out").exists()

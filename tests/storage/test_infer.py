"""Sources written from files: what is printed runs, and reads the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.archive import load
from headrace.errors import DataError
from headrace.infer import infer_source
from headrace.source import Source

if TYPE_CHECKING:
    from pathlib import Path

CSV = """order id,user_id,item,amount,paid,seen,created,note
1,5,shoes,2.5,true,2024-01-01,2024-01-01 10:00:00,
2,5,shoes,3,false,2024-01-02,2024-01-01T11:00:00Z,
3,6,hat,1e3,true,2024-01-03,2024-01-02T11:00:00+02:00,
4,6,hat,,true,2024-01-03,,
"""
TEXT = """\
orders = hr.Source(
    "orders",
    schema={
        "order id": "int64",
        "user_id": "int64",
        "item": "string",
        "amount": "float64",
        "paid": "bool",
        "seen": "date",
        "created": "timestamp",
        "note": "string",
    },
    time="created",   # or seen
    # could be Keys: order id, user_id, item
    # keys={"order id": hr.Key("order id", hr.Dimension("order id"), "int64")},
)
"""


def evaluated(text: str) -> Source:
    names: dict[str, Any] = {"hr": hr}
    exec(text, names)  # noqa: S102   # that it runs is what is promised
    (source,) = (value for value in names.values() if isinstance(value, Source))
    return source


def test_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.2024.csv"
    path.write_text(CSV)
    assert infer_source(path) == TEXT
    done = load(evaluated(TEXT), [path], tmp_path / "archive")
    assert (done.rows, done.dead) == (3, 1)


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "2024 clicks.jsonl"
    records = [
        {"user": {"id": 7, "name": "x"}, "at": 1_704_067_200_000, "tags": ["a"], "n": 1, "mixed": 1},
        {"user": {"id": 8}, "at": 1_704_067_260_000, "n": 1.5, "mixed": "one", "_id": "x"},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    text = infer_source(path)
    source = evaluated(text)
    assert text.startswith('source_2024_clicks = hr.Source(\n    "2024_clicks",\n')
    assert "    # left out, since '_' begins our names: '_id'\n" in text
    assert {field.name: str(field.type) for field in source.fields} == {
        "user": "struct<id: int64, name: string>",
        "at": "timestamp[us, tz=UTC]",
        "tags": "list<item: string>",
        "n": "double",
        "mixed": "string",
    }
    assert load(source, [path], tmp_path / "archive").rows == 2


def test_a_parquet_file(tmp_path: Path) -> None:
    table = pa.table(
        {
            "tail": pa.array(["a", "b", "a", "b"]).dictionary_encode(),
            "price": pa.array([1, 2, 3, 4], pa.decimal128(10, 2)),
            "small": pa.array([1, 2, 3, 4], pa.uint8()),
            "when": pa.array([1, 2, 3, 4], pa.timestamp("ns")),
            "event_time": pa.array([1, 2, 3, 4], pa.timestamp("s", tz="Europe/Berlin")),
            "nothing": pa.nulls(4),
        }
    )
    pq.write_table(table, tmp_path / "flights.parquet")
    source = evaluated(infer_source(tmp_path / "flights.parquet", name="departures"))
    assert (source.name, source.time) == ("departures", "event_time")
    assert "# could be Keys: tail\n" in infer_source(tmp_path / "flights.parquet")
    assert [str(field.type) for field in source.fields][:3] == ["string", "double", "int16"]
    assert load(source, [tmp_path / "flights.parquet"], tmp_path / "archive").rows == 4


def test_days_can_be_the_time(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text("day,n\n2024-01-01,1\n2024-01-02,2\n")
    source = evaluated(infer_source(tmp_path / "days.csv"))
    assert (source.time, str(source.field("day").type)) == ("day", "timestamp[us, tz=UTC]")


@pytest.mark.parametrize(
    "name, content, text",
    [
        ("a.csv", "uid,n\n1,2\n", "PATH has no column that could be the event time; it has: uid int64, n int64"),
        ("a.jsonl", "[1]\n{oops\n", "PATH holds no JSON objects, one a line"),
        ("a.jsonl", '{"_id": 1}\n', "PATH has no columns"),
        ("a.csv", "", "PATH cannot be read as csv: Empty CSV file"),
        ("a.parquet", "x", "PATH cannot be read as parquet: "),
    ],
)
def test_files_that_are_no_source(tmp_path: Path, name: str, content: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        infer_source(path)
    assert str(caught.value).startswith(text.replace("PATH", str(path)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^there is no file .*/a\.csv$"):
        infer_source(tmp_path / "a.csv")

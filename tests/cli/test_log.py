"""`load` and `show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Ran

HEAD = "event_id,buyer_id,item,action,price,time\n"


def test_load(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "more.csv").write_text(HEAD + "f1,7,tea,view,4.5,2024-03-04T10:00:00Z\nf2,seven,tea,view,4.5,2024-03-04T10:01:00Z\n")
    done = headrace("load", "clicks", "more.csv", "data/clicks.csv")
    assert done.code == 0
    first, second, third = done.out.splitlines()
    assert first == "data/clicks.csv: left out, loaded already, as clicks.csv"
    assert second == "clicks: 1 row of 1 file in the log now"
    start, _, letters = third.partition("each stands with its reason in ")
    assert start == "1 row could not be taken: "
    letter = json.loads((shop / letters).read_text(encoding="utf-8"))
    assert (letter["row"], letter["reason"]) == (1, "column 'buyer_id': 'seven' is no int64")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_load_of_nothing_but_dead_letters(headrace: Callable[..., Ran], shop: Path, more: tuple[str, ...]) -> None:
    (shop / "more.csv").write_text(HEAD + "f2,seven,tea,view,4.5,2024-03-04T10:01:00Z\n")
    assert headrace("load", "clicks", "more.csv", *more).code == 1


def test_load_of_older_rows(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "older.csv").write_text(HEAD + "f1,7,tea,view,4.5,2024-02-04T10:00:00Z\n")
    assert headrace("load", "clicks", "older.csv").out == (
        "clicks: 1 row of 1 file in the log now\n1 row arrived before the log's end and count as arriving with it\n"
    )


def test_load_as_json(headrace: Callable[..., Ran], shop: Path) -> None:
    found = json.loads(headrace("load", "clicks", "data/clicks.csv", "--json").out)
    assert found["rows"] == 0
    assert found["ignored"] == [["data/clicks.csv", "loaded already, as clicks.csv"]]


def test_load_of_what_is_wrong(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("load", "click", "data/clicks.csv")
    assert (done.code, done.err) == (2, "headrace: unknown source 'click' in the repository shop (did you mean 'clicks'?); it has: clicks\n")
    done = headrace("load", "clicks", "data/nothing.csv")
    assert (done.code, done.err) == (2, "headrace: there is no file data/nothing.csv\n")
    (shop / "other.csv").write_text("a,b\n1,2\n")
    done = headrace("load", "clicks", "other.csv")
    assert (done.code, done.err) == (2, "headrace: unknown column 'event_id' in other.csv, read as source 'clicks'; it has: a, b\n")


def test_show(headrace: Callable[..., Ran], shop: Path) -> None:
    assert headrace("show", "clicks", "-n", 2).out == """\
event_id  buyer_id  item     action  price  time                  _place
e02252          39  grinder  cart     59.9  2024-03-03T21:00:40Z  0/2252
e02253          33  pot      buy      29.0  2024-03-03T21:01:04Z  0/2253
"""


def test_show_of_an_entity_from_an_instant(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("show", "clicks", "--key", "buyer_id=7", "--key", "action=buy", "--from", "2024-03-02", "-n", 2, "--json")
    rows = json.loads(done.out)
    assert [(row["buyer_id"], row["action"], row["time"][:10]) for row in rows] == [(7, "buy", "2024-03-02")] * 2
    assert rows[0]["_offset"] < rows[1]["_offset"]


def test_show_says_where_it_looked(headrace: Callable[..., Ran], shop: Path) -> None:
    log = "among the 2,254 rows of 'clicks', which arrived from 2024-03-01T08:28:43Z to 2024-03-03T21:01:04Z"
    for arguments in (("--from", "-1d"), ("--key", "buyer_id=9999"), ("--to", "2024-01-01"), ("--key", f"buyer_id={2**62}")):
        done = headrace("show", "clicks", *arguments)
        assert (done.code, done.out, done.err) == (0, "", f"headrace: no such row {log}\n")


WRONG = [
    (
        "--key=buyer=7",
        "unknown column or Key 'buyer' in source 'clicks' (did you mean 'buyer_id'?); it has: event_id, buyer_id, item, action, price, time",
    ),
    ("--key=buyer_id=x", "column 'buyer_id' is int64, and 'x' is none"),
    ("--key=7", "--key takes NAME=VALUE, found '7'"),
    (
        "--from=soon",
        "--from is not a time: 'soon'; write '2024-01-31', '2024-01-31T12:00:00Z', '-1d' (before now), 'now', 'today', 'yesterday' or a datetime",
    ),
]


@pytest.mark.parametrize("argument, text", WRONG)
def test_show_of_what_is_wrong(headrace: Callable[..., Ran], shop: Path, argument: str, text: str) -> None:
    done = headrace("show", "clicks", argument)
    assert (done.code, done.out, done.err) == (2, "", f"headrace: {text}\n")


def test_a_late_arrival_is_shown(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "late.jsonl").write_text(
        '{"event_id": "f1", "buyer_id": 7, "item": "tea", "action": "view", "price": 4.5, "time": "2024-03-04T10:00:00Z", "got": "2024-03-04T10:00:09Z"}\n'
    )
    assert headrace("load", "clicks", "late.jsonl", "--arrival", "got").code == 0
    assert headrace("show", "clicks", "-n", 1).out == """\
event_id  buyer_id  item  action  price  time                  _arrival              _place
f1               7  tea   view      4.5  2024-03-04T10:00:00Z  2024-03-04T10:00:09Z  0/2254
"""

"""What a replay could not compute or take is counted, under the names that a person knows."""

from __future__ import annotations

from typing import Any

import headrace as hr
from headrace.archive import events_log
from replay.tables import replay_table

USER = hr.Key("user", hr.Dimension("account"), "string")
CLICKS = hr.Source(
    "clicks", schema={"user": "string", "price": "string", "action": "string", "ts": "timestamp"}, time="ts", lateness="10m"
)
PRICE = CLICKS["price"].cast("float64")
ACTIVITY = hr.FeatureGroup(
    "activity",
    key=USER,
    features={
        "sum": PRICE.sum().over("1h"),
        "cheap": CLICKS.count(where=PRICE < 2).over("1h"),
        "own": PRICE,
        "rounded": (PRICE * 1e300).sum().over("1h").cast("int64"),
        "views": CLICKS.count().over("1h"),
    },
)


def counted(events: list[dict[str, Any]]) -> dict[str, int]:
    table, counts = replay_table([ACTIVITY], {"clicks": events_log(CLICKS, events)})
    assert table.num_rows == counts["rows clicks"] - sum(n for name, n in counts.items() if name.endswith(" clicks") and not name.startswith("rows"))
    return {name: n for name, n in counts.items() if not name.startswith(("null activity", "rows"))}


def event(minute: int, price: str = "0", **changed: Any) -> dict[str, Any]:
    at = f"2026-03-01T10:{minute:02}:00Z"
    return {"user": "ann", "price": price, "action": "view", "ts": at, "_arrival": at} | changed


def test_a_failure_is_that_of_every_feature_that_reads_it() -> None:
    assert counted([event(0), event(1, "two"), event(2, "three")]) == {
        "failed activity.sum": 2, "failed activity.cheap": 2, "failed activity.own": 2, "failed activity.rounded": 2,
    }  # fmt: skip


def test_a_value_that_does_not_fit_is_counted_where_it_is_made() -> None:
    assert counted([event(0), event(1, "5")]) == {"failed activity.rounded": 1}


def test_what_is_not_accepted_has_its_reason() -> None:
    refused = [
        event(15),
        event(1, _arrival="2026-03-01T10:15:01Z"),
        event(25, _arrival="2026-03-01T10:15:02Z"),
        event(0, ts=None, _arrival="2026-03-01T10:15:03Z"),
        event(15, user=None, _arrival="2026-03-01T10:15:04Z"),
    ]
    assert counted(refused) == {
        "too late clicks": 1, "too far ahead of its arrival clicks": 1, "no event time clicks": 1, "null key clicks": 1,
    }  # fmt: skip

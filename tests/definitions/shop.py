"""One source with a column of every kind, and what tests need around it."""

from __future__ import annotations

from typing import Any

import headrace as hr

account = hr.Dimension("account")
buyer = hr.Key("buyer_id", account, "int64")
seller = hr.Key("seller_id", account, "string")

SCHEMA: dict[str, Any] = {
    "event_id": "string",
    "buyer_id": "int64",
    "seller_id": "string",
    "item": "string",
    "price": "float64",
    "weight": "float32",
    "amount": "int32",
    "sale": "bool",
    "day": "date",
    "user": {"id": "int64", "name": "string"},
    "tags": "list<string>",
    "ts": "timestamp[ms]",
}
clicks = hr.Source("clicks", schema=SCHEMA, time="ts", unique="event_id")
views = hr.Source("views", schema={"uid": "int64", "seconds": "float64", "at": "timestamp"}, time="at", keys={"uid": buyer})


def group(name: str = "activity", key: Any = buyer, **features: Any) -> hr.FeatureGroup:
    """A group of these features."""
    return hr.FeatureGroup(name, key=key, features=features)

"""A feature repository with an archive of random clicks and payments, small enough to be replayed many times.

It promises the same archive for the same numbers: two sources in several partitions, cut into many small row groups, with jittered arrivals, late events, events too
late, without a time and too far ahead, null keys and null values. All amounts are quarters, so that sums are exact.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive import Layout, write
from headrace.repository import Repository
from replay.run import Options

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000
START = 1_704_067_200 * SECOND
STAMP = pa.timestamp("us", tz="UTC")
HOURS = 6
# many slices, each with a few row groups, and a checkpoint behind every second one
OPTIONS = Options(slice_rows=600, checkpoint_slices=2, readers=3)

DEFINITIONS = """
import headrace as hr

buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
item = hr.Key("item", hr.Dimension("item"), "string")
clicks = hr.Source(
    "clicks",
    schema={"click_id": "int64", "uid": "int64", "item": "string", "price": "float64", "ts": "timestamp"},
    time="ts", keys={"uid": buyer}, lateness="10m", unique="click_id",
)
payments = hr.Source(
    "payments", schema={"buyer_id": "int64", "amount": "float64", "paid_at": "timestamp"}, time="paid_at", lateness="5m", idle="2m",
)

activity = hr.FeatureGroup("activity", key=buyer, features={
    "views": clicks.count().over(["10m", "1h"]),
    "spend": clicks["price"].sum().over("1h"),
    "dearest": clicks["price"].max().over(["10m", "2h"]),
    "spread": clicks["price"].std().over(hr.window("2h", rows=5)),
    "items": clicks["item"].last_n(3).over("1h"),
    "kinds": clicks["item"].n_unique().over("1h"),
    "idle_s": clicks.time_since_last(),
    "heat": clicks.decayed_count(half_life="30m"),
    "price": clicks["price"],
}, refresh="5m")
money = hr.FeatureGroup("money", key=buyer, features={
    "paid": payments["amount"].sum().over("1h"),
    "rate": (payments.count() / clicks.count()).over("1h"),
    "seen": clicks["item"].last(ignore_nulls=True).over("2h"),
}, refresh="10m")
popular = hr.FeatureGroup("popular", key=item, features={"views": clicks.count().over("1h"), "mean": clicks["price"].mean().over("30m")})
pair = hr.FeatureGroup("pair", key=[buyer, item], features={"again": clicks.count().over("2h")}, refresh="10m")
ranking = hr.FeatureService("ranking", [activity["views_1h", "idle_s"], popular.prefix("item_"), money["rate"], pair])
"""
SETTINGS = """
[project]
name = "shop"
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
"""


def make_shop(folder: Path, rows: int = 2_000, seed: int = 7, unique_clicks: bool = False) -> Repository:
    """The repository in `folder`, with about `rows` clicks and a third as many payments; `unique_clicks`: no two have one identity."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.py").write_text(DEFINITIONS)
    (folder / "headrace.toml").write_text(SETTINGS)
    repository = Repository(folder)
    rng = np.random.default_rng(seed)
    for name, count, partitions in (("clicks", rows, 3), ("payments", rows // 3, 2)):
        layout = Layout.of(repository.sources[name])
        for partition in range(partitions):
            table = _partition(name, rng, count // partitions)
            if unique_clicks and name == "clicks":
                table = table.set_column(0, "click_id", pa.array(np.arange(table.num_rows) + partition * rows))
            write(repository.config.archive_uri, layout, table, partition=partition, rows_per_group=100)
    return repository


def _partition(name: str, rng: np.random.Generator, rows: int) -> pa.Table:
    # arrivals in whole seconds: many coincide, in a partition and between them
    arrivals = np.sort(rng.integers(0, HOURS * 3600, rows)) * SECOND + START
    behind = np.where(rng.random(rows) < 0.7, 0, rng.integers(-20, 900, rows)) * SECOND
    times = arrivals - behind
    times[rng.random(rows) < 0.01] += 3600 * SECOND
    stamps = pa.array(times, mask=rng.random(rows) < 0.01).cast(STAMP)
    buyers = pa.array(rng.integers(0, 40, rows), mask=rng.random(rows) < 0.02)
    amounts = pa.array(rng.integers(0, 400, rows) / 4, mask=rng.random(rows) < 0.05)
    place = {"_arrival": pa.array(arrivals).cast(STAMP)}
    if name == "payments":
        return pa.table({"buyer_id": buyers, "amount": amounts, "paid_at": stamps} | place)
    items = pa.array([f"item-{i}" for i in rng.integers(0, 9, rows)], mask=rng.random(rows) < 0.03)
    clicks = pa.array(rng.integers(0, 40 * rows, rows))
    return pa.table({"click_id": clicks, "uid": buyers, "item": items, "price": amounts, "ts": stamps} | place)


def labels(rows: int = 300, seed: int = 3) -> pa.Table:
    """A spine in no order: known and unknown entities, null keys, instants in, before and behind the log; a column of its own."""
    rng = np.random.default_rng(seed)
    instants = START + rng.integers(-1800, (HOURS + 1) * 3600, rows) * SECOND
    return pa.table({
        "label": rng.integers(0, 2, rows),
        "buyer_id": pa.array(rng.integers(0, 45, rows), mask=rng.random(rows) < 0.03),
        "item": pa.array([f"item-{i}" for i in rng.integers(0, 11, rows)], mask=rng.random(rows) < 0.03),
        "at": pa.array(instants).cast(STAMP),
    })  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file under `folder`, by its relative path."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def instant(us: int) -> Any:
    """A datetime from microseconds."""
    return pa.scalar(us, pa.int64()).cast(STAMP).as_py()

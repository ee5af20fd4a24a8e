"""The plan holds each thing once, and all that the flow needs."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pyarrow as pa
import pytest
from hypothesis import given
from sqlglot import exp

import headrace as hr
from headrace.describe import text
from headrace.forms import form
from headrace.plan import Cell, Plan, Track, Window, build, describe, explain, lineage
from headrace.tree import Aggregate, Call, RequestColumn
from headrace.typing import type_of
from tests.definitions import strategies
from tests.definitions.shop import buyer, clicks, group, seller, views

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TIME = pa.timestamp("us", tz="UTC")
price = clicks["price"]
sales = clicks.filter(clicks["sale"])


def derived(plan: Plan) -> dict[str, str]:
    """Every row-level expression by its id."""
    return {each.id: text(each.expr) for source in plan.sources for each in source.derived}


def cells(plan: Plan) -> list[tuple[str, int, str | None, int | None]]:
    known = derived(plan)
    return [(c.kind, c.track, known[c.input] if c.input else None, c.window.size_us) for c in plan.groups[0].cells]


def test_what_is_shared_is_there_once() -> None:
    plan = build([
        group("one", a=(price.sum() / clicks.count()).over(["1h", "7d"]), b=price.sum().over("1h")),
        group("two", c=price.max().over("1h"), d=sales["price"].mean().over("1d")),
    ])  # fmt: skip
    assert plan.tracks == (Track("clicks", 0, None, ("clicks.0",)), Track("clicks", 0, "clicks.1", ("clicks.0",)))
    assert derived(plan) == {"clicks.0": '"price"', "clicks.1": '"sale"'}
    assert [len(each.cells) for each in plan.groups] == [4, 2]
    assert cells(plan) == [
        ("sum", 0, '"price"', HOUR_US), ("count", 0, None, HOUR_US), ("sum", 0, '"price"', 7 * DAY_US), ("count", 0, None, 7 * DAY_US),
    ]  # fmt: skip
    assert plan.groups[0].features[2].expr.sql() == '"c0"'


def test_a_source_is_read_where_it_is_needed_only() -> None:
    plan = build([group(a=price.sum().over("1h"))])
    assert plan.sources[0].columns == ("event_id", "buyer_id", "price", "ts")
    assert (plan.sources[0].time, plan.sources[0].unique, plan.sources[0].lateness_us) == ("ts", "event_id", HOUR_US)


def test_several_keys_and_sources() -> None:
    plan = build([
        group("buyers", a=clicks.count().over("1h"), b=views["seconds"].sum().over("1h")),
        group("sellers", key=seller, c=clicks.count().over("1h")),
        group("pairs", key=[buyer, seller], d=clicks.count().over("1h")),
        group("viewers", e=views.count().over("1h")),
    ])  # fmt: skip
    assert [(key.names, key.types, key.columns) for key in plan.keys] == [
        (("buyer_id",), (pa.int64(),), {"clicks": ("buyer_id",), "views": ("uid",)}),
        (("seller_id",), (pa.string(),), {"clicks": ("seller_id",)}),
        (("buyer_id", "seller_id"), (pa.int64(), pa.string()), {"clicks": ("buyer_id", "seller_id")}),
    ]
    assert [(track.source, track.key) for track in plan.tracks] == [("clicks", 0), ("views", 0), ("clicks", 1), ("clicks", 2)]
    assert [each.key for each in plan.groups] == [0, 1, 2, 0]
    assert [each.sources for each in plan.groups] == [("clicks", "views"), ("clicks",), ("clicks",), ("views",)]


def test_inputs_are_widened_for_sums_and_kept_for_values() -> None:
    amount, sale, weight = clicks["amount"], clicks["sale"], clicks["weight"]
    plan = build([
        group(
            a=amount.sum().over("1h"), b=amount.mean().over("1h"), c=amount.count().over("1h"), d=amount.max().over("1h"),
            e=sale.mean().over("1h"), f=weight.std().over("1h"), g=weight.first().over("1h"), h=amount.decayed_sum(half_life="1h"),
        )
    ])  # fmt: skip
    types = {each.id: each.type for each in plan.sources[0].derived}
    known = derived(plan)
    found = [(c.kind, known[c.input], types[c.input], c.type) for c in plan.groups[0].cells if c.input]
    assert found == [
        ("sum", 'cast("amount" as int64)', pa.int64(), pa.int64()),
        ("mean", 'cast("amount" as int64)', pa.int64(), pa.float64()),
        ("count", 'cast("amount" as int64)', pa.int64(), pa.int64()),
        ("max", '"amount"', pa.int32(), pa.int32()),
        ("mean", 'cast("sale" as int64)', pa.int64(), pa.float64()),
        ("std", 'cast("weight" as float64)', pa.float64(), pa.float64()),
        ("first", '"weight"', pa.float32(), pa.float32()),
        ("decay_sum", 'cast("amount" as float64)', pa.float64(), pa.float64()),
    ]


def test_a_column_outside_is_the_entitys_own() -> None:
    plan = build([group(a=price - sales["price"].mean().over("7d", delay="1d"), b=sales["user.id"], c=clicks["buyer_id"])])
    known = derived(plan)
    own = [(known[c.input or ""], c.window, c.track) for c in plan.groups[0].cells if c.own]
    window = Window(8 * DAY_US, None)
    assert own == [(name, window, 0) for name in ('"price"', '"sale"', '"user".id', '"buyer_id"')]
    assert plan.tracks[0].where is None
    assert plan.groups[0].longest_us == 8 * DAY_US


@pytest.mark.parametrize(
    "feature, longest_us",
    [
        (price, None),
        (price.sum().over("1h") + price, HOUR_US),
        (price.sum().over("1h") + price.max().over(rows=9) + price, None),
        (price.sum().over("1h") + price.max().over("ever"), None),
        (price.max().over("2h", rows=9, delay="30m"), 5 * HOUR_US // 2),
        (clicks.time_since_last().over("1d"), DAY_US),
        (clicks.time_since_last(), None),
    ],
    ids=["own", "hour", "rows", "ever", "both and delay", "idle in a day", "idle"],
)
def test_the_longest_window(feature: hr.Expression, longest_us: int | None) -> None:
    plan = build([group(a=feature)])
    assert plan.groups[0].longest_us == longest_us
    assert all(cell.window == Window(longest_us, None) for cell in plan.groups[0].cells if cell.own)


def test_what_is_finished_at_the_lookup() -> None:
    request = hr.Request({"amount": "float64", "place": "string"})
    plan = build([
        group(
            idle=clicks.time_since_last(),
            decayed=sales["price"].decayed_sum(half_life="1d"),
            ratio=request["amount"] / price.mean().over("1d"),
            here=request["place"] == clicks["item"].last().over("1d"),
            views=clicks.count().over("1d"),
        )
    ])  # fmt: skip
    features = {each.name: each for each in plan.groups[0].features}
    assert {name: each.static for name, each in features.items()} == {
        "idle": False, "decayed": False, "ratio": False, "here": False, "views": True,
    }  # fmt: skip
    assert text(features["idle"].expr) == 'seconds(now() - "c0")'
    assert text(features["decayed"].expr) == f'"c1" * decay(seconds(now() - "c2"), {DAY_US})'
    assert features["decayed"].cells == ("c1", "c2")
    found = plan.groups[0].cells
    assert (found[1].kind, found[1].track, found[1].half_life_us) == ("decay_sum", 1, DAY_US)
    assert (found[2].kind, found[2].track, found[2].window, found[2].type) == ("last_time", 1, Window(None, None), TIME)
    assert plan.groups[0].requests == (("amount", pa.float64()), ("place", pa.string()))
    # an event's own column of a request's name stands for it in rows of events
    assert "amount" in plan.sources[0].columns


def test_nested_values_are_kept_packed() -> None:
    plan = build([
        group(
            a=clicks[["item", "price"]].last_n(5).over("1d"), b=clicks["tags"].last().over("1d"), c=clicks["user"],
            d=clicks["tags"].n_unique().over("1d"), e=clicks["tags"].last_n(2).over("1d")[0],
        )
    ])  # fmt: skip
    assert list(derived(plan).values()) == ["pack(struct('item', \"item\", 'price', \"price\"))", 'pack("tags")', 'pack("user")']
    assert [(cell.kind, cell.type) for cell in plan.groups[0].cells] == [
        ("last_n", pa.list_(pa.binary())), ("last", pa.binary()), ("last", pa.binary()), ("n_unique", pa.int64()),
        ("last_n", pa.list_(pa.binary())),
    ]  # fmt: skip
    assert [text(each.expr) for each in plan.groups[0].features] == [
        "unpack(\"c0\", 'list<struct<item: string, price: float64>>')",
        "unpack(\"c1\", 'list<string>')",
        "unpack(\"c2\", 'struct<id: int64, name: string>')",
        '"c3"',
        "item(unpack(\"c4\", 'list<list<string>>'), 0)",
    ]


def test_a_plan_of_nothing() -> None:
    with pytest.raises(hr.errors.InvalidValue, match="a plan needs one group or more"):
        build([])


@given(strategies.groups)
def test_every_plan_fits_together(made: hr.FeatureGroup) -> None:
    plan = build([made])
    (found,) = plan.groups
    source = plan.source("clicks")
    types = {each.id: each.type for each in source.derived}
    assert len({form(each.expr) for each in source.derived}) == len(source.derived)
    for each in source.derived:
        assert type_of(each.expr, lambda column: clicks.column_type(column.name)) == each.type
        assert each.expr.find(Aggregate, RequestColumn) is None
        assert {column.name for column in each.expr.find_all(exp.Column)} <= set(source.columns)
    assert len(set(plan.tracks)) == len({(t.source, t.key, t.where) for t in plan.tracks}) == len(plan.tracks)
    for cell in found.cells:
        track = plan.tracks[cell.track]
        assert cell.input is None or (cell.input in track.inputs and cell.input in types)
        assert track.where is None or types[track.where] == pa.bool_()
    unnamed = {dataclasses.replace(cell, id="") for cell in found.cells}
    assert len(unnamed) == len({cell.id for cell in found.cells}) == len(found.cells)
    by_id: dict[str, Cell] = {cell.id: cell for cell in found.cells}
    assert {name for feature in found.features for name in feature.cells} == set(by_id)
    for feature in found.features:
        assert feature.expr.find(Aggregate) is None
        assert type_of(feature.expr, lambda column: by_id[column.name].type) == feature.type
        assert feature.static == all(call.this != "now" for call in feature.expr.find_all(Call))
        assert not any(column.table for column in feature.expr.find_all(exp.Column))
    assert [(f.name, f.type) for f in found.features] == [(f.name, f.type) for f in made.schema]
    assert pickle.loads(pickle.dumps(plan)).groups[0].cells == found.cells


@given(strategies.groups)
def test_every_plan_is_explained(made: hr.FeatureGroup) -> None:
    plan = build([made])
    told = describe(plan)
    assert json.loads(json.dumps(told)) == told
    lines = explain(plan)
    assert all(f" {name}: " in lines for name in made.features)
    read = {f"clicks.{name}" for name in plan.sources[0].columns}
    assert all(set(columns) <= read for columns in lineage(plan)["activity"].values())
    assert "pack(" not in lines


def test_explained() -> None:
    plan = build([
        group("spending", spend=sales["price"].sum().over(["1d", "7d"]), idle=clicks.time_since_last(), sold=sales["item"]),
        group("rates", rate=(sales.count() / clicks.count()).over("7d", rows=100, delay="1h", closed="both", exclude="row")),
    ])  # fmt: skip
    assert explain(plan) == """\
source clicks: reads event_id, buyer_id, item, price, sale, ts; time ts, lateness 1h, unique event_id
├─ stored by buyer_id: events where "sale"; keeps "price"; shared by spending, rates; about 136 bytes an entity, 24 an event for 7d2h
│  ├─ 1d: sum("price") → spend_1d
│  ├─ 7d: sum("price") → spend_7d
│  └─ 7d, last 100, delay 1h, closed both, without the row: count() → rate
└─ stored by buyer_id: every event; keeps "sale", "item"; shared by spending, rates; about 112 bytes an entity, 32 an event for 7d2h
   ├─ ever: last_time() → idle
   ├─ the newest event's own: "sale", "item" → sold
   └─ 7d, last 100, delay 1h, closed both, without the row: count() → rate
group spending: key buyer_id, refresh 1m, about 248 bytes an entity
├─ spend_1d: float64 = sum("price") where "sale" over [1d]; from clicks.sale, clicks.price
├─ spend_7d: float64 = sum("price") where "sale" over [7d]; from clicks.sale, clicks.price
├─ idle: float64 = seconds(now() - last_time() over [ever]); finished at the look-up
└─ sold: string = case when "sale" then "item" end; from clicks.sale, clicks.item
group rates: key buyer_id, refresh 1m, about 248 bytes an entity
└─ rate: float64 = count() where "sale" over [7d, last 100, delay 1h, closed both, without the row] / \
count() over [7d, last 100, delay 1h, closed both, without the row]; from clicks.sale"""

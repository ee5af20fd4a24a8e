"""What expressions are made of, and that they do not change."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given

import headrace as hr
from headrace.expressions import describe, same
from headrace.forms import form
from tests.definitions import strategies
from tests.definitions.shop import clicks, views

price, item, ts = clicks["price"], clicks["item"], clicks["ts"]
paid = clicks.filter(clicks["sale"])

TEXTS: list[tuple[hr.Expression, str, str]] = [
    (1 + price * 2, '1 + "price" * 2', "float64"),
    ((1 + price) * 2, '(1 + "price") * 2', "float64"),
    (1 - (price - 2), '1 - ("price" - 2)', "float64"),
    (clicks["amount"] + 1, '"amount" + 1', "int64"),
    (clicks["amount"] / 2, '"amount" / 2', "float64"),
    (7 // clicks["amount"], 'floor(7 / "amount")', "float64"),
    (7 % clicks["amount"], '7 % "amount"', "int64"),
    (2**price, 'power(2, "price")', "float64"),
    (-price, '-"price"', "float64"),
    (+price, '"price"', "float64"),
    (abs(price), 'abs("price")', "float64"),
    (round(price, 2), 'round("price", 2)', "float64"),
    ((price > 1) & ~(item == "a") | (price <= 0), '"price" > 1 and not "item" = \'a\' or "price" <= 0', "bool"),
    (True & clicks["sale"], 'true and "sale"', "bool"),
    (price.between(1, 2), '"price" >= 1 and "price" <= 2', "bool"),
    (item.is_in({"a"}), "\"item\" in ('a')", "bool"),
    (item.is_not_null(), '"item" is not null', "bool"),
    (price.cast("int"[:3] + "64"), 'cast("price" as int64)', "int64"),
    (price.fill_null(0), 'coalesce("price", 0)', "float64"),
    (price.clip(0, 9), 'clip("price", 0, 9)', "float64"),
    (price.clip(high=9), 'case when "price" > 9 then 9 else "price" end', "float64"),
    (hr.concat(item, "!"), "concat(\"item\", '!')", "string"),
    (hr.least(price, 1), 'least("price", 1)', "float64"),
    (hr.haversine(price, price, 1.5, 2), 'haversine("price", "price", 1.5, 2)', "float64"),
    (ts - timedelta(days=1), '"ts" - 1d', "timestamp"),
    (ts - ts, '"ts" - "ts"', "duration"),
    ((ts - ts).seconds(), 'seconds("ts" - "ts")', "float64"),
    (ts >= datetime(2026, 1, 2), '"ts" >= 2026-01-02T00:00:00+00:00', "bool"),  # noqa: DTZ001   # without a zone it is UTC
    (clicks["day"] == date(2026, 1, 2), "\"day\" = cast('2026-01-02' as date)", "bool"),
    (ts.weekday(), 'weekday("ts")', "int64"),
    (ts.date_trunc("hour"), "date_trunc('hour', \"ts\")", "timestamp"),
    (clicks["user.name"], '"user".name', "string"),
    (clicks["user"]["name"], '"user".name', "string"),
    (clicks["tags"][0], 'item("tags", 0)', "string"),
    (clicks["tags"].list_length(), 'list_length("tags")', "int64"),
    (clicks[["item", "price"]], "struct('item', \"item\", 'price', \"price\")", "struct<item: string, price: float64>"),
    (clicks.event_time, '"ts"', "timestamp"),
    (hr.event_time(clicks), '"ts"', "timestamp"),
    (hr.when(price > 1).then("a").when(price > 0).then("b"), "case when \"price\" > 1 then 'a' when \"price\" > 0 then 'b' end", "string"),
    (price.lag(2, ignore_nulls=True), 'lag("price", 2, ignoring nulls)', "float64"),
    (item.last_n(5), 'last_n("item", 5)', "list<string>"),
    (clicks["sale"].sum(), 'sum("sale")', "int64"),
    (clicks["amount"].min(), 'min("amount")', "int32"),
    (clicks["weight"].max(), 'max("weight")', "float32"),
    (clicks["weight"].sum(), 'sum("weight")', "float64"),
    (ts.max(), 'max("ts")', "timestamp"),
    (clicks["user"].n_unique(), 'n_unique("user")', "int64"),
    (price.decayed_sum(half_life="1d"), 'decay_sum("price", half-life 1d) over [ever]', "float64"),
    (clicks.time_since_last(), "seconds(now() - last_time())", "float64"),
]


@pytest.mark.parametrize("made, text, type_", TEXTS, ids=[text for _, text, _ in TEXTS])
def test_what_is_made(made: hr.Expression, text: str, type_: str) -> None:
    assert repr(made) == f"<expression {text}: {type_}>"


LITERALS: list[tuple[Any, str]] = [
    (None, '["null"]'),
    (True, '["boolean",true]'),
    (False, '["boolean",false]'),
    (-3, '["neg",["int",3]]'),
    (np.int32(3), '["int",3]'),
    (np.float64(0.5), '["float","0.5"]'),
    (1e22, '["float","1e+22"]'),
    (Decimal("1.5"), '["float","1.5"]'),
    (-0.0, '["neg",["float","0.0"]]'),
    (float("-inf"), '["castto",["string","-inf"],"float64"]'),
    ("Ä'\"", '["string","Ä\'\\""]'),
    (timedelta(seconds=1), '["duration",1000000]'),
    (datetime(1970, 1, 1, 1, tzinfo=UTC), '["instant",3600000000]'),
    (date(1970, 1, 2), '["castto",["string","1970-01-02"],"date"]'),
]


@pytest.mark.parametrize("value, text", LITERALS, ids=[repr(value) for value, _ in LITERALS])
def test_literals(value: Any, text: str) -> None:
    assert form(hr.literal(value).node) == text


def test_a_filter_is_what_an_aggregate_sees() -> None:
    assert describe(paid["price"].sum().node) == 'sum("price") where "sale"'
    assert describe(paid.count().node) == 'count() where "sale"'
    assert describe(paid.time_since_last().node) == 'seconds(now() - last_time() where "sale")'
    assert describe((paid["price"] - clicks["weight"]).mean().node) == 'mean("price" - "weight") where "sale"'
    assert describe(paid["price"].sum(where=paid["price"] > 3).node) == 'sum("price") where "sale" and "price" > 3'
    assert describe(paid.filter(paid["price"] > 3, clicks["sale"]).count().node) == 'count() where "sale" and "price" > 3'


def test_a_filter_removes_no_row() -> None:
    assert describe((paid["price"] + 1).node) == 'case when "sale" then "price" end + 1'
    assert describe(paid["user.name"].node) == 'case when "sale" then "user".name end'
    assert describe(paid["user"]["name"].node) == 'case when "sale" then "user".name end'


def test_further_columns_are_written_into_what_uses_them() -> None:
    cents = clicks.with_columns(cents=clicks["price"] * 100)
    twice = cents.with_columns(twice=cents["cents"] * 2, cents=cents["cents"] + 1)
    assert describe(twice["twice"].node) == '"price" * 100 * 2'
    assert describe(twice["cents"].sum().node) == 'sum("price" * 100 + 1)'
    assert describe(paid.with_columns(p=paid["price"])["p"].sum().node) == 'sum("price") where "sale"'
    # a column taken from another view keeps the values that it has there
    assert describe(clicks.with_columns(p=paid["price"])["p"].sum().node) == 'sum(case when "sale" then "price" end)'
    assert (twice.columns[-2:], twice.is_view, clicks.is_view) == (["cents", "twice"], True, False)
    with pytest.raises(hr.errors.UnknownColumn):
        _ = clicks["cents"]


def test_templates() -> None:
    rate = (paid.count() / clicks.count()).over(["1h", "7d"])
    assert [suffix for suffix, _ in rate.variants] == ["1h", "7d"]
    assert [describe(each.node) for _, each in (1 - rate.fill_null(0)).variants] == [
        f'1 - coalesce(count() where "sale" over [{window}] / count() over [{window}], 0)' for window in ("1h", "7d")
    ]
    both = (clicks.count().over(["1h", "1d"]) - views["seconds"].sum()).over("7d")
    assert [describe(each.node) for _, each in both.variants] == [
        'count() over [1h] - sum("seconds") over [7d]',
        'count() over [1d] - sum("seconds") over [7d]',
    ]
    with pytest.raises(hr.errors.TypeMismatch, match="a template has no single tree: it is 2 features"):
        _ = rate.node


def test_names_of_windows() -> None:
    several: list[Any] = ["60m", "P1D", timedelta(hours=36), "ever", hr.window(rows=9), hr.window("1h", delay="1d", closed="both", exclude="row")]
    assert [suffix for suffix, _ in clicks.count().over(several).variants] == [
        "60m", "1d", "1d12h", "ever", "9rows", "1h_both_no_row_delay_1d",
    ]  # fmt: skip
    # what all of them share is not in their names
    assert [suffix for suffix, _ in clicks.count().over(["1h", "1d"], delay="7d").variants] == ["1h", "1d"]


def test_a_user_function() -> None:
    swap = hr.function("swap_case", "string", pc.utf8_swapcase)
    made = swap(item)
    assert repr(made) == '<expression swap_case("item"): string>'
    before = form(made.node)
    hr.function("swap_case", "string", lambda data: data)
    assert form(made.node) != before


@given(strategies.features)
def test_pickled_it_is_the_same(made: hr.Expression) -> None:
    again = pickle.loads(pickle.dumps(made))
    assert same(again, made)
    assert again.type == made.type
    assert same(copy.deepcopy(made), made)


@given(strategies.rows, strategies.conditions)
def test_what_is_built_on_it_leaves_it_alone(made: hr.Expression, condition: hr.Expression) -> None:
    before = form(made.node)
    _ = (made + made).sum(where=condition).over("1h") / made.fill_null(made)
    _ = hr.when(condition).then(made).otherwise(-made)
    _ = clicks.filter(condition).with_columns(x=made)["x"].mean().over(["1h", "7d"])
    assert form(made.node) == before


@given(strategies.features, strategies.features)
def test_forms_tell_apart(one: hr.Expression, other: hr.Expression) -> None:
    """Two trees have one form if and only if they are printed alike; printing keeps every literal and every parameter."""
    assert (form(one.node) == form(other.node)) == (repr(one.node) == repr(other.node))

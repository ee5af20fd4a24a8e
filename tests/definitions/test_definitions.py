"""Sources, groups, services and what the package offers."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

import headrace as hr
from headrace.aggregates import REGISTRY as AGGREGATES
from headrace.aggregating import Aggregating
from headrace.functions import REGISTRY as FUNCTIONS
from headrace.methods import RowMethods
from headrace.tree import Aggregate, Call
from tests.definitions.shop import SCHEMA, account, buyer, clicks, group, seller, views
from tests.house.tree import ROOT

TIME = pa.timestamp("us", tz="UTC")


def test_a_source() -> None:
    assert clicks.schema.field("user").type == pa.struct([("id", pa.int64()), ("name", pa.string())])
    assert clicks.schema.field("ts").type == TIME
    assert (clicks.field("ts").unit, clicks.topic, clicks.time, clicks.unique) == ("ms", "clicks", "ts", "event_id")
    assert (clicks.lateness_us, clicks.max_ahead_us, clicks.idle_us) == (3_600_000_000, 300_000_000, 60_000_000)
    assert clicks.key_columns([buyer, seller]) == ("buyer_id", "seller_id")
    assert views.key_columns([buyer]) == ("uid",)


def test_sources_are_equal_by_what_they_declare() -> None:
    twin = hr.Source("clicks", schema=SCHEMA, time="ts", unique="event_id", description="another text")
    assert twin == clicks
    assert hash(twin) == hash(clicks)
    assert hr.Source("clicks", schema=SCHEMA, time="ts") != clicks
    assert clicks.filter(clicks["sale"]) != clicks
    assert clicks.filter(twin["sale"]) == twin.filter(clicks["sale"])
    assert clicks.filter(clicks["sale"]).base is clicks
    again = pickle.loads(pickle.dumps(clicks.filter(clicks["sale"])))
    assert again == clicks.filter(clicks["sale"])
    # a definition that was read twice meets itself
    assert list(group(a=(clicks.count() + twin.count()).over("1h")).sources) == [clicks]


def test_keys_by_name_or_by_declaration() -> None:
    user = hr.Key("user", account, "int32")
    listed = hr.Source("s", schema={"user": "int64", "ts": "timestamp"}, time="ts", keys=[user])
    assert listed.keys == {"user": user}
    assert listed.key_columns([user]) == ("user",)
    both = {"buyer": "int64", "friend": "int64", "ts": "timestamp"}
    friend = hr.Key("friend", account, "int64")
    source = hr.Source("s", schema=both, time="ts", keys={"buyer": buyer})
    assert (source.key_columns([buyer]), source.key_columns([friend])) == (("buyer",), ("friend",))


def test_a_column_may_have_a_dot_in_its_name() -> None:
    source = hr.Source("s", schema={"user.id": "string", "user": {"id": "int64", "of": {"in": "bool"}}, "ts": "timestamp"}, time="ts")
    assert source["user.id"].type == pa.string()
    assert source["user"]["id"].type == pa.int64()
    assert source["user.of.in"].type == pa.bool_()


def test_a_group() -> None:
    made = group(views=clicks.count().over(["1h", "7d"]), last=clicks["item"], rate=clicks["sale"].mean().over("1d"))
    assert list(made.features) == ["views_1h", "views_7d", "last", "rate"]
    assert made.schema.names == ["views_1h", "views_7d", "last", "rate"]
    assert made.schema.types == [pa.int64(), pa.int64(), pa.string(), pa.float64()]
    assert (made.keys, made.key, made.sources, made.refresh_us) == ((buyer,), buyer, (clicks,), 60_000_000)
    assert made.key_columns == {"clicks": ("buyer_id",)}
    assert group(key=[buyer, seller], a=clicks.count().over("1h")).key == (buyer, seller)
    assert repr(made) == "FeatureGroup('activity', key=['buyer_id'], 4 features)"


def test_selections() -> None:
    made = group(views=clicks.count().over(["1h", "7d"]), last=clicks["item"])
    assert made["views"].names == ["views_1h", "views_7d"]
    assert made["last", "views_7d"].names == ["last", "views_7d"]
    assert made[["last"]].names == ["last"]
    assert made["last"].prefix("b_").prefix("a_").names == ["a_b_last"]
    assert made.prefix("x_").names == ["x_views_1h", "x_views_7d", "x_last"]


def test_a_service() -> None:
    buyers = group("buyers", views=clicks.count().over(["1h", "7d"]), last=clicks["item"])
    sellers = group("sellers", key=seller, views=clicks.count().over(["1h", "7d"]))
    service = hr.FeatureService("fraud", [buyers["last"], sellers["views"].prefix("seller_"), buyers["views_1h"]])
    assert service.features == [
        ("last", buyers, "last"), ("seller_views_1h", sellers, "views_1h"), ("seller_views_7d", sellers, "views_7d"),
        ("views_1h", buyers, "views_1h"),
    ]  # fmt: skip
    assert (service.groups, service.keys) == ((buyers, sellers), (buyer, seller))
    assert service.schema.field("last").type == pa.string()
    assert service.digest != hr.FeatureService("fraud", [buyers, sellers.prefix("seller_")]).digest
    assert pickle.loads(pickle.dumps(service)).names == service.names


def test_a_service_is_one_table() -> None:
    items = hr.Key("item", hr.Dimension("item"), "string")
    bought = group(item=clicks["item"])
    sold = group("sold", key=items, views=clicks.count().over("1h"))
    with pytest.raises(hr.errors.DuplicateName, match=r"feature 'item' of service 's' has the name of a Key of group 'sold'; rename it: "):
        hr.FeatureService("s", [bought, sold])
    hr.FeatureService("s", [bought.prefix("last_"), sold])


def test_requests() -> None:
    request = hr.Request({"amount": "float64", "at": "timestamp"})
    made = group(ratio=request["amount"] / clicks["price"].mean().over("1d"), gap=(request["at"] - clicks["ts"].max().over("1d")).seconds())
    assert made.requests == {"amount": "float64", "at": "timestamp"}
    with pytest.raises(hr.errors.DuplicateName, match="takes the request column 'amount' as int64, another takes it as float64"):
        group(a=request["amount"] + clicks["price"], b=hr.Request({"amount": "int64"})["amount"] + clicks["price"])
    with pytest.raises(hr.errors.TypeMismatch, match="takes the request column 'tags' as int64, and column 'tags' of source 'clicks' is list<string>"):
        group(a=hr.Request({"tags": "int64"})["tags"] + clicks["price"])


def test_a_label_may_be_read_when_it_is_known() -> None:
    late = hr.Source("late", schema={"buyer_id": "int64", "bad": hr.label("bool", known_after="7d"), "ts": "timestamp"}, time="ts")
    group(a=late["bad"].mean().over("30d", delay="7d"), b=late["bad"].mean().over("30d", delay="8d"), c=late.count().over("1h"))
    at_once = hr.Source("s", schema={"buyer_id": "int64", "bad": hr.label("bool", known_after="0s"), "ts": "timestamp"}, time="ts")
    group(a=at_once["bad"], b=at_once["bad"].mean().over("1h"))


def test_a_nested_label_leaks_as_well() -> None:
    source = hr.Source(
        "s", schema={"buyer_id": "int64", "end": hr.label("struct<paid: bool>", known_after="1d"), "ts": "timestamp"}, time="ts"
    )
    for feature in (source["end.paid"], source["end.paid"].mean().over("7d"), source.count(where=source["end"]["paid"]).over("7d")):
        with pytest.raises(hr.errors.LabelLeak, match="reads label 'end'"):
            group(a=feature)


def test_every_row_function_is_a_method_or_a_constructor() -> None:
    """What is declared can be written in Python: some method makes each function."""
    numbers: dict[str, Any] = {"power": 2, "null_if": 2, "bucketize": [1], "hash": 9, "fill_null": 0, "clip": 3, "item": 0}
    texts: dict[str, Any] = {
        "contains": "a", "starts_with": "a", "ends_with": "a", "like": "a%", "date_trunc": "day", "cast": "string", "field": "id", "concat": "a",
    }  # fmt: skip
    made = set()
    for name, method in inspect.getmembers(RowMethods, inspect.isfunction):
        if name.startswith("_"):
            continue
        needed = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD][1:]
        given: list[Any] = []
        if needed or name in numbers or name in texts:
            special: dict[str, list[Any]] = {"replace": ["a", "b"], "substr": [1], "between": [1, 2], "is_in": [[1]]}
            given = special.get(name) or [numbers[name] if name in numbers else texts[name]]
        for column in ("price", "item", "ts", "tags", "user", "amount"):
            try:
                node = getattr(clicks[column] if name != "seconds" else clicks["ts"] - clicks["ts"], name)(*given).node
            except hr.errors.DefinitionError:
                continue
            made |= {call.this for call in node.find_all(Call)}
            break
        else:
            pytest.fail(f"{name} takes no column")
    made |= {"haversine", "greatest", "least", "now", "decay"}
    assert {name for name, function in FUNCTIONS.items() if not function.internal} - made == set()


def test_every_aggregate_is_a_method() -> None:
    methods = {name for name, _ in inspect.getmembers(Aggregating, inspect.isfunction)}
    methods |= {name for name, _ in inspect.getmembers(hr.Source, inspect.isfunction)}
    names = {"last_time": "time_since_last", "decay_sum": "decayed_sum", "decay_count": "decayed_count"}
    assert {names.get(name, name) for name in AGGREGATES} - methods == set()


@pytest.mark.parametrize("name", AGGREGATES)
def test_the_example_of_an_aggregate_runs(name: str) -> None:
    made = eval(AGGREGATES[name].example, {"clicks": clicks})  # noqa: S307   # the reference's own examples
    (found,) = made.node.find_all(Aggregate)
    assert found.args["kind"] == name
    group(a=made)


def test_the_names_of_the_package() -> None:
    for name in hr.__all__:
        assert getattr(hr, name).__name__ == name
    assert set(hr.__all__) <= set(dir(hr))
    with pytest.raises(AttributeError, match="headrace has no 'Sauce'"):
        _ = hr.Sauce


def test_the_import_alone_is_light() -> None:
    code = "import sys, headrace; print([name for name in ('pyarrow', 'sqlglot', 'numpy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip() == "[]"


def test_too_deep_an_expression_says_so() -> None:
    def nested() -> hr.Expression:
        node = clicks["price"].node
        for _ in range(5000):
            node = exp.Neg(this=node)
        return hr.Expression(node, {"clicks": clicks})

    with pytest.raises(hr.errors.InvalidValue, match="nests too deeply"):
        nested()

"""The digest says whether two groups compute the same, whatever they were written like."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
from hypothesis import given

import headrace as hr
from headrace.digest import group_content, plan_digest, track_digest
from headrace.functions_user import fingerprint
from tests.definitions import strategies
from tests.definitions.shop import SCHEMA, account, buyer, group, views
from tests.house.tree import ROOT

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD: dict[str, Any] = {"schema": SCHEMA, "time": "ts", "unique": "event_id"}


def activity(name: str = "activity", *, key: Any = buyer, refresh: Any = "1m", changed: Any = None, **source: Any) -> hr.FeatureGroup:
    """A group over a source of which `source` says what is different."""
    clicks = hr.Source("clicks", **STANDARD | source)
    features = {"spend": clicks["price"].sum(where=clicks["sale"]).over(["1h", "7d"]), "idle": clicks.time_since_last()}
    return hr.FeatureGroup(name, key=key, features=features | (changed(clicks) if changed else {}), refresh=refresh)


# a new value means other digests for every group there is: raise VERSION, and say so in the changelog
STANDS = "1d737921a876e6862af0382df2962095"


def test_it_is_the_same_in_every_process() -> None:
    code = "from tests.definitions.test_digest import activity; print(activity().digest)"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert found.stdout.strip() == activity().digest
    assert len(activity().digest) == 64


def test_it_stands() -> None:
    assert activity().digest[:32] == STANDS


SAME: dict[str, hr.FeatureGroup] = {
    "durations in other words": activity(lateness="60m", max_ahead=timedelta(minutes=5), idle="PT1M", refresh="60s"),
    "a description": activity(domain="sales", description="clicks"),
    "a topic": activity(topic="clicks-v2"),
    "a format": activity(format="avro"),
    "a column that is not read": activity(schema=SCHEMA | {"referrer": "string"}),
    "the order of columns": activity(schema=dict(reversed(SCHEMA.items()))),
    "a Dimension": activity(key=hr.Key("buyer_id", hr.Dimension("person"), "int64")),
    "the Key named": activity(keys={"buyer_id": buyer}),
    "a filter instead of where": activity(changed=lambda s: {"spend": s.filter(s["sale"])["price"].sum().over([timedelta(hours=1), "P7D"])}),
    "a column written out": activity(changed=lambda s: {"spend": s.with_columns(p=s["price"])["p"].sum(where=s["sale"]).over(["1h", "7d"])}),
}


def changed_spend(make: Any) -> hr.FeatureGroup:
    return activity(changed=lambda s: {"spend": make(s)})


OTHER: dict[str, hr.FeatureGroup] = {
    "name": activity("activity_2"),
    "key's name": activity(key=hr.Key("buyer", account, "int64"), keys={"buyer_id": hr.Key("buyer", account, "int64")}),
    "key's type": activity(key=hr.Key("buyer_id", account, "int32")),
    "refresh": activity(refresh="2m"),
    "lateness": activity(lateness="2h"),
    "max_ahead": activity(max_ahead="6m"),
    "idle": activity(idle="2m"),
    "unique": activity(unique=None),
    "type of a column that is read": activity(schema=SCHEMA | {"price": "float32"}),
    "unit of the time": activity(schema=SCHEMA | {"ts": "timestamp[s]"}),
    "order of features": hr.FeatureGroup("activity", key=buyer, features=dict(reversed(activity().features.items()))),
    "feature's name": hr.FeatureGroup("activity", key=buyer, features={f"{name}_": each for name, each in activity().features.items()}),
    "window": changed_spend(lambda s: s["price"].sum(where=s["sale"]).over(["1h", "8d"])),
    "delay": changed_spend(lambda s: s["price"].sum(where=s["sale"]).over(["1h", "7d"], delay="1s")),
    "closed": changed_spend(lambda s: s["price"].sum(where=s["sale"]).over(["1h", "7d"], closed="both")),
    "exclude": changed_spend(lambda s: s["price"].sum(where=s["sale"]).over(["1h", "7d"], exclude="row")),
    "rows": changed_spend(lambda s: s["price"].sum(where=s["sale"]).over(["1h", "7d"], rows=9)),
    "aggregate": changed_spend(lambda s: s["price"].mean(where=s["sale"]).over(["1h", "7d"])),
    "filter": changed_spend(lambda s: s["price"].sum(where=~s["sale"]).over(["1h", "7d"])),
    "no filter": changed_spend(lambda s: s["price"].sum().over(["1h", "7d"])),
    "input": changed_spend(lambda s: s["weight"].sum(where=s["sale"]).over(["1h", "7d"])),
    "letter case of a text": changed_spend(lambda s: s["price"].sum(where=s["item"] == "A").over(["1h", "7d"])),
    "kind of a number": changed_spend(lambda s: (s["price"] * 1).sum(where=s["sale"]).over(["1h", "7d"])),
    "parameter": changed_spend(lambda s: s["price"].lag(1, where=s["sale"]).over(["1h", "7d"])),
    "other parameter": changed_spend(lambda s: s["price"].lag(2, where=s["sale"]).over(["1h", "7d"])),
    "nulls": changed_spend(lambda s: s["price"].lag(2, where=s["sale"], ignore_nulls=True).over(["1h", "7d"])),
    "half-life": activity(changed=lambda s: {"idle": s.decayed_count(half_life="1d")}),
    "other half-life": activity(changed=lambda s: {"idle": s.decayed_count(half_life="2d")}),
    "number written as a float": changed_spend(lambda s: (s["price"] * 1.0).sum(where=s["sale"]).over(["1h", "7d"])),
    "other letter case of a text": changed_spend(lambda s: s["price"].sum(where=s["item"] == "a").over(["1h", "7d"])),
}


@pytest.mark.parametrize("name", SAME)
def test_it_is_not_of_the_text(name: str) -> None:
    assert SAME[name].digest == activity().digest


def test_it_is_of_all_that_changes_a_value() -> None:
    digests = {"none": activity().digest} | {name: each.digest for name, each in OTHER.items()}
    twins = [(a, b) for a in digests for b in digests if a < b and digests[a] == digests[b]]
    assert twins == []


def test_the_order_of_sources_is_not_in_it() -> None:
    clicks = hr.Source("clicks", **STANDARD)
    made = group(a=views.count().over("1h"), b=clicks.count().over("1h"))
    assert [source.name for source in made.sources] == ["views", "clicks"]
    assert [source["name"] for source in group_content(made)["sources"]] == ["clicks", "views"]


def test_a_user_function_is_in_it() -> None:
    def digest(fn: Any) -> str:
        shout = hr.function("shout", "string", fn)
        return activity(changed=lambda s: {"loud": shout(s["item"])}).digest

    def upper(data: pa.Array[Any]) -> Any:
        return data

    def lower(data: pa.Array[Any]) -> Any:
        return data.cast("string")

    assert digest(upper) == digest(upper)
    assert digest(upper) != digest(lower)


def test_functions_are_told_apart() -> None:
    def scaled(data: Any, by: int) -> Any:
        return pc.multiply(data, by)

    functions: list[Any] = [
        pc.utf8_upper, pc.utf8_lower, scaled, functools.partial(scaled, by=2), functools.partial(scaled, by=3), lambda data: data, len, str,
    ]  # fmt: skip
    assert len({fingerprint(fn) for fn in functions}) == len(functions)


@given(strategies.groups)
def test_pickled_it_is_the_same(made: hr.FeatureGroup) -> None:
    again = pickle.loads(pickle.dumps(made))
    again.__dict__.pop("digest", None)
    assert again.digest == made.digest
    assert again == made


def test_state_is_kept_under_what_it_holds() -> None:
    one = hr.plan.build([activity()])
    longer = hr.plan.build([changed_spend(lambda s: s["price"].sum(where=s["sale"]).over(["1h", "30d"]))])
    other = hr.plan.build([changed_spend(lambda s: s["price"].sum(where=~s["sale"]).over(["1h", "7d"]))])
    assert track_digest(one, 0) == track_digest(longer, 0)
    assert track_digest(one, 0) != track_digest(other, 0)
    assert track_digest(one, 0) != track_digest(one, 1)
    assert plan_digest(one) != plan_digest(longer)

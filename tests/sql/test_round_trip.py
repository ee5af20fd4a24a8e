"""`parse(to_sql(group))` is the group: a property over definitions of every kind, and what it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.digest import group_content
from headrace.durations import parse_duration
from headrace.errors import DuplicateName, InvalidName
from headrace.sql.writing.names import duration

from .strategies import ACCOUNT, BUYER, CLICKS, SHOP, VISITS, groups, operators

if TYPE_CHECKING:
    from headrace.groups import FeatureGroup


@given(groups())
@settings(max_examples=75)
def test_what_is_written_is_read(group: FeatureGroup) -> None:
    written = hr.to_sql(group)
    again = hr.parse(written).groups[group.name]
    assert group_content(again) == group_content(group), written
    assert again.digest == group.digest
    assert [key.dimension for key in again.keys] == [key.dimension for key in group.keys]
    assert (again.domain, again.description) == (group.domain, group.description)
    assert again.sources == group.sources
    assert hr.to_sql(again) == written


@given(operators())
@settings(max_examples=75)
def test_operators_keep_their_order(expression: hr.Expression) -> None:
    group = hr.FeatureGroup("g", key=BUYER, features={"x": expression, "n": CLICKS.count().over("ever")})
    written = hr.to_sql(group)
    assert group_content(hr.parse(written).groups["g"])["features"] == group_content(group)["features"], written


@given(st.integers(-(10**18), 10**18))
@example(0)
def test_a_duration_is_read_as_it_was_written(us: int) -> None:
    assert parse_duration(duration(us)) == us


def test_how_it_is_written() -> None:
    buys = CLICKS.filter(CLICKS["flag"])
    group = hr.FeatureGroup(
        "buyers",
        key=BUYER,
        refresh="5m",
        features={
            "price": CLICKS["price"],
            "spend": buys["price"].sum().over("7d"),
            "last_five": buys["price"].sum().over(rows=5),
            "rate": (buys.count() / CLICKS.count()).over("7d"),
            "quiet": VISITS.time_since_last(),
        },
    )
    view = hr.to_sql(group).split(";\n")[-2]
    assert view == """\
CREATE VIEW buyers WITH (key = 'buyer id', refresh = '5 minutes') AS
SELECT
    clicks.price,
    SUM(clicks.price) FILTER (WHERE clicks.flag) OVER w7d AS spend,
    SUM(clicks_1.price) OVER (LAST 5 ROWS) AS last_five,
    COUNT(clicks.*) FILTER (WHERE clicks.flag) OVER w7d / COUNT(clicks.*) OVER w7d AS rate,
    TIME_SINCE_LAST("some visits") AS quiet
FROM clicks,
     "some visits",
     (SELECT * FROM clicks WHERE flag) AS clicks_1
WINDOW w7d AS (LAST '7 days')"""


def test_two_keys_of_one_name_cannot_be_written() -> None:
    other = hr.Key("buyer id", hr.Dimension("another"), "int64")
    source = hr.Source("s", schema={"shop": "string", "uid": "int64", "ts": "timestamp"}, time="ts", keys={"uid": other})
    both = hr.FeatureGroup("g", key=BUYER, features={"n": CLICKS.count().over("ever"), "m": VISITS.count().over("ever")})
    assert hr.parse(hr.to_sql(both)).groups["g"].digest == both.digest
    with pytest.raises(DuplicateName, match="two different Keys named 'buyer id'"):
        hr.to_sql(hr.FeatureGroup("g", key=SHOP, features={"n": source.count().over("ever"), "m": CLICKS["price"].sum().over("ever")}))


def test_a_column_that_cannot_stand_in_the_keys_cannot_be_written() -> None:
    source = hr.Source("s", schema={"a, b": "int64", "ts": "timestamp"}, time="ts", keys={"a, b": BUYER})
    with pytest.raises(InvalidName, match="'a, b' cannot be written as a key of source 's'"):
        hr.to_sql(hr.FeatureGroup("g", key=BUYER, features={"n": source.count().over("ever")}))
    named = hr.Key("a, b", ACCOUNT, "int64")
    source = hr.Source("s", schema={"a, b": "int64", "ts": "timestamp"}, time="ts")
    with pytest.raises(InvalidName, match="'a, b' cannot be written as the key of group 'g'"):
        hr.to_sql(hr.FeatureGroup("g", key=named, features={"n": source.count().over("ever")}))

"""The same group in Python and in SQL has the same digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import headrace as hr

if TYPE_CHECKING:
    from headrace.groups import FeatureGroup

ACCOUNT = hr.Dimension("account")
BUYER = hr.Key("buyer_id", ACCOUNT, "int64")
CLICKS = hr.Source(
    "clicks",
    schema={"event_id": "string", "uid": "int64", "item": "string", "price": "float64", "action": "string", "ts": "timestamp"},
    time="ts",
    keys={"uid": BUYER},
    unique="event_id",
)
TABLE = """
CREATE TABLE clicks (event_id TEXT, uid BIGINT, item TEXT, price DOUBLE, action TEXT, ts TIMESTAMP)
WITH (time = 'ts', keys = 'uid: buyer_id', unique = 'event_id');
"""


def group(sql: str, name: str = "buyer_activity") -> FeatureGroup:
    found: FeatureGroup = hr.parse(TABLE + sql).groups[name]
    return found


def test_the_example_of_the_design() -> None:
    paid = CLICKS.filter(CLICKS["action"] == "buy").with_columns(cents=CLICKS["price"] * 100)
    w = hr.window("30d")
    python = hr.FeatureGroup(
        "buyer_activity",
        key=BUYER,
        features={
            "views": CLICKS.count().over(["1h", "1d", "7d"]),
            "spend": paid["cents"].sum().over("7d"),
            "buy_rate": (paid.count() / CLICKS.count()).over(["1d", "7d"]),
            "price_z": (CLICKS["price"] - CLICKS["price"].mean().over(w)) / CLICKS["price"].std().over(w),
            "idle_s": CLICKS.time_since_last(),
        },
    )
    with_filter = group("""
        CREATE VIEW buyer_activity WITH (key = 'buyer_id') AS
        SELECT COUNT(*) OVER (LAST '1 hour') AS views_1h,
               COUNT(*) OVER (LAST '1 day') AS views_1d,
               COUNT(*) OVER w7d AS views_7d,
               SUM(price * 100) FILTER (WHERE action = 'buy') OVER w7d AS spend,
               COUNT(*) FILTER (WHERE action = 'buy') OVER (LAST '1 day') / COUNT(*) OVER (LAST '24 hours') AS buy_rate_1d,
               COUNT(*) FILTER (WHERE action = 'buy') OVER w7d / COUNT(*) OVER w7d AS buy_rate_7d,
               (price - AVG(price) OVER w30d) / STDDEV(price) OVER w30d AS price_z,
               TIME_SINCE_LAST() AS idle_s
        FROM clicks
        WINDOW w7d AS (LAST '7 days'), w30d AS (LAST '30 days');
    """)
    with_sub_query = group("""
        CREATE KEY buyer_id BIGINT DIMENSION account;
        CREATE VIEW buyer_activity WITH (key = 'buyer_id', refresh = '60s') AS
        SELECT COUNT(clicks.*) OVER (LAST '1 hour') AS views_1h,
               COUNT(clicks.*) OVER (LAST '1 day') AS views_1d,
               COUNT(clicks.*) OVER w7d AS views_7d,
               SUM(paid.cents) OVER w7d AS spend,
               COUNT(paid.*) OVER (LAST '1 day') / COUNT(clicks.*) OVER (LAST '1 day') AS buy_rate_1d,
               COUNT(paid.*) OVER w7d / COUNT(clicks.*) OVER w7d AS buy_rate_7d,
               (clicks.price - AVG(clicks.price) OVER w30d) / STDDEV(clicks.price) OVER w30d AS price_z,
               TIME_SINCE_LAST(clicks) AS idle_s
        FROM clicks, (SELECT *, price * 100 AS cents FROM clicks WHERE action = 'buy') AS paid
        WINDOW w7d AS (LAST '1 week'), w30d AS (LAST '30 days');
    """)
    assert with_filter.digest == python.digest
    assert with_sub_query.digest == python.digest


def expression(sql: str) -> hr.Expression:
    view = f"CREATE VIEW g WITH (key = 'buyer_id') AS SELECT {sql} AS x, COUNT(*) OVER (EVER) AS n FROM clicks"
    found: hr.Expression = hr.parse(view, known=[CLICKS]).groups["g"].features["x"]
    return found


PRICE, ITEM, TS = CLICKS["price"], CLICKS["item"], CLICKS["ts"]
PAIRS = {
    "price + 1 - -2.5": PRICE + 1 - -2.5,
    "1 / (price * 2)": 1 / (PRICE * 2),
    "FLOOR(price / 2)": PRICE // 2,
    "price % 3": PRICE % 3,
    "POWER(price, 2)": PRICE**2,
    "-price": -PRICE,
    "price > 1 AND item = 'a' OR NOT price <= 3": (PRICE > 1) & (ITEM == "a") | ~(PRICE <= 3),
    "price > 1 AND (item = 'a' AND price < 3)": ((PRICE > 1) & (ITEM == "a")) & (PRICE < 3),
    "price BETWEEN 1 AND 2": PRICE.between(1, 2),
    "item IN ('a', 'b')": ITEM.is_in(["a", "b"]),
    "item IS NULL": ITEM.is_null(),
    "item IS NOT NULL": ITEM.is_not_null(),
    "CASE WHEN price > 1 THEN 'a' WHEN price > 0 THEN 'b' ELSE 'c' END": hr.when(PRICE > 1).then("a").when(PRICE > 0).then("b").otherwise("c"),
    "CASE WHEN price > 1 THEN 'a' ELSE NULL END": hr.when(PRICE > 1).then("a"),
    "CAST(price AS BIGINT)": PRICE.cast("int64"),
    "COALESCE(price, 0)": PRICE.fill_null(0),
    "GREATEST(price, 0)": hr.greatest(PRICE, 0),
    "CLIP(price, 0, 1)": PRICE.clip(0, 1),
    "LOWER(item)": ITEM.lower(),
    "SUBSTR(item, 1, 2)": ITEM.substr(1, 2),
    "item || 'x'": ITEM.concat("x"),
    "STARTS_WITH(item, 'x')": ITEM.starts_with("x"),
    "EXTRACT(HOUR FROM ts)": TS.hour(),
    "WEEKDAY(ts)": TS.weekday(),
    "DATE_TRUNC('day', ts)": TS.date_trunc("day"),
    "SECONDS(ts - TIMESTAMP '2024-01-31 00:00:00')": (TS - pa.scalar(1706659200000000, pa.timestamp("us", tz="UTC")).as_py()).seconds(),
    "ROUND(price, 2)": PRICE.round(2),
    "ROUND(price, 0)": PRICE.round(),
    "HASH(item, 10)": ITEM.hash(10),
    "BUCKETIZE(price, 1, 2)": PRICE.bucketize([1, 2]),
    "REQUEST(amount DOUBLE) / price": hr.Request({"amount": "float64"})["amount"] / PRICE,
    "SUM(price) OVER (LAST '7 days' ROWS 3 DELAY '1h' CLOSED 'left' EXCLUDE CURRENT ROW)": PRICE.sum().over(
        "7d", rows=3, delay="1h", closed="left", exclude="row"
    ),
    "SUM(price) OVER (RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND CURRENT ROW)": PRICE.sum().over("7d", closed="both"),
    "SUM(price) OVER (ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)": PRICE.sum().over(rows=3),
    "COUNT(DISTINCT item) OVER (EVER)": ITEM.n_unique().over("ever"),
    "LAST_N(STRUCT(item, price), 3) OVER (LAST '1 day')": CLICKS[["item", "price"]].last_n(3).over("1d"),
    "LAST_VALUE(item) IGNORE NULLS OVER (LAST '1 day')": ITEM.last(ignore_nulls=True).over("1d"),
    "LAG(price) OVER (EVER)": PRICE.lag().over("ever"),
    "DECAYED_SUM(price, '1 day') FILTER (WHERE price > 1)": PRICE.decayed_sum(half_life="1d", where=PRICE > 1),
    "DECAYED_COUNT('1 day')": CLICKS.decayed_count(half_life="1d"),
    "TIME_SINCE_LAST() FILTER (WHERE price > 1)": CLICKS.time_since_last(where=PRICE > 1),
    "TIME_SINCE_LAST() OVER (LAST '1 day')": CLICKS.time_since_last().over("1d"),
    "COALESCE(AVG(price) OVER (LAST '1 day'), 0.0)": PRICE.mean().over("1d").fill_null(0.0),
}


@pytest.mark.parametrize("sql", PAIRS)
def test_expressions(sql: str) -> None:
    features = {"x": PAIRS[sql], "n": CLICKS.count().over("ever")}
    python = hr.FeatureGroup("g", key=BUYER, features=features)
    assert hr.parse(hr.to_sql(python)).groups["g"].digest == python.digest
    assert hr.FeatureGroup("g", key=BUYER, features={"x": expression(sql), "n": features["n"]}).digest == python.digest


def test_the_digest_does_not_know_the_dimension() -> None:
    sql = "CREATE VIEW buyer_activity WITH (key = 'buyer_id') AS SELECT COUNT(*) OVER (EVER) AS n FROM clicks;"
    assert group(sql).digest == group("CREATE KEY buyer_id BIGINT DIMENSION person;" + sql).digest
    assert group("CREATE KEY buyer_id BIGINT DIMENSION person;" + sql).keys[0].dimension == hr.Dimension("person")


def test_a_function_of_the_user_is_called_by_its_name() -> None:
    backwards = hr.function("Back wards", "string", pc.utf8_reverse)
    shout = hr.function("shout", "string", pc.utf8_upper)
    python = hr.FeatureGroup("g", key=BUYER, features={"a": backwards(ITEM), "b": shout(ITEM)})
    found = hr.parse("""CREATE VIEW g WITH (key = 'buyer_id') AS SELECT "Back wards"(item) AS a, shout(item) AS b FROM clicks""", known=[CLICKS])
    assert found.groups["g"].digest == python.digest
    assert hr.parse(hr.to_sql(python)).groups["g"].digest == python.digest


def test_sources_of_python_are_known_by_name() -> None:
    sql = "CREATE VIEW g WITH (key = 'buyer_id') AS SELECT MAX(price) OVER (EVER) AS top FROM clicks"
    other = hr.parse(sql, known=[CLICKS]).groups["g"]
    assert other.sources == (CLICKS,)
    assert hr.parse(sql, known=[other]).groups["g"].digest == other.digest


def test_definitions_are_in_the_order_of_the_text_and_by_name() -> None:
    found = hr.parse(TABLE + "CREATE VIEW g WITH (key = 'buyer_id') AS SELECT MAX(price) OVER (EVER) AS top FROM clicks; CREATE KEY k TEXT")
    assert [type(each).__name__ for each in found] == ["Source", "FeatureGroup", "Key"]
    assert found[1:] == tuple(found)[1:]
    assert len(found) == 3
    assert (list(found.sources), list(found.groups), list(found.keys)) == (["clicks"], ["g"], ["k"])
    assert list(hr.parse("")) == list(hr.parse(" -- nothing\n;;")) == []

"""Random definitions of every kind, as Python makes them: what `to_sql` has to write and `parse` to read back.

Expressions are drawn by the type they have, so that every draw is a valid definition. Names and texts are those that trip a writer of SQL:
quotes, dots, key words, the names of other things.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st
from sqlglot import exp

import headrace as hr

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.groups import FeatureGroup

ACCOUNT = hr.Dimension("an account")
BUYER = hr.Key("buyer id", ACCOUNT, "int64")
SHOP = hr.Key("shop", hr.Dimension("shop"), "string")
AMOUNT = hr.Request({"the amount": "float64", "place": "string"})
REVERSED = hr.function("back wards", "string", pc.utf8_reverse)

CLICKS = hr.Source(
    "clicks",
    schema={
        "uid": "int64", "shop": "string", "price": "float64", "order": "int32", "it's": "string", 'the "name"': "string", "a.b": "int64",
        "flag": "bool", "user": {"id": "int64", "home address": {"city": "string", "select": "float64"}}, "tags": "list<string>",
        "day": "date", "spent": "duration", "raw": "binary", "fraud": hr.label("bool", known_after="1d"), "ts": "timestamp[ms]",
    },
    time="ts",
    keys={"uid": BUYER},
    lateness="2h",
    idle=timedelta(microseconds=1500),
    description="what's \"clicked\"; -- or not",
)  # fmt: skip
VISITS = hr.Source(
    "some visits",
    schema={"buyer id": "int64", "shop": "string", "clicks": {"price": "float64", "ts": "int64"}, "price": "float64", "case": "string", "at": "timestamp"},
    time="at",
    unique="case",
    topic="shop.visits",
    format="avro",
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS = st.one_of(st.sampled_from([1_000, 3_600_000_000, 86_400_000_000, 604_800_000_000]), st.integers(1, 10**14))
DURATIONS = MICROSECONDS.map(lambda us: timedelta(microseconds=us))
TEXTS = st.one_of(st.sampled_from(["it's", '"', "''", "--", "/*", "\\", "%", ";", "\n", "ü", "7 days", ""]), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
NAMES = st.one_of(
    st.sampled_from(["x", "select", "Order", "a b", 'say "hi"', "it's", "last", "clicks", "ts", "date", "current_timestamp", "7d", "a.b", "ünï", "price"]),
    st.text(st.characters(categories=["L", "N", "P"], exclude_characters="/\\"), min_size=1, max_size=6),
).filter(lambda name: not name.startswith("_") and name not in {"time", "buyer id", "shop", "the amount", "place"})
FLOATS = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e300, 1e-300, 1.5]))


@st.composite
def windows(draw: st.DrawFn) -> hr.Window:
    size = draw(st.one_of(st.none(), DURATIONS))
    rows = draw(st.one_of(st.none(), st.integers(1, 1000)))
    delay = draw(st.one_of(st.just(timedelta(0)), DURATIONS))
    exclude: Any = draw(st.sampled_from(["", "row", "instant"]))
    closed: Any = "right" if size is None else draw(st.sampled_from(["right", "left", "both", "none"]))
    return hr.window("ever" if size is None and rows is None else size, rows=rows, delay=delay, exclude=exclude, closed=closed)


LITERALS: dict[str, st.SearchStrategy[Any]] = {
    "number": st.one_of(FLOATS, st.integers(-(2**63), 2**63 - 1)),
    "int": st.integers(-(2**63), 2**63 - 1),
    "text": TEXTS,
    "bool": st.booleans(),
    "time": st.integers(-(10**15), 10**16).map(lambda us: EPOCH + timedelta(microseconds=us)),
    "span": DURATIONS.flatmap(lambda d: st.sampled_from([d, -d])),
}
CHANCE = {count: st.integers(0, count - 1) for count in range(1, 30)}
COMPARISONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
ARITHMETIC = st.sampled_from(["+", "-", "*", "/", "%", "//"])
NUMBER_METHODS = st.sampled_from(["abs", "ln", "log1p", "log10", "exp", "sqrt", "round", "floor", "ceil", "sign"])
PARTS = st.sampled_from(["year", "month", "day", "hour", "minute", "second", "weekday", "day_of_year", "epoch_s"])
BOUNDS = st.lists(st.integers(-100, 100), min_size=1, max_size=3, unique=True).map(sorted)
SHORT = st.lists(TEXTS, min_size=1, max_size=3)


class Rows:
    """Draws expressions by the type they have: number, int, text, bool, time or span; `leaves` are columns, or closed aggregates.

    The ways to make one are lists of functions: drawing a strategy for every node takes hypothesis a hundred times as long.
    """

    def __init__(self, draw: st.DrawFn, leaves: dict[str, list[hr.Expression]]) -> None:
        self.draw, self.leaves = draw, leaves

    def of(self, kind: str, depth: int) -> hr.Expression:
        """One of that kind, at most `depth` operators high."""
        found = self.leaves.get(kind, [])
        at = self.draw(CHANCE[6])
        if depth > 0 and at < 4:
            ways = getattr(self, f"_{kind}")(depth - 1)
            made: hr.Expression = ways[self.draw(CHANCE[len(ways)])]()
            return made
        if found and at != 5:
            return found[self.draw(CHANCE[len(found)])]
        return hr.literal(self.draw(LITERALS[kind]))

    def _number(self, depth: int) -> list[Callable[[], hr.Expression]]:
        def x() -> hr.Expression:
            return self.of("number", depth)

        def b() -> hr.Expression:
            return self.of("bool", depth)

        return [
            lambda: _arithmetic(x(), x(), self.draw(ARITHMETIC)),
            lambda: -self.of("number", depth),
            lambda: _called(x(), self.draw(NUMBER_METHODS)),
            lambda: x().round(self.draw(CHANCE[7]) - 3),
            lambda: x() ** x(),
            lambda: x().fill_null(x()),
            lambda: x().null_if(x()),
            lambda: hr.greatest(x(), x()),
            lambda: hr.least(x(), x(), x()),
            lambda: x().clip(x(), x()),
            lambda: x().clip(high=x()),
            lambda: x().bucketize(self.draw(BOUNDS)),
            lambda: hr.haversine(x(), x(), x(), x()),
            lambda: hr.when(b()).then(x()).otherwise(x()),
            lambda: hr.when(b()).then(x()).when(b()).then(x()),
            lambda: self.of("span", depth).seconds(),
            lambda: self.of("span", depth) / self.of("span", depth),
            lambda: self.of("int", depth),
            lambda: x().cast(self.draw(st.sampled_from(["float64", "float32", "int64", "int8"]))),
        ]

    def _int(self, depth: int) -> list[Callable[[], hr.Expression]]:
        return [
            lambda: _called(self.of("time", depth), self.draw(PARTS)),
            lambda: self.of("text", depth).length(),
            lambda: self.of("text", depth).hash(self.draw(st.integers(1, 1000))),
            lambda: self.of("bool", depth).cast("int64"),
        ]

    def _text(self, depth: int) -> list[Callable[[], hr.Expression]]:
        def s() -> hr.Expression:
            return self.of("text", depth)

        return [
            lambda: s().lower().trim(),
            lambda: s().concat(s()),
            lambda: s().replace(self.draw(TEXTS.filter(bool)), self.draw(TEXTS)),
            lambda: s().substr(self.draw(st.sampled_from([1, 2, -1])), self.draw(st.sampled_from([None, 0, 3]))),
            lambda: self.of("number", depth).cast("string"),
            lambda: REVERSED(s()),
        ]

    def _bool(self, depth: int) -> list[Callable[[], hr.Expression]]:
        def x() -> hr.Expression:
            return self.of("number", depth)

        def s() -> hr.Expression:
            return self.of("text", depth)

        def b() -> hr.Expression:
            return self.of("bool", depth)

        return [
            lambda: _comparison(x(), x(), self.draw(COMPARISONS)),
            lambda: _comparison(s(), self.draw(TEXTS), self.draw(COMPARISONS)),
            lambda: b() & b(),
            lambda: b() | b(),
            lambda: ~b(),
            lambda: x().between(x(), x()),
            lambda: s().is_null(),
            lambda: x().is_not_null(),
            lambda: x().is_in(self.draw(st.lists(FLOATS, min_size=1, max_size=3))),
            lambda: s().is_in(self.draw(SHORT)),
            lambda: self.of("time", depth).is_in([self.draw(LITERALS["time"])]),
            lambda: getattr(s(), self.draw(st.sampled_from(["contains", "starts_with", "ends_with"])))(self.draw(TEXTS)),
            lambda: self.of("time", depth).is_weekend(),
            lambda: self.of("time", depth) < date(2024, 1, 31),
            lambda: x().cast("float64").is_nan(),
        ]

    def _time(self, depth: int) -> list[Callable[[], hr.Expression]]:
        def t() -> hr.Expression:
            return self.of("time", depth)

        return [
            lambda: t() + self.of("span", depth),
            lambda: t() - self.of("span", depth),
            lambda: t().date_trunc(self.draw(st.sampled_from(["hour", "day", "month"]))),
            lambda: self.of("text", depth).cast("timestamp"),
        ]

    def _span(self, depth: int) -> list[Callable[[], hr.Expression]]:
        return [
            lambda: self.of("time", depth) - self.of("time", depth),
            lambda: self.of("span", depth) + self.of("span", depth),
            lambda: -self.of("span", depth) * 2,
        ]


def _called(expression: hr.Expression, method: str) -> hr.Expression:
    found: hr.Expression = getattr(expression, method)()
    return found


def _arithmetic(a: hr.Expression, b: hr.Expression, sign: str) -> hr.Expression:
    made: dict[str, Any] = {"+": a.__add__, "-": a.__sub__, "*": a.__mul__, "/": a.__truediv__, "%": a.__mod__, "//": a.__floordiv__}
    found: hr.Expression = made[sign](b)
    return found


def _comparison(a: hr.Expression, b: Any, sign: str) -> hr.Expression:
    made: dict[str, Any] = {"==": a.__eq__, "!=": a.__ne__, "<": a.__lt__, "<=": a.__le__, ">": a.__gt__, ">=": a.__ge__}
    found: hr.Expression = made[sign](b)
    return found


def columns(draw: st.DrawFn, source: hr.Source) -> Rows:
    """Draws expressions of one event of a source, or of a view of it."""
    if source.name == "clicks":
        leaves = {
            "number": [source["price"], source["order"], source["user"]["home address"]["select"]],
            "int": [source["uid"], source["a.b"], source["user"]["id"], source["tags"].list_length()],
            "text": [source["it's"], source['the "name"'], source["user"]["home address"]["city"], source["tags"][0], source["tags"][-1]],
            "bool": [source["flag"]],
            "time": [source["ts"], source["day"].cast("timestamp")],
            "span": [source["spent"]],
        }
    else:
        leaves = {
            "number": [source["price"], source["clicks"]["price"]],
            "int": [source["clicks"]["ts"], source["buyer id"]],
            "text": [source["case"], source["shop"]],
            "time": [source["at"]],
        }
    return Rows(draw, leaves)


@st.composite
def views(draw: st.DrawFn) -> hr.Source:
    """A source, or one that is filtered and has further columns."""
    source = draw(st.sampled_from([CLICKS, VISITS]))
    for _ in range(draw(st.integers(0, 2))):
        rows = columns(draw, source)
        if draw(st.booleans()):
            source = source.filter(rows.of("bool", 1))
        else:
            source = source.with_columns(price=_reading(rows.of("number", 1), source))
    return source


def _reading(expression: hr.Expression, source: hr.Source) -> hr.Expression:
    """The expression, with a column of the source in it: an aggregate's input has to say whose events it reads."""
    return expression if expression.node.find(exp.Column) is not None else expression + source.base["price"]


@st.composite
def aggregates(draw: st.DrawFn) -> hr.Expression:
    """A closed aggregate of a number, whatever its kind."""
    source = draw(views())
    rows = columns(draw, source)
    where = rows.of("bool", 1) if draw(st.booleans()) else None
    value = _reading(rows.of("number", 1), source)
    ignore = draw(st.booleans())
    match draw(st.integers(0, 7)):
        case 0:
            made = source.count(where=where)
        case 1:
            made = getattr(value, draw(st.sampled_from(["sum", "mean", "min", "max", "var", "std", "count", "n_unique"])))(where=where)
        case 2:
            made = getattr(value, draw(st.sampled_from(["first", "last"])))(where=where, ignore_nulls=ignore)
        case 3:
            made = value.lag(draw(st.integers(1, 9)), where=where, ignore_nulls=ignore)
        case 4:
            return value.decayed_sum(half_life=draw(DURATIONS), where=where)
        case 5:
            return source.decayed_count(half_life=draw(DURATIONS), where=where)
        case 6:
            made = source.time_since_last(where=where)
            if draw(st.booleans()):
                return made
        case _:
            made = source["price"].sum(where=where) / source.count()
    return made.over(draw(windows()))


@st.composite
def features(draw: st.DrawFn) -> hr.Expression:
    """A feature of any kind and type."""
    match draw(st.integers(0, 5)):
        case 0:
            return draw(aggregates())
        case 1:
            source = draw(views())
            rows = columns(draw, source)
            return rows.of(draw(st.sampled_from(["number", "int", "text", "bool", "time", "span"])), 2)
        case 2:
            leaves = draw(st.lists(aggregates(), min_size=1, max_size=3))
            return Rows(draw, {"number": [*leaves, AMOUNT["the amount"]], "text": [AMOUNT["place"]]}).of("number", 2)
        case 3:
            source = draw(views())
            value = draw(st.sampled_from([source["price"], source.event_time, source[["price", source.columns[0]]], hr.struct({'a "b"': source["price"] + 1})]))
            return value.last_n(draw(st.integers(1, 9)), ignore_nulls=draw(st.booleans())).over(draw(windows()))
        case 4:
            value = CLICKS[draw(st.sampled_from(["tags", "user", "raw", "day", "flag", "spent", "it's"]))]
            made: hr.Expression = getattr(value, draw(st.sampled_from(["first", "last", "count", "n_unique"])))()
            return made.over(draw(windows()))
        case _:
            return CLICKS["fraud"].mean().over("30d", delay="1d")


@st.composite
def groups(draw: st.DrawFn) -> FeatureGroup:
    """A group."""
    named = draw(st.dictionaries(NAMES, features(), min_size=1, max_size=4))
    named["n"] = CLICKS.count().over(["1h", "7d"])
    return hr.FeatureGroup(
        draw(NAMES),
        key=draw(st.sampled_from([[BUYER], [SHOP], [BUYER, SHOP]])),
        features={name: _typed(expression) for name, expression in named.items()},
        refresh=draw(DURATIONS),
        domain=draw(st.one_of(st.none(), TEXTS.filter(bool))),
        description=draw(st.one_of(st.none(), TEXTS)),
    )


@st.composite
def operators(draw: st.DrawFn, depth: int = 4) -> hr.Expression:
    """A number made of operators alone, many deep: where parentheses matter."""
    at = draw(CHANCE[8]) if depth > 0 else draw(CHANCE[2])
    if at == 0:
        return CLICKS["price"]
    if at == 1:
        return hr.literal(draw(st.sampled_from([0, 0.0, 1, -1, -0.0, -2.5])))
    a, b = draw(operators(depth - 1)), draw(operators(depth - 1))
    if at == 2:
        return -a
    if at < 6:
        return _arithmetic(a, b, draw(ARITHMETIC))
    truths = [_comparison(a, b, draw(COMPARISONS)), a.is_null(), b.is_in([1, -2]), ~b.between(a, 1)]
    left, right = truths[draw(CHANCE[4])], truths[draw(CHANCE[4])]
    joined = [left & right, left | right, ~left & right, ~(left | right), left == right, (left & right).is_null(), ~left, left.is_in([True])]
    return joined[draw(CHANCE[8])].cast("int64")


def _typed(expression: hr.Expression) -> hr.Expression:
    return expression.cast("float64") if pa.types.is_null(expression.type) else expression

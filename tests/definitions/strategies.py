"""Expressions at random: of a given kind, with and without aggregates, over the columns of `shop.clicks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import headrace as hr
from tests.definitions.shop import clicks

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

VIEWS = [clicks, clicks.filter(clicks["sale"]), clicks.filter(clicks["price"] > 3, clicks["item"].is_not_null())]
WINDOWS = st.one_of(
    st.sampled_from([hr.window("1h"), hr.window("7d"), hr.window("ever"), hr.window("7d", delay="1d")]),
    st.builds(lambda rows: hr.window(rows=rows), st.integers(1, 9)),
    st.builds(lambda rows, closed: hr.window("2d", rows=rows, closed=closed), st.integers(1, 9), st.sampled_from(["right", "left", "both"])),
    st.builds(lambda exclude: hr.window("1d", exclude=exclude), st.sampled_from(["row", "instant"])),
)
NUMBERS = st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9))


def _column(names: list[str]) -> SearchStrategy[hr.Expression]:
    return st.builds(lambda view, name: view[name], st.sampled_from(VIEWS), st.sampled_from(names))


def _arithmetic(left: Any, right: Any, sign: str) -> Any:
    makes: dict[str, Callable[[Any, Any], Any]] = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "//": lambda a, b: a // b,
        "%": lambda a, b: a % b, "r-": lambda a, b: b - a, "greatest": hr.greatest,
    }  # fmt: skip
    return makes[sign](left, right)


def _number(inner: SearchStrategy[hr.Expression]) -> SearchStrategy[hr.Expression]:
    signs = st.sampled_from(["+", "-", "*", "/", "//", "%", "r-", "greatest"])
    return st.one_of(
        st.builds(_arithmetic, inner, st.one_of(inner, NUMBERS), signs),
        st.builds(lambda x, name: getattr(x, name)(), inner, st.sampled_from(["abs", "log1p", "sqrt", "floor", "sign", "is_null"])).map(
            lambda x: x.cast("int64")
        ),
        st.builds(lambda x: x.fill_null(0), inner),
        st.builds(lambda x, low: x.clip(low, low + 5), inner, st.integers(0, 9)),
        st.builds(lambda c, x: hr.when(c > 3).then(x).otherwise(None), inner, inner),
    )


rows = st.recursive(_column(["price", "weight", "amount", "buyer_id", "user.id"]), _number, max_leaves=6)
"""Numbers of one event."""

conditions = st.one_of(
    st.builds(lambda x, bound: x > bound, rows, NUMBERS),
    st.builds(lambda x: x.is_in([1, 2, 3]), rows),
    st.builds(lambda x, y: (x < y) | ~(x == 3), rows, rows),
    st.builds(lambda x: x.between(0, 9), rows),
    st.builds(lambda: clicks["item"].lower().contains("shoe") & clicks["ts"].is_weekend()),
)
"""Conditions on one event."""


def _aggregate(kind: str, x: hr.Expression, where: hr.Expression | None, window: Any) -> hr.Expression:
    found: hr.Expression
    if kind == "source count":
        found = clicks.count(where=where)
    elif kind == "idle":
        found = clicks.time_since_last(where=where)
    elif kind == "decayed":
        return x.decayed_sum(half_life="1d", where=where)
    else:
        found = getattr(x, kind)(where=where)
    return found.over(window)


KINDS = ["count", "sum", "mean", "min", "max", "var", "std", "first", "last", "n_unique", "lag", "source count", "idle", "decayed"]
aggregates = st.builds(_aggregate, st.sampled_from(KINDS), rows, st.one_of(st.none(), conditions), WINDOWS)
features = st.recursive(st.one_of(aggregates, aggregates, rows), _number, max_leaves=4)
"""Numbers of a row of a group: closed aggregates, the event's own columns, and what is made of them."""

nested = st.one_of(
    st.builds(lambda n, window: clicks[["item", "price"]].last_n(n).over(window), st.integers(1, 5), WINDOWS),
    st.builds(lambda window: clicks["user"].last(ignore_nulls=True).over(window), WINDOWS),
    st.builds(lambda window: clicks["tags"].first().over(window), WINDOWS),
    st.sampled_from([clicks["tags"], clicks["user"]]),
)
"""Lists and structs."""

groups = st.lists(st.one_of(features, features, nested), min_size=1, max_size=4).map(
    lambda found: hr.FeatureGroup("activity", key=hr.Key("buyer_id", hr.Dimension("account"), "int64"), features=named(found))
)


def named(found: list[hr.Expression]) -> dict[str, hr.Expression]:
    """Features f0, f1, …; what reads no source is given one to read."""
    return {f"f{at}": each for at, each in enumerate(found)} | {"views": clicks.count().over("1h")}

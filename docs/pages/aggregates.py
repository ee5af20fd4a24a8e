"""The page of aggregates: what `headrace.aggregates` says of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.aggregates import REGISTRY as AGGREGATES
from headrace.aggregating import Aggregating
from headrace.source import Source
from headrace.sql.rules.aggregates import NAMES as SQL_AGGREGATES

from .parts import MADE, sentences, written

if TYPE_CHECKING:
    from headrace.aggregates import AggregateKind

PYTHON_METHODS = {"decay_sum": "decayed_sum", "decay_count": "decayed_count"}
"""Aggregates whose method has another name."""

AGGREGATES_TEXT = """\
# Aggregates

An aggregate is over the events of one source, for one entity, in a window:
`clicks["price"].sum(where=clicks["action"] == "buy").over("7d")`. In SQL: `SUM(price) FILTER (WHERE action = 'buy') OVER (LAST '7 days')`.
[Semantics](../semantics.md) says which events a window holds.

Every one takes `where=`, a condition; null does not pass. Nulls among the values are passed over, except where `ignore_nulls` is a choice.
Over no value at all `count` is 0, the others null; `.fill_null(0)` says otherwise. All are exact: what leaves a window
leaves no trace in it.
"""


def aggregate_page(kind: AggregateKind) -> str:
    """One aggregate."""
    method = PYTHON_METHODS.get(kind.name, kind.name)
    ways = [f"Python: `x.{written(method, getattr(Aggregating, method))}`"] if hasattr(Aggregating, method) else []
    if hasattr(Source, method):
        ways.append(f"{'of a source' if ways else 'Python, of a source'}: `source.{written(method, getattr(Source, method))}`")
    names = [name.upper() for name, other in SQL_AGGREGATES.items() if other == kind.name]
    ways.append("SQL: " + ", ".join(f"`{name}`" for name in names))
    told = f"Takes {taken(kind)}; gives {given(kind)}. {kind.doc}"
    return "\n".join([f"## {method}", "", " · ".join(ways), "", told, "", f"`{kind.example}`", ""])


def taken(kind: AggregateKind) -> str:
    """Which inputs an aggregate takes, in words."""
    words = {
        "number": "numbers or bool", "order": "values with an order: numbers, bool, string, binary, date, timestamp, duration",
        "any": "any value, or none" if kind.input_optional else "any value", "none": "no input: it is of the events themselves",
    }  # fmt: skip
    return words[kind.takes]


def given(kind: AggregateKind) -> str:
    """The type of the result, in words."""
    words = {"input": "the input's type", "list": "a list of the input's type", "sum": "int64 of integers and bool, float64 of floats"}
    return words.get(kind.result, kind.result)


def page() -> str:
    """The page of aggregates."""
    since = f"Takes no input: it is of the events themselves; gives float64. {sentences(Source.time_since_last)}"
    ways = "Python, of a source: `source.time_since_last()` · SQL: `TIME_SINCE_LAST`"
    parts = [MADE.format("headrace/aggregates.py"), AGGREGATES_TEXT]
    parts += [aggregate_page(kind) for kind in AGGREGATES.values() if not kind.internal]
    parts.append(f"## time_since_last\n\n{ways}\n\n{since}\n\n`clicks.time_since_last()`\n")
    return "\n".join(parts)

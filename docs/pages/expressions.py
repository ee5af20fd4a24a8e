"""The page of expressions: what `headrace.functions`, the methods of expressions and the constructors say of themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import headrace as hr
from headrace import constructors
from headrace.functions import REGISTRY as FUNCTIONS
from headrace.functions import mathematics, nested, pick, text, time
from headrace.methods import RowMethods

from .parts import MADE, sentences, table, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from headrace.functions import RowFunction

SECTIONS = {
    "Numbers": mathematics.FUNCTIONS,
    "Choice and null": pick.FUNCTIONS,
    "Text": text.FUNCTIONS,
    "Time": time.FUNCTIONS,
    "Lists and hashes": nested.FUNCTIONS,
}

EXPRESSIONS = """\
# Expressions

An expression is computed from the columns of one event, or from aggregates: `clicks["price"] * clicks["quantity"]`,
`buys.count() / clicks.count()`. In SQL the same functions stand under the same names, in any case. All of them work on whole columns.

Where a value cannot be computed for a row, it is null for that feature and that row, and counted by feature; other features and other rows
are not touched. An argument that is marked *literal* is a constant. Examples show a call and what it gives; `friday` is
2024-03-01 18:30:15 UTC.

## Operators

| Python | SQL | |
|---|---|---|
| `a + b` `a - b` `a * b` | the same | whole numbers stay whole; a result outside of int64 is null, and counted |
| `t - u` `t + d` `t - d` | the same | timestamp − timestamp is a duration, timestamp ± duration a timestamp |
| `a / b` | `a / b` | always a float; null where `b` is 0, which is no failure |
| `a // b` | `FLOOR(a / b)` | the quotient, rounded down: -7 // 2 is -4.0; a float |
| `a % b` | `a % b` | the remainder, with the sign of `a`: -7 % 2 is -1; null where `b` is 0 |
| `a ** b` | `POWER(a, b)` | a float |
| `==` `!=` `<` `<=` `>` `>=` | `=` `<>` `<` `<=` `>` `>=` | null where a side is null; NaN equals NaN and is above every number |
| `a & b` `a \\| b` `~a` | `AND` `OR` `NOT` | null is *unknown*: `False & null` is False, `True \\| null` is True, the others are null |
| `x["name"]` `x[0]` | `x.name` `x[0]` | a field of a struct, an item of a list, from 0 |
"""


def methods() -> Iterable[tuple[str, Callable[..., object]]]:
    """The methods that every expression has and that are no function of the registry."""
    return [(name, each) for name, each in vars(RowMethods).items() if not name.startswith("_") and name not in FUNCTIONS]


def examples(function: RowFunction) -> list[str]:
    """The doctest of a function as calls with their values."""
    found = []
    for asked, given in re.findall(r"^>>> (.*)\n((?!>>>).+)", function.example, re.MULTILINE):
        call = re.sub(r"evaluate\('(\w+)'(?:, )?", r"\1(", asked)
        found.append(f"`{call}` → `{given}`")
    return found


def function_page(function: RowFunction) -> str:
    """One row function."""
    ways = [f"`{function.signature}`"]
    if hasattr(RowMethods, function.name):
        ways.append(f"Python: `x.{written(function.name, getattr(RowMethods, function.name))}`")
    if function.name in hr.__all__:
        ways.append(f"Python: `hr.{written(function.name, getattr(constructors, function.name))}`")
    others = ", ".join(f"`{name.upper()}`" for name in function.sql_names)
    ways.append(f"SQL: `{function.name.upper()}`" + (f", also {others}" if others else ""))
    told = f"{function.summary} {function.nulls} {function.failures}"
    return "\n".join([f"### {function.name}", "", " · ".join(ways), "", told, "", *examples(function), ""])


def page() -> str:
    """The page of expressions."""
    parts = [MADE.format("headrace/functions, headrace/methods.py and headrace/constructors.py"), EXPRESSIONS]
    parts.append(calls_of("Of every expression", "x.", methods()))
    firsts = [(name, getattr(constructors, name)) for name in ("when", "literal", "struct", "event_time", "function")]
    parts.append(calls_of("What an expression begins with", "hr.", firsts))
    for title, functions in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [function_page(each) for each in functions if not each.internal]
    return "\n".join(parts)


def calls_of(title: str, start: str, calls: Iterable[tuple[str, Callable[..., object]]]) -> str:
    """A section that says what some calls do, a line each."""
    rows = [[f"`{start}{written(name, call)}`", sentences(call)] for name, call in calls]
    return f"## {title}\n\n{table(['', ''], rows)}\n"

"""Writes docs/reference/expressions.md and aggregates.md from what is declared in code: `python docs/generate.py [FOLDER]`.

It promises the same text for the same code; a test compares it with what stands in the folder. What a function or an aggregate does is told
by its own entry in `headrace.functions` and `headrace.aggregates`, whose examples are tested there.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import headrace as hr
from headrace import constructors
from headrace.aggregates import REGISTRY as AGGREGATES
from headrace.aggregating import Aggregating
from headrace.functions import REGISTRY as FUNCTIONS
from headrace.functions import mathematics, nested, pick, text, time
from headrace.methods import RowMethods
from headrace.source import Source
from headrace.sql.rules.aggregates import NAMES as SQL_AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headrace.aggregates import AggregateKind
    from headrace.functions import RowFunction

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- made by docs/generate.py; what it says stands in {} -->\n"
SECTIONS = {
    "Numbers": mathematics.FUNCTIONS,
    "Choice and null": pick.FUNCTIONS,
    "Text": text.FUNCTIONS,
    "Time": time.FUNCTIONS,
    "Lists and hashes": nested.FUNCTIONS,
}
PYTHON_METHODS = {"decay_sum": "decayed_sum", "decay_count": "decayed_count"}
"""Aggregates whose method has another name."""

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

AGGREGATES_TEXT = """\
# Aggregates

An aggregate is over the events of one source, for one entity, in a window:
`clicks["price"].sum(where=clicks["action"] == "buy").over("7d")`. In SQL: `SUM(price) FILTER (WHERE action = 'buy') OVER (LAST '7 days')`.
[Semantics](../semantics.md) says which events a window holds.

Every one takes `where=`, a condition; null does not pass. Nulls among the values are passed over, except where `ignore_nulls` is a choice.
Over no value at all `count` is 0, the others null; `.fill_null(0)` says otherwise. All are exact: what leaves a window
leaves no trace in it.
"""


def methods() -> Iterable[tuple[str, Callable[..., object]]]:
    """The methods that every expression has and that are no function of the registry."""
    return [(name, each) for name, each in vars(RowMethods).items() if not name.startswith("_") and name not in FUNCTIONS]


def written(name: str, call: Callable[..., object]) -> str:
    """A call as one writes it: parameters with their defaults, without types."""
    parts = []
    stars = False
    for parameter in inspect.signature(call).parameters.values():
        if parameter.name == "self" or (parameter.name == "where" and parameter.kind is parameter.KEYWORD_ONLY):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not stars:
            stars = True
        shown = f"*{parameter.name}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name
        parts.append(shown if parameter.default is parameter.empty else f"{shown}={parameter.default!r}")
    return f"{name}({', '.join(parts)})"


def sentences(call: Callable[..., object]) -> str:
    """A docstring's text before its sections and examples."""
    whole = inspect.getdoc(call) or ""
    return " ".join(re.split(r"\n\s*(?:>>>|Args:|Raises:)", whole)[0].split())


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


def expressions() -> str:
    """The page of expressions."""
    parts = [MADE.format("headrace/functions, headrace/methods.py and headrace/constructors.py"), EXPRESSIONS]
    parts.append(table("Of every expression", "x.", methods()))
    firsts = [(name, getattr(constructors, name)) for name in ("when", "literal", "struct", "event_time", "function")]
    parts.append(table("What an expression begins with", "hr.", firsts))
    for title, functions in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [function_page(each) for each in functions if not each.internal]
    return "\n".join(parts)


def table(title: str, start: str, calls: Iterable[tuple[str, Callable[..., object]]]) -> str:
    """A section that says what some calls do, a line each."""
    lines = [f"## {title}", "", "| | |", "|---|---|"]
    lines += [f"| `{start}{written(name, call)}` | {sentences(call).replace('|', chr(92) + '|')} |" for name, call in calls]
    return "\n".join([*lines, ""])


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


def aggregates() -> str:
    """The page of aggregates."""
    since = f"Takes no input: it is of the events themselves; gives float64. {sentences(Source.time_since_last)}"
    ways = "Python, of a source: `source.time_since_last()` · SQL: `TIME_SINCE_LAST`"
    parts = [MADE.format("headrace/aggregates.py"), AGGREGATES_TEXT]
    parts += [aggregate_page(kind) for kind in AGGREGATES.values() if not kind.internal]
    parts.append(f"## time_since_last\n\n{ways}\n\n{since}\n\n`clicks.time_since_last()`\n")
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {"expressions.md": expressions, "aggregates.md": aggregates}


def main(arguments: Sequence[str]) -> None:
    """Write every page."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page().rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

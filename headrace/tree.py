"""The expression tree that definitions in Python and in SQL share.

Nodes are sqlglot's where sqlglot has them; the few that it lacks stand here. A tree is *canonical* when it holds only:

- `exp.Column(this, table)`: a column of a source, both identifiers quoted; a nested field is `exp.Dot(this, expression=identifier)`
- `exp.Literal` (number or string), `exp.Boolean`, `exp.Null`, `Duration`, `Instant`
- `exp.Add Sub Mul Div Mod Neg`, `exp.EQ NEQ GT GTE LT LTE`, `exp.And Or Not`, `exp.Is(this, Null)`, `exp.In`, `exp.Case`
- `CastTo`, `Call` (every other row function, by its name in `headrace.functions`)
- `Aggregate` (closed when it has a `Frame`), `RequestColumn`

It promises structural equality and pickling; it relies on sqlglot's node class; types and meaning are left to
`headrace.typing`.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp


class Duration(exp.Expression):
    """A length of time as a literal: `this` is an int of microseconds."""

    arg_types = {"this": True}


class Instant(exp.Expression):
    """A point in time as a literal: `this` is an int of microseconds since 1970, UTC."""

    arg_types = {"this": True}


class CastTo(exp.Expression):
    """`this` as the type named `to` (the name that a schema takes: int64, float64, string, timestamp, ...)."""

    arg_types = {"this": True, "to": True}


class Call(exp.Expression):
    """A row function: `this` is its name in `headrace.functions` (a str), `expressions` its arguments in order."""

    arg_types = {"this": True, "expressions": False}


class RequestColumn(exp.Expression):
    """A value that the asker brings: `this` is its name (str), `to` the name of its type."""

    arg_types = {"this": True, "to": True}


class Frame(exp.Expression):
    """The window of a closed aggregate; all fields are plain Python values.

    `size_us`: int or None (not bounded by time); `rows`: int or None (not bounded by rows); neither: ever.
    `delay_us`: int; `closed`: right, left, both or none; `exclude`: "", row or instant.
    """

    arg_types = {"size_us": False, "rows": False, "delay_us": False, "closed": False, "exclude": False}


class Aggregate(exp.Expression):
    """An aggregate over the events of one source.

    `kind`: its name in `headrace.aggregates` (str); `source`: the source's name (str); `this`: the input, absent for `count()`;
    `where`: the filter, absent when every event counts; `n`: int for last_n and lag; `half_life_us`: int for the decayed ones;
    `ignore_nulls`: bool; `frame`: a `Frame`, absent while the aggregate is open.
    """

    arg_types = {
        "kind": True,
        "source": True,
        "this": False,
        "where": False,
        "n": False,
        "half_life_us": False,
        "ignore_nulls": False,
        "frame": False,
    }


def column(source: str, name: str) -> exp.Column:
    """The column `name` of `source`."""
    return exp.Column(this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(source, quoted=True))


def literal(value: Any) -> exp.Expression:
    """A Python scalar as a literal node; None, bool, int, float and str."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | float):
        if value < 0:
            return exp.Neg(this=exp.Literal.number(repr(-value)))
        return exp.Literal.number(repr(value))
    return exp.Literal.string(str(value))

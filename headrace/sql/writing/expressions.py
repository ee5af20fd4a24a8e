"""A canonical tree as SQL.

It promises a text that is read as the same tree, with parentheses only where they are needed. Aggregates are written by
`headrace.sql.writing.windows`; where a column is looked up is told by `Naming`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, cast

from sqlglot import exp

from headrace import tree
from headrace.errors import InvalidSql
from headrace.sql.kinds import quoted, sql_type
from headrace.types import parse_type

from .names import duration, identifier, string

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPERATORS: dict[type[exp.Expression], tuple[str, int, int, int]] = {
    exp.Or: ("OR", 1, 1, 2), exp.And: ("AND", 2, 2, 3),
    exp.EQ: ("=", 4, 6, 6), exp.NEQ: ("<>", 4, 6, 6), exp.GT: (">", 4, 6, 6), exp.GTE: (">=", 4, 6, 6), exp.LT: ("<", 4, 6, 6),
    exp.LTE: ("<=", 4, 6, 6),
    exp.Add: ("+", 6, 6, 7), exp.Sub: ("-", 6, 6, 7), exp.Mul: ("*", 7, 7, 8), exp.Div: ("/", 7, 7, 8), exp.Mod: ("%", 7, 7, 8),
}  # fmt: skip
"""Sign, how tightly it binds, and how tightly its sides have to."""

_ATOM = 9


class Naming(Protocol):
    """How columns and aggregates are written in one view."""

    def column(self, source: str, name: str, *, nested: bool) -> str:
        """A column of a source; `nested`: a field's name follows."""
        ...

    def aggregate(self, node: tree.Aggregate) -> str:
        """An aggregate with its window."""
        ...

    def time_since_last(self, node: tree.Aggregate) -> str:
        """The seconds since the newest event, from the aggregate of its time."""
        ...


def expression(node: exp.Expression, naming: Naming) -> str:
    """The text of `node`."""
    return _text(node, naming)[0]


def _text(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    if type(node) in _OPERATORS:
        sign, binds, left, right = _OPERATORS[type(node)]
        return f"{_inside(node.this, left, naming)} {sign} {_inside(node.expression, right, naming)}", binds
    rule = _RULES.get(type(node))
    if rule is None:
        raise InvalidSql(f"{type(node).__name__} cannot be written as SQL")
    return rule(node, naming)


def _inside(node: exp.Expression, level: int, naming: Naming) -> str:
    shown, binds = _text(node, naming)
    return shown if binds >= level else f"({shown})"


def _literal(node: exp.Expression, _: Naming) -> tuple[str, int]:
    if node.is_string:
        return string(node.this), _ATOM
    return str(node.this), 8 if str(node.this).startswith("-") else _ATOM


def _negative(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    """Two signs in a row would begin a comment."""
    return f"-{_inside(node.this, _ATOM, naming)}", 8


def _not(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    inner = node.this
    if isinstance(inner, exp.Is):
        return f"{_inside(inner.this, 6, naming)} IS NOT NULL", 4
    if isinstance(inner, exp.In):
        return f"{_inside(inner.this, 6, naming)} NOT IN ({_several(inner.expressions, naming)})", 4
    return f"NOT {_inside(inner, 4, naming)}", 3


def _case(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    parts = [f"WHEN {expression(each.this, naming)} THEN {expression(each.args['true'], naming)}" for each in node.args["ifs"]]
    default = node.args.get("default")
    parts += [] if default is None else [f"ELSE {expression(default, naming)}"]
    return f"CASE {' '.join(parts)} END", _ATOM


def _column(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    return naming.column(node.text("table"), node.name, nested=False), _ATOM


def _aggregate(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    return naming.aggregate(cast("tree.Aggregate", node)), _ATOM


def _dot(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    names, inner = [node.expression.name], node.this
    while isinstance(inner, exp.Dot):
        names.append(inner.expression.name)
        inner = inner.this
    if isinstance(inner, exp.Column):
        start = naming.column(inner.table, inner.name, nested=True)
    elif isinstance(inner, tree.RequestColumn):
        start = _text(inner, naming)[0]
    else:
        return f"({_text(inner, naming)[0]}){''.join(f'[{string(name)}]' for name in reversed(names))}", _ATOM
    return start + "".join(f".{quoted(name)}" for name in reversed(names)), _ATOM


def _call(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    name, arguments = str(node.this), node.expressions
    if name == "seconds" and isinstance(arguments[0], exp.Sub):
        asked, newest = arguments[0].this, arguments[0].expression
        of_now = isinstance(asked, tree.Call) and asked.this == "now"
        if of_now and isinstance(newest, tree.Aggregate) and newest.args["kind"] == "last_time":
            return naming.time_since_last(newest), _ATOM
    if name == "struct":
        pairs = zip(arguments[::2], arguments[1::2], strict=True)
        return f"STRUCT({', '.join(f'{expression(value, naming)} AS {quoted(label.name)}' for label, value in pairs)})", _ATOM
    if name == "now":
        return "NOW()", _ATOM
    if name == "like":
        return f"{_inside(arguments[0], 6, naming)} LIKE {_inside(arguments[1], 6, naming)}", 4
    written = quoted(name.removeprefix("udf:")) if name.startswith("udf:") else name.upper()
    return f"{written}({_several(arguments, naming)})", _ATOM


def _several(nodes: list[exp.Expression], naming: Naming) -> str:
    return ", ".join(expression(each, naming) for each in nodes)


def _instant(node: exp.Expression, _: Naming) -> tuple[str, int]:
    return f"TIMESTAMP '{(_EPOCH + timedelta(microseconds=node.this)).isoformat(sep=' ')}'", _ATOM


def _cast(node: exp.Expression, naming: Naming) -> tuple[str, int]:
    return f"CAST({expression(node.this, naming)} AS {sql_type(parse_type(node.args['to']))})", _ATOM


def _request(node: exp.Expression, _: Naming) -> tuple[str, int]:
    return f"REQUEST({identifier(str(node.this))} {sql_type(parse_type(node.args['to']))})", _ATOM


_RULES: dict[type[exp.Expression], Callable[[exp.Expression, Naming], tuple[str, int]]] = {
    exp.Literal: _literal,
    exp.Boolean: lambda node, _: ("TRUE" if node.this else "FALSE", _ATOM),
    exp.Null: lambda _, __: ("NULL", _ATOM),
    exp.Neg: _negative,
    exp.Not: _not,
    exp.Is: lambda node, naming: (f"{_inside(node.this, 6, naming)} IS NULL", 4),
    exp.In: lambda node, naming: (f"{_inside(node.this, 6, naming)} IN ({_several(node.expressions, naming)})", 4),
    exp.Case: _case,
    exp.Column: _column,
    exp.Dot: _dot,
    tree.Duration: lambda node, _: (f"INTERVAL '{duration(node.this)}'", _ATOM),
    tree.Instant: _instant,
    tree.CastTo: _cast,
    tree.Call: _call,
    tree.RequestColumn: _request,
    tree.Aggregate: _aggregate,
}

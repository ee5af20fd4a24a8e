"""A tree as a line for people: in errors, `explain` and `trace`.

It is near to SQL but not SQL: nothing reads it back. `headrace.sql` writes statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace import tree
from headrace.durations import format_duration
from headrace.forms import form

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNS: dict[type[exp.Expression], tuple[str, int]] = {
    exp.Or: ("or", 1), exp.And: ("and", 2), exp.EQ: ("=", 4), exp.NEQ: ("<>", 4), exp.LT: ("<", 4), exp.LTE: ("<=", 4), exp.GT: (">", 4),
    exp.GTE: (">=", 4), exp.Add: ("+", 5), exp.Sub: ("-", 5), exp.Mul: ("*", 6), exp.Div: ("/", 6), exp.Mod: ("%", 6),
}  # fmt: skip


def text(node: exp.Expression, names: Mapping[str, str] | None = None) -> str:
    """`node` in one line; `names` replace columns by their name (cells of a plan by what they are).

    >>> from headrace.tree import column, literal
    >>> price = column("clicks", "price")
    >>> text(exp.Mul(this=exp.Add(this=price, expression=literal(1)), expression=literal(2)))
    '("price" + 1) * 2'
    """
    return _text(node, names or {})[0]


def window_text(size_us: int | None, rows: int | None, delay_us: int = 0, closed: str = "right", exclude: str = "") -> str:
    """A window in words: `7d`, `last 100`, `7d, last 100, delay 1h`, `ever`."""
    parts = [] if size_us is None else [format_duration(size_us)]
    parts += [] if rows is None else [f"last {rows}"]
    parts = parts or ["ever"]
    parts += [f"delay {format_duration(delay_us)}"] if delay_us else []
    parts += [f"closed {closed}"] if closed != "right" else []
    parts += [f"without the {exclude}"] if exclude else []
    return ", ".join(parts)


def _text(node: exp.Expression, names: Mapping[str, str]) -> tuple[str, int]:
    """The text and how tightly its outermost operator binds."""
    if isinstance(node, exp.Column):
        return names.get(node.name, f'"{node.name}"'), 9
    if type(node) in _SIGNS:
        sign, level = _SIGNS[type(node)]
        return f"{_inside(node.this, level, names)} {sign} {_inside(node.expression, level + 1, names)}", level
    if isinstance(node, exp.Literal):
        return (f"'{node.this}'" if node.is_string else str(node.this)), 9
    if isinstance(node, exp.Boolean):
        return ("true" if node.this else "false"), 9
    if isinstance(node, exp.Null):
        return "null", 9
    if isinstance(node, exp.Neg):
        return f"-{_inside(node.this, 8, names)}", 8
    if isinstance(node, exp.Not):
        if isinstance(node.this, exp.Is):
            return f"{_inside(node.this.this, 5, names)} is not null", 3
        return f"not {_inside(node.this, 3, names)}", 3
    if isinstance(node, exp.Is):
        return f"{_inside(node.this, 5, names)} is null", 3
    if isinstance(node, exp.In):
        return f"{_inside(node.this, 5, names)} in ({', '.join(_text(each, names)[0] for each in node.expressions)})", 3
    if isinstance(node, exp.Dot):
        return f"{_inside(node.this, 9, names)}.{node.expression.name}", 9
    return _words(node, names), 9


def _words(node: exp.Expression, names: Mapping[str, str]) -> str:
    if isinstance(node, exp.Case):
        parts = [f"when {_text(each.this, names)[0]} then {_text(each.args['true'], names)[0]}" for each in node.args["ifs"]]
        default = node.args.get("default")
        parts += [f"else {_text(default, names)[0]}"] if default is not None else []
        return f"case {' '.join(parts)} end"
    if isinstance(node, tree.Duration):
        return format_duration(node.this)
    if isinstance(node, tree.Instant):
        from datetime import UTC, datetime, timedelta

        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=node.this)).isoformat()
    if isinstance(node, tree.CastTo):
        return f"cast({_text(node.this, names)[0]} as {node.args['to']})"
    if isinstance(node, tree.RequestColumn):
        return f"request.{node.this}"
    if isinstance(node, tree.Call):
        name = str(node.this).removeprefix("udf:")
        return f"{name}({', '.join(_text(each, names)[0] for each in node.expressions)})"
    if isinstance(node, tree.Aggregate):
        return _aggregate(node, names)
    return form(node)


def _aggregate(node: exp.Expression, names: Mapping[str, str]) -> str:
    inner = [] if node.this is None else [_text(node.this, names)[0]]
    n, half_life, where, frame = (node.args.get(name) for name in ("n", "half_life_us", "where", "frame"))
    inner += [str(n)] if n else []
    inner += [f"half-life {format_duration(half_life)}"] if half_life else []
    inner += ["ignoring nulls"] if node.args.get("ignore_nulls") else []
    shown = f"{node.args['kind']}({', '.join(inner)})"
    shown += f" where {_text(where, names)[0]}" if where is not None else ""
    if frame is None:
        return shown
    size_us, rows, delay_us, closed, exclude = (frame.args.get(name) for name in ("size_us", "rows", "delay_us", "closed", "exclude"))
    return f"{shown} over [{window_text(size_us, rows, delay_us or 0, closed or 'right', exclude or '')}]"


def _inside(node: exp.Expression, level: int, names: Mapping[str, str]) -> str:
    shown, binds = _text(node, names)
    return shown if binds >= level else f"({shown})"

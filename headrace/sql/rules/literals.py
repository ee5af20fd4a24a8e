"""Literals: numbers, texts, TRUE, NULL, times and lengths of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from headrace.durations import parse_duration
from headrace.errors import InvalidSql
from headrace.expressions import Expression, as_expression

if TYPE_CHECKING:
    from sqlglot import exp

    from headrace.sql.rules.lowering import Lowering


def literal(_: Lowering, node: exp.Expr) -> Expression:
    """A number or a text."""
    return as_expression(node.name if node.is_string else number(node))


def number(node: exp.Expr) -> int | float:
    """The Python number of a literal: an int where it is written as one."""
    text = node.name
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise InvalidSql(f"'{node.name}' is no number") from None


def boolean(_: Lowering, node: exp.Expr) -> Expression:
    """TRUE and FALSE."""
    return as_expression(bool(node.this))


def null(_: Lowering, __: exp.Expr) -> Expression:
    """NULL."""
    return as_expression(None)


def typed(_: Lowering, node: exp.Expr) -> Expression:
    """`TIMESTAMP '...'` (UTC where it has no zone), `DATE '...'`, `INTERVAL '...'`."""
    text, kind = node.this.name, node.args["kind"]
    if kind == "INTERVAL":
        return as_expression(timedelta(microseconds=parse_duration(text, "the interval")))
    try:
        if kind == "DATE":
            return as_expression(date.fromisoformat(text))
        found = datetime.fromisoformat(text)
    except ValueError:
        example = "'2024-01-31'" if kind == "DATE" else "'2024-01-31 12:00:00' or '2024-01-31T12:00:00+01:00'"
        raise InvalidSql(f"'{text}' is no {kind.lower()}: write {example}") from None
    return as_expression(found if found.tzinfo is not None else found.replace(tzinfo=UTC))

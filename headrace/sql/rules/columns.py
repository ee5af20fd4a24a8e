"""Columns, their fields and items, and the values that the asker brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.errors import InvalidSql
from headrace.requests import Request as RequestColumns

from .literals import number

if TYPE_CHECKING:
    from headrace.expressions import Expression
    from headrace.sql.rules.lowering import Lowering


def column(lowering: Lowering, node: exp.Expr) -> Expression:
    """`price`, `clicks.price`, `user.address.city`: a source's name first, then a column, then fields."""
    if isinstance(node.this, exp.Star):
        raise InvalidSql("* stands only in COUNT(*), in COUNT(source.*) and in a sub-query: name the columns")
    parts = [node.args.get(name) for name in ("catalog", "db", "table", "this")]
    return lowering.scope.column([part for part in parts if part is not None])


def star(_: Lowering, __: exp.Expr) -> Expression:
    """`*`: refused."""
    raise InvalidSql("* stands only in COUNT(*), in COUNT(source.*) and in a sub-query: name the columns")


def dot(lowering: Lowering, node: exp.Expr) -> Expression:
    """A field of what stands before the dot."""
    if not isinstance(node.expression, exp.Identifier):
        raise InvalidSql("after a dot stands the name of a field")
    return lowering.lower(node.this).field(node.expression.name)


def bracket(lowering: Lowering, node: exp.Expr) -> Expression:
    """`items[0]`: an item of a list, counted from 0; `user['id']`: a field of a struct."""
    value = lowering.lower(node.this)
    at = node.expressions[0] if len(node.expressions) == 1 else None
    bare = at.this if isinstance(at, exp.Neg) else at
    if not isinstance(bare, exp.Literal):
        raise InvalidSql("in brackets stands one place, counted from 0 (from -1 at the end), or the name of a field")
    if bare.is_string:
        return value.field(bare.name)
    place = number(bare)
    if not isinstance(place, int):
        raise InvalidSql(f"in brackets stands a whole number, found {bare.name}")
    return value.item(-place if isinstance(at, exp.Neg) else place)


def request(_: Lowering, node: exp.Expr) -> Expression:
    """`REQUEST(amount DOUBLE)`."""
    name = node.this.name
    return RequestColumns({name: node.args["kind"].this})[name]


def convert(lowering: Lowering, node: exp.Expr) -> Expression:
    """`CAST(x AS BIGINT)`, `x::BIGINT`."""
    return lowering.lower(node.this).cast(node.args["to"].this)

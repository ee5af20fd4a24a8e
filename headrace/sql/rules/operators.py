"""Operators: arithmetic, comparison, AND, OR, NOT, `||`."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.errors import InvalidSql
from headrace.expressions import Expression, as_expression, combine
from headrace.tree import Call

from .literals import number

if TYPE_CHECKING:
    from headrace.sql.rules.lowering import Lowering

BINARY: dict[type[exp.Expr], type[exp.Expression]] = {
    exp.Add: exp.Add, exp.Sub: exp.Sub, exp.Mul: exp.Mul, exp.Div: exp.Div, exp.Mod: exp.Mod,
    exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.GT: exp.GT, exp.GTE: exp.GTE, exp.LT: exp.LT, exp.LTE: exp.LTE,
    exp.And: exp.And, exp.Or: exp.Or,
}  # fmt: skip
"""The operators that the canonical tree has too."""


def binary(lowering: Lowering, node: exp.Expr) -> Expression:
    """An operator between two values."""
    kind = BINARY[type(node)]
    if isinstance(node, exp.EQ | exp.NEQ) and any(isinstance(side, exp.Null) for side in (node.this, node.expression)):
        raise InvalidSql(f"a comparison with NULL is never true: write IS {'' if isinstance(node, exp.EQ) else 'NOT '}NULL")
    if isinstance(node, exp.And | exp.Or):
        return _chain(lowering, node, kind)
    return combine(lambda a, b: kind(this=a, expression=b), lowering.lower(node.this), lowering.lower(node.expression))


def _chain(lowering: Lowering, node: exp.Expr, kind: type[exp.Expression]) -> Expression:
    """`a AND b AND c` at once: one after the other would check and copy what stands before again and again."""
    sides: list[exp.Expr] = []
    while type(node) is kind:
        sides.append(node.expression)
        node = node.this
    conditions = [lowering.condition(each, kind.key.upper()) for each in reversed([*sides, node])]
    return combine(lambda *nodes: reduce(lambda a, b: kind(this=a, expression=b), nodes), *conditions)


def negation(lowering: Lowering, node: exp.Expr) -> Expression:
    """`-x`; the least int64 is a literal only with its sign."""
    if isinstance(node.this, exp.Literal) and not node.this.is_string and number(node.this) != 0:
        return as_expression(-number(node.this))
    return -lowering.lower(node.this)


def inversion(lowering: Lowering, node: exp.Expr) -> Expression:
    """`NOT x`."""
    return ~lowering.condition(node.this, "NOT")


def paren(lowering: Lowering, node: exp.Expr) -> Expression:
    """`(x)`: the tree has no parentheses."""
    return lowering.lower(node.this)


def joined(lowering: Lowering, node: exp.Expr) -> Expression:
    """`a || b`: texts, one behind the other."""
    return combine(lambda a, b: Call(this="concat", expressions=[a, b]), lowering.lower(node.this), lowering.lower(node.expression))

"""The rules that make an expression of a node of SQL, one kind of node a file, as in sqlglot's optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.sql import syntax

from . import aggregates, calls, choices, columns, literals, operators

if TYPE_CHECKING:
    from .lowering import Rule

RULES: dict[type[exp.Expr], Rule] = {
    **dict.fromkeys(operators.BINARY, operators.binary),
    exp.Neg: operators.negation,
    exp.Not: operators.inversion,
    exp.Paren: operators.paren,
    exp.DPipe: operators.joined,
    exp.Literal: literals.literal,
    exp.Boolean: literals.boolean,
    exp.Null: literals.null,
    syntax.Typed: literals.typed,
    exp.Case: choices.case,
    exp.In: choices.is_in,
    exp.Between: choices.between,
    exp.Is: choices.is_null,
    exp.Like: choices.like,
    exp.ILike: choices.ilike,
    exp.NullSafeEQ: choices.distinct_from,
    exp.NullSafeNEQ: choices.distinct_from,
    exp.Column: columns.column,
    exp.Star: columns.star,
    exp.Dot: columns.dot,
    exp.Bracket: columns.bracket,
    syntax.Request: columns.request,
    syntax.Convert: columns.convert,
    exp.Anonymous: calls.call,
    syntax.Extract: calls.extract,
    exp.CurrentTimestamp: calls.now,
    syntax.Over: aggregates.aggregate,
    exp.Filter: aggregates.aggregate,
    exp.IgnoreNulls: aggregates.aggregate,
    exp.RespectNulls: aggregates.aggregate,
}
"""What may stand in an expression."""

"""Choices: CASE, IN, BETWEEN, IS NULL, LIKE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.constructors import when
from headrace.errors import InvalidSql
from headrace.expressions import Expression, combine
from headrace.tree import Call

if TYPE_CHECKING:
    from headrace.sql.rules.lowering import Lowering


def case(lowering: Lowering, node: exp.Expr) -> Expression:
    """`CASE WHEN c THEN x ... ELSE y END` and `CASE v WHEN a THEN x ...`, which compares v with each."""
    subject = None if node.this is None else lowering.lower(node.this)
    found = None
    for each in node.args["ifs"]:
        condition = lowering.condition(each.this, "WHEN") if subject is None else subject == lowering.lower(each.this)
        found = (when(condition) if found is None else found.when(condition)).then(lowering.lower(each.args["true"]))
    if found is None:
        raise InvalidSql("CASE without WHEN: write CASE WHEN condition THEN value END")
    default = node.args.get("default")
    return found if default is None or isinstance(default, exp.Null) else found.otherwise(lowering.lower(default))


def is_in(lowering: Lowering, node: exp.Expr) -> Expression:
    """`x IN (1, 2)`; the choices are literals."""
    choices = node.expressions
    if not choices:
        raise InvalidSql("IN takes a list of literals: x IN (1, 2)")
    for choice in choices:
        bare = choice.this if isinstance(choice, exp.Neg) else choice
        if isinstance(choice, exp.Null):
            raise lowering.refuse(InvalidSql("NULL is in no list: write x IS NULL OR x IN (...)"), choice)
        if not isinstance(bare, exp.Literal | exp.Boolean) and type(bare).__name__ not in {"Typed", "Convert"}:
            raise lowering.refuse(InvalidSql("IN takes literals; compare with = and OR for columns"), choice)
    return combine(lambda x, *listed: exp.In(this=x, expressions=list(listed)), lowering.lower(node.this), *map(lowering.lower, choices))


def between(lowering: Lowering, node: exp.Expr) -> Expression:
    """`x BETWEEN a AND b`: both bounds belong to it."""
    if node.args.get("symmetric"):
        raise InvalidSql("BETWEEN SYMMETRIC is not known here: write LEAST and GREATEST around the bounds")
    return lowering.lower(node.this).between(lowering.lower(node.args["low"]), lowering.lower(node.args["high"]))


def is_null(lowering: Lowering, node: exp.Expr) -> Expression:
    """`x IS NULL`, `x IS TRUE`, `x IS FALSE`."""
    value, what = lowering.lower(node.this), node.expression
    if isinstance(what, exp.Null):
        return value.is_null()
    if isinstance(what, exp.Boolean):
        return (value if what.this else ~value).fill_null(False)
    raise InvalidSql("IS takes NULL, NOT NULL, TRUE or FALSE")


def like(lowering: Lowering, node: exp.Expr) -> Expression:
    """`x LIKE 'a%'`."""
    found = combine(lambda x, y: Call(this="like", expressions=[x, y]), lowering.lower(node.this), lowering.lower(node.expression))
    return ~found if node.args.get("negate") else found


def ilike(_: Lowering, __: exp.Expr) -> Expression:
    """`x ILIKE 'a%'`: refused, with the way to write it."""
    raise InvalidSql("ILIKE is not known here: write LOWER(x) LIKE 'a%'")


def distinct_from(_: Lowering, __: exp.Expr) -> Expression:
    """`x IS [NOT] DISTINCT FROM y`: refused, with the way to write it."""
    raise InvalidSql("IS DISTINCT FROM is not known here: compare, and say with COALESCE(x = y, FALSE) what null means")

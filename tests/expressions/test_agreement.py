"""The evaluator and `headrace.typing` say the same of types: which operations and casts there are, and what they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from sqlglot import exp

from headrace.errors import HeadraceError
from headrace.functions import REGISTRY
from headrace.tree import Call, CastTo, column, literal
from headrace.types import parse_type, type_name
from headrace.typing import castable, type_of
from operators.evaluate.calls import BUILDERS
from operators.evaluate.cast import castable as really_castable
from operators.evaluate.compiler import Compiler

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = (
    "int8", "int16", "int32", "int64", "float32", "float64", "bool", "string", "binary", "date", "timestamp", "duration",
    "list<int64>", "list<string>", "struct<a: int64>", "struct<a: string>", "struct<b: int64>",
)  # fmt: skip
SCHEMA = pa.schema([*((name, parse_type(name)) for name in NAMES), ("null", pa.null())])
X = [*NAMES, "null"]


def found(tree: exp.Expression) -> pa.DataType | None:
    try:
        return Compiler(SCHEMA, [tree], asker=False).node(tree).type
    except HeadraceError:
        return None


def said(tree: exp.Expression) -> pa.DataType | None:
    try:
        return type_of(tree, lambda column: SCHEMA.field(column.name).type)
    except HeadraceError:
        return None


def pairs() -> Iterator[tuple[str, str]]:
    return ((left, right) for left in X for right in X)


@pytest.mark.parametrize("kind", [exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.EQ, exp.LT, exp.And, exp.Or])
def test_operators(kind: type[exp.Expression]) -> None:
    trees = [kind(this=column("", left), expression=column("", right)) for left, right in pairs()]
    assert [(tree.sql(), found(tree)) for tree in trees] == [(tree.sql(), said(tree)) for tree in trees]


def test_signs_negations_branches_and_choices() -> None:
    trees: list[exp.Expression] = []
    for left in X:
        trees += [exp.Neg(this=column("", left)), exp.Not(this=column("", left)), exp.Is(this=column("", left), expression=exp.Null())]
        trees.append(exp.In(this=column("", left), expressions=[literal(1), exp.Null()]))
    for left, right in pairs():
        trees.append(exp.Case(ifs=[exp.If(this=column("", "bool"), true=column("", left))], default=column("", right)))
        trees.append(exp.Case(ifs=[exp.If(this=column("", left), true=column("", right))]))
    assert [(repr(tree), found(tree)) for tree in trees] == [(repr(tree), said(tree)) for tree in trees]


def test_casts() -> None:
    types = [SCHEMA.field(name).type for name in NAMES]
    both = [(a, b) for a in [*types, pa.null()] for b in types]
    assert [(a, b, really_castable(a, b)) for a, b in both] == [(a, b, castable(a, b)) for a, b in both]


def test_every_function_is_declared_and_built() -> None:
    assert set(BUILDERS) == set(REGISTRY) - {"now"}


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - {"now", "date_trunc", "decay"}))
def test_functions_of_columns(name: str) -> None:
    function = REGISTRY[name]
    count = sum(not parameter.optional for parameter in function.parameters)
    literals = {"int": literal(3), "string": literal("a"), "number": literal(1)}
    for first in X:
        arguments = [literals[p.kind] if p.literal else column("", first) for p in function.parameters[:count]]
        tree = Call(this=name, expressions=arguments)
        assert (first, found(tree)) == (first, said(tree))


def test_the_names_of_types_go_through_a_cast() -> None:
    for name in NAMES:
        tree = CastTo(this=exp.Null(), to=type_name(SCHEMA.field(name).type))
        assert found(tree) == said(tree) == SCHEMA.field(name).type

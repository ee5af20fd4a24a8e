"""A row's value depends on that row alone: not on its neighbours, their failures, the batch's size or its place in a buffer."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from headrace.tree import Call, CastTo, column, literal
from headrace.typing import type_of
from operators.evaluate import compile_row, compile_rows

from .strategies import SCHEMA, batches, trees


def bits(array: pa.Array[Any]) -> list[Any]:
    """Values in a form in which NaN equals itself and -0.0 differs from 0.0."""
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in array.to_pylist()]


def result_of(tree: exp.Expression) -> pa.DataType:
    found = type_of(tree, lambda column: SCHEMA.field(column.name).type)
    return pa.bool_() if pa.types.is_null(found) else found


@settings(max_examples=120)
@given(tree=trees(depth=4), batch=batches())
def test_a_batch_is_its_rows(tree: exp.Expression, batch: pa.RecordBatch) -> None:
    compute = compile_row(tree, SCHEMA, result_of(tree))
    values, failures = compute(batch)
    values.validate(full=True)
    assert values.type == result_of(tree)
    single = [compute(batch.slice(row, 1)) for row in range(batch.num_rows)]
    assert bits(values) == [bits(value)[0] for value, _ in single]
    assert failures == sum(count for _, count in single)


@settings(max_examples=80)
@given(tree=trees(), batch=batches(least=2), poison=batches(least=1, most=1), place=st.integers(0, 7))
def test_another_row_changes_only_its_own_cell(tree: exp.Expression, batch: pa.RecordBatch, poison: pa.RecordBatch, place: int) -> None:
    compute = compile_row(tree, SCHEMA, result_of(tree))
    place %= batch.num_rows + 1
    mixed = pa.Table.from_batches([batch.slice(0, place), poison, batch.slice(place)]).combine_chunks().to_batches()[0]
    clean, clean_failures = compute(batch)
    values, failures = compute(mixed)
    found = bits(values)
    assert found[:place] + found[place + 1 :] == bits(clean)
    assert failures == clean_failures + compute(poison)[1]


@settings(max_examples=30)
@given(several=st.lists(trees(), min_size=2, max_size=4), batch=batches())
def test_expressions_compiled_together_are_those_compiled_alone(several: list[exp.Expression], batch: pa.RecordBatch) -> None:
    several = [*several, several[0].copy()]
    values, failures = compile_rows([(tree, result_of(tree)) for tree in several], SCHEMA)(batch)
    alone = [compile_row(tree, SCHEMA, result_of(tree))(batch) for tree in several]
    assert [bits(value) for value in values] == [bits(value) for value, _ in alone]
    assert failures == [count for _, count in alone]


def test_an_empty_batch_gives_an_empty_column() -> None:
    empty = SCHEMA.empty_table().to_batches() or [pa.RecordBatch.from_pylist([], SCHEMA)]
    tree = exp.Div(this=CastTo(this=column("s", "s"), to="int64"), expression=Call(this="length", expressions=[column("s", "u")]))
    values, failures = compile_row(tree, SCHEMA, pa.float64())(empty[0])
    assert (len(values), values.type, failures) == (0, pa.float64(), 0)


def test_a_column_is_not_copied() -> None:
    batch = pa.record_batch({"x": [1, 2, None], "s": ["a", None, "b"]})
    for name, type_ in (("x", pa.int64()), ("s", pa.string())):
        values, _ = compile_row(column("", name), batch.schema, type_)(batch)
        assert [b and b.address for b in values.buffers()] == [b and b.address for b in batch.column(name).buffers()]


def test_the_failure_of_a_branch_not_taken_is_none() -> None:
    batch = pa.record_batch({"s": ["12", "x", None, "y"], "b": [True, False, True, None]})
    number = CastTo(this=column("", "s"), to="int64")
    tree = exp.Case(ifs=[exp.If(this=column("", "b"), true=number)], default=literal(0))
    values, failures = compile_row(tree, batch.schema, pa.int64())(batch)
    assert (values.to_pylist(), failures) == ([12, 0, None, 0], 0)


def test_a_condition_that_fails_takes_its_row_with_it() -> None:
    batch = pa.record_batch({"s": ["1", "x", "3"]})
    asked = exp.GT(this=CastTo(this=column("", "s"), to="int64"), expression=literal(2))
    tree = exp.Case(ifs=[exp.If(this=asked, true=literal("high"))], default=literal("low"))
    values, failures = compile_row(tree, batch.schema, pa.string())(batch)
    assert (values.to_pylist(), failures) == (["low", None, "high"], 1)


def test_a_failure_is_not_mended_by_what_stands_around_it() -> None:
    batch = pa.record_batch({"s": ["1", "x", None]})
    number = CastTo(this=column("", "s"), to="int64")
    filled = Call(this="coalesce", expressions=[number, literal(0)])
    asked = exp.Is(this=number, expression=exp.Null())
    (values, flags), failures = compile_rows([(filled, pa.int64()), (asked, pa.bool_())], batch.schema)(batch)
    assert (values.to_pylist(), flags.to_pylist(), failures) == ([1, None, 0], [False, None, True], [1, 1])


def test_what_decides_a_connective_outdoes_the_other_sides_failure() -> None:
    batch = pa.record_batch({"s": ["x", "x", "x", "5"], "b": [True, False, None, True]})
    asked = exp.GT(this=CastTo(this=column("", "s"), to="int64"), expression=literal(2))
    for kind, expected in ((exp.And, [None, False, None, True]), (exp.Or, [True, None, None, True])):
        for sides in ((asked, column("", "b")), (column("", "b"), asked)):
            values, failures = compile_row(kind(this=sides[0], expression=sides[1]), batch.schema, pa.bool_())(batch)
            assert (values.to_pylist(), failures) == (expected, 2)


def test_a_constant_that_fails_fails_in_every_row_and_only_where_it_is_asked_for() -> None:
    batch = pa.record_batch({"b": [True, False, None]})
    broken = CastTo(this=literal("x"), to="int64")
    assert compile_row(broken, batch.schema, pa.int64())(batch)[1] == 3
    tree = exp.Case(ifs=[exp.If(this=column("", "b"), true=broken)], default=literal(1))
    values, failures = compile_row(tree, batch.schema, pa.int64())(batch)
    assert (values.to_pylist(), failures) == ([None, 1, 1], 1)


def test_failures_of_several_operands_add_up_row_by_row() -> None:
    batch = pa.record_batch({"s": ["1", "x", "x", "4"], "u": ["5", "6", "y", "z"]})
    tree = exp.Add(this=CastTo(this=column("", "s"), to="int64"), expression=CastTo(this=column("", "u"), to="int64"))
    values, failures = compile_row(tree, batch.schema, pa.int64())(batch)
    assert (values.to_pylist(), failures) == ([6, None, None, None], 3)

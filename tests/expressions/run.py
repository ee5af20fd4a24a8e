"""What the tests of fixed cases share: one expression over columns written as lists."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlglot import exp

from headrace.tree import Call, CastTo, column, literal
from headrace.types import parse_type
from headrace.typing import type_of
from operators.evaluate import compile_row


def tree(value: Any) -> exp.Expression:
    """A node as it is; `"@x"` as the column x; anything else as a literal."""
    if isinstance(value, exp.Expression):
        return value
    return column("s", value[1:]) if isinstance(value, str) and value.startswith("@") else literal(value)


def call(name: str, *arguments: Any) -> exp.Expression:
    return Call(this=name, expressions=[tree(argument) for argument in arguments])


def cast(value: Any, to: str) -> exp.Expression:
    return CastTo(this=tree(value), to=to)


def op(kind: type[exp.Expression], left: Any, right: Any) -> exp.Expression:
    return kind(this=tree(left), expression=tree(right))


def run(expr: exp.Expression, **columns: Any) -> tuple[list[Any], int]:
    """The values and the number of failures; a column is a pair of its type's name and its values, or an array."""
    arrays = {name: pa.array(given[1], parse_type(given[0])) if isinstance(given, tuple) else given for name, given in columns.items()}
    batch = pa.record_batch(arrays) if arrays else pa.record_batch({"none": pa.nulls(1)})
    result = type_of(expr, lambda column: batch.schema.field(column.name).type)
    values, failures = compile_row(expr, batch.schema, result)(batch)
    values.validate(full=True)
    assert values.type == result
    assert len(values) == batch.num_rows
    if pa.types.is_temporal(result):
        values = values.cast(pa.int32() if pa.types.is_date32(result) else pa.int64())
    return values.to_pylist(), failures

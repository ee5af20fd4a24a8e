"""Random trees over random rows: DuckDB says the same values and the same number of failures."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import given, settings

from headrace.typing import type_of
from operators.evaluate import compile_row

from .duck import Query
from .strategies import SCHEMA, batches, trees

if TYPE_CHECKING:
    from sqlglot import exp


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return (math.isnan(ours) and math.isnan(theirs)) or ours == theirs or math.isclose(ours, theirs, rel_tol=1e-12)
    if isinstance(theirs, datetime):
        return bool(ours == theirs.replace(tzinfo=UTC))
    return bool(ours == theirs)


@settings(max_examples=200)
@given(tree=trees(), batch=batches())
def test_a_tree_is_what_duckdb_says(tree: exp.Expression, batch: pa.RecordBatch) -> None:
    result = type_of(tree, lambda column: SCHEMA.field(column.name).type)
    values, failures = compile_row(tree, SCHEMA, result if not pa.types.is_null(result) else pa.bool_())(batch)
    expected, failed = Query(SCHEMA).run(tree, batch)
    found = values.to_pylist()
    assert all(same(a, b) for a, b in zip(found, expected, strict=True)), f"{found} is not {expected}"
    assert failures == failed

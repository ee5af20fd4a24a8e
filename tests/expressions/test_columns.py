"""Columns come in as the nearest type that expressions know, from batches in any order and with more than was asked."""

from __future__ import annotations

import decimal
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from headrace.errors import HeadraceError
from headrace.tree import column, literal
from operators.evaluate import compile_row

TIME = pa.timestamp("us", tz="UTC")
X = column("s", "x")

ARRAYS: list[tuple[Any, pa.DataType, list[Any]]] = [
    (pa.array(["a", None, "b"]).dictionary_encode(), pa.string(), ["a", None, "b"]),
    (pa.array(["a", None], pa.large_string()), pa.string(), ["a", None]),
    (pa.array(["a", None], pa.string_view()), pa.string(), ["a", None]),
    (pa.array([b"ab", None], pa.binary(2)), pa.binary(), [b"ab", None]),
    (pa.array([200, None], pa.uint8()), pa.int16(), [200, None]),
    (pa.array([decimal.Decimal("1.25"), None]), pa.float64(), [1.25, None]),
    (pa.array([[1], None], pa.large_list(pa.int64())), pa.list_(pa.int64()), [[1], None]),
    (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), pa.list_(pa.int64()), [[1, 2], None]),
]


@pytest.mark.parametrize("array,type_,expected", ARRAYS, ids=[str(array.type) for array, _, _ in ARRAYS])
def test_as_declared(array: Any, type_: pa.DataType, expected: list[Any]) -> None:
    batch = pa.record_batch({"y": array, "x": array})
    values, failures = compile_row(X, batch.schema, type_)(batch)
    assert (values.to_pylist(), values.type, failures) == (expected, type_, 0)


@pytest.mark.parametrize("unit,factor", [("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("zone", [None, "UTC", "+02:00"])
def test_times_of_any_unit_and_zone(unit: str, factor: int, zone: str | None) -> None:
    make: Any = pa.timestamp
    array = pa.array([5 * factor, None, -3 * factor], make(unit, tz=zone))
    batch = pa.record_batch({"x": array})
    values, _ = compile_row(X, batch.schema, TIME)(batch)
    assert values.cast(pa.int64()).to_pylist() == [5_000_000, None, -3_000_000]


def test_another_type_than_declared_is_cast_and_what_does_not_fit_fails() -> None:
    compute = compile_row(exp.Add(this=X, expression=literal(1)), pa.schema([("x", pa.int64())]), pa.int64())
    assert compute(pa.record_batch({"x": pa.array([1, None], pa.int8())}))[0].to_pylist() == [2, None]
    values, failures = compute(pa.record_batch({"x": ["1", "x", None]}))
    assert (values.to_pylist(), failures) == ([2, None, None], 1)
    values, failures = compute(pa.record_batch({"x": pa.nulls(2)}))
    assert (values.to_pylist(), failures) == ([None, None], 0)


def test_the_result_is_cast_to_what_was_asked() -> None:
    batch = pa.record_batch({"x": [1, 300, None]})
    for type_, expected, lost in (
        (pa.float64(), [1.0, 300.0, None], 0),
        (pa.int8(), [1, None, None], 1),
        (pa.string(), ["1", "300", None], 0),
    ):
        values, failures = compile_row(X, batch.schema, type_)(batch)
        assert (values.to_pylist(), values.type, failures) == (expected, type_, lost)


def test_a_column_that_is_not_there_is_named() -> None:
    fields: dict[str, pa.DataType] = {"price": pa.int64(), "item": pa.string()}
    with pytest.raises(HeadraceError) as caught:
        compile_row(column("s", "prce"), pa.schema(fields), pa.int64())
    assert str(caught.value) == "unknown column 'prce' in the batch (did you mean 'price'?); it has: price, item"


def test_a_type_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(HeadraceError) as caught:
        compile_row(X, pa.schema([("x", pa.uint64())]), pa.int64())
    assert str(caught.value) == "values of type uint64 cannot be read"

"""Values become what a source declares, or are named; Arrow's columns and Python's values agree."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.archive.convert import convert_column
from headrace.archive.records import column_of
from headrace.archive.texts import iso_us, parse_times
from headrace.errors import TypeMismatch
from headrace.types import parse_type

NAN = float("nan")
BIG = 2**63


def converted(values: Any, declared: str, unit: str | None = None) -> tuple[list[Any], list[int]]:
    column, bad = convert_column("x", values, parse_type(declared), unit)
    assert column.type == parse_type(declared)
    plain = column.cast(pa.int64()) if declared == "timestamp" else column
    return plain.to_pylist(), bad


@pytest.mark.parametrize(
    "values, declared, unit, expected, bad",
    [
        (pa.array([1, 127, 128, None]), "int8", None, [1, 127, None, None], [2]),
        (pa.array([1.0, 1.5, NAN, None, math.inf, 1e19]), "int64", None, [1, None, None, None, None, None], [1, 4, 5]),
        (pa.array([2**63], pa.uint64()), "int64", None, [None], [0]),
        (pa.array([Decimal("1.00"), Decimal("1.50")]), "int64", None, [1, None], [1]),
        (pa.array([Decimal("0.1"), None]), "float64", None, [0.1, None], []),
        (pa.array([2**53 + 1]), "float64", None, [float(2**53)], []),
        (pa.array(["1", " 2 ", "x", "", "NA", "1e3"]), "float64", None, [1.0, 2.0, None, None, None, 1000.0], [2]),
        (pa.array(["1", "1.0", "-5", "null"]), "int64", None, [1, None, -5, None], [1]),
        (pa.array(["true", "False", "1", "yes"]), "bool", None, [True, False, True, None], [3]),
        (pa.array([0, 1, 2, None]), "bool", None, [False, True, None, None], [2]),
        (pa.array(["NA", ""]), "string", None, ["NA", ""], []),
        (pa.array(["a"], pa.large_string()), "string", None, ["a"], []),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "string", None, ["a", "b", "a"], []),
        (pa.array([b"a", b"\xff", b"b"]), "string", None, ["a", None, "b"], [1]),
        (pa.array([b"7", b"\xff", b"x"]), "int64", None, [7, None, None], [1, 2]),
        (pa.array(["a"]), "binary", None, [b"a"], []),
        (pa.array([10, 200]), "string", None, ["10", "200"], []),
        (pa.array([1, -1]), "timestamp", "s", [1_000_000, -1_000_000], []),
        (pa.array([1_999, -1]), "timestamp", "ns", [1, -1], []),
        (pa.array([BIG // 1_000 + 1, 7]), "timestamp", "ms", [None, 7_000], [0]),
        (pa.array([2.0, 2.5, None]), "timestamp", "ms", [2_000, None, None], [1]),
        (pa.array([1_999, -1], pa.timestamp("ns")), "timestamp", None, [1, -1], []),
        (pa.array([1], pa.timestamp("s", tz="Europe/Berlin")), "timestamp", None, [1_000_000], []),
        (pa.array([1, None], pa.date32()), "timestamp", None, [86_400_000_000, None], []),
        (pa.array([-1], pa.timestamp("us", tz="UTC")), "date", None, [dt.date(1969, 12, 31)], []),
        (pa.array(["2024-02-29", "2023-02-29", "2024-02-29T23:00:00"]), "date", None, [dt.date(2024, 2, 29), None, dt.date(2024, 2, 29)], [1]),
        (pa.array([1_500], pa.duration("ns")), "duration", None, [dt.timedelta(microseconds=1)], []),
        (pa.nulls(2), "int64", None, [None, None], []),
        (pa.array([[1, 2], None, [], [3, 300]]), "list<int8>", None, [[1, 2], None, [], None], [3]),
        (pa.array([["1"], ["x"]], pa.large_list(pa.string())), "list<float64>", None, [[1.0], None], [1]),
        (pa.array([{"a": 1, "c": 2}, None, {"a": 900, "c": 1}]), "struct<a: int8, b: string>", None, [{"a": 1, "b": None}, None, None], [2]),
    ],
)  # fmt: skip
def test_arrow_columns(values: Any, declared: str, unit: str | None, expected: list[Any], bad: list[int]) -> None:
    found, misfits = converted(values, declared, unit)
    assert misfits == bad
    assert [None if row in bad else value for row, value in enumerate(found)] == expected


@pytest.mark.parametrize(
    "values, declared",
    [
        (pa.array([1.5]), "string"), (pa.array([True]), "float64"), (pa.array([[1]]), "int64"), (pa.array([1]), "list<int64>"),
        (pa.array(["a"]), "list<string>"), (pa.array([1]), "timestamp"), (pa.array([True]), "int64"), (pa.array([1]), "struct<a: int64>"),
        (pa.array([1.0]), "bool"), (pa.array([1]), "date"), (pa.array([1]), "duration"), (pa.array([1]), "binary"),
    ],
)  # fmt: skip
def test_types_that_never_fit(values: Any, declared: str) -> None:
    with pytest.raises(TypeMismatch, match=r"^column 'x' is .*, and .* is declared"):
        convert_column("x", values, parse_type(declared), None)


def test_a_slice_is_its_rows() -> None:
    lists = pa.array([[1], [2, 3], None, [300]]).slice(1)
    assert converted(lists, "list<int8>") == ([[2, 3], None, [None]], [2])
    structs = pa.array([{"a": "1"}, {"a": "2"}, {"a": "x"}]).slice(1)
    assert converted(structs, "struct<a: int64>") == ([{"a": 2}, {"a": None}], [1])


plain = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 300),
    st.floats(),
    st.booleans(),
    st.sampled_from(["", "1", " 7", "1.5", "NA", "true", "2024-01-01", "2024-01-01T01:02:03.5+01:00", "x", "-0"]),
)


@given(values=st.lists(plain, max_size=6), declared=st.sampled_from(["int8", "int64", "float64", "bool", "string", "timestamp", "date"]))
def test_python_values_agree_with_arrow_columns(values: list[Any], declared: str) -> None:
    """Each value by itself, as a column of its own type."""
    type_ = parse_type(declared)
    column, bad = column_of(values, type_, "us")
    for row, value in enumerate(values):
        try:
            alone, misfit = convert_column("x", pa.array([value]), type_, "us")
        except TypeMismatch:
            misfit = [0]
        assert (row in bad) == bool(misfit), (value, declared)
        if not misfit:
            # as integers: a timestamp may lie beyond Python's years
            one, other = (each.cast(pa.int64())[0].as_py() if declared == "timestamp" else each[0].as_py() for each in (alone, column[row:]))
            assert one == other or (one != one and other != other), (value, declared)  # noqa: PLR0124


@given(st.lists(st.one_of(st.none(), st.datetimes(), st.datetimes(timezones=st.timezones())), max_size=8), st.sampled_from(["T", " "]))
def test_times_agree_with_the_standard_library(moments: list[dt.datetime | None], between: str) -> None:
    texts = [None if moment is None else moment.isoformat(between) for moment in moments]
    found, bad = parse_times(pa.array(texts, pa.string()))
    assert bad == []
    for text, micros in zip(texts, found.cast(pa.int64()).to_pylist(), strict=True):
        assert micros == (None if text is None else iso_us(text))


def test_one_bad_time_costs_itself_alone() -> None:
    texts = [f"2024-01-{day:02d}" for day in range(1, 40)]
    found, bad = parse_times(pa.array(texts))
    assert bad == list(range(31, 39))
    assert found.null_count == 8


def test_many_bad_values_are_found_in_time() -> None:
    values = np.where(np.arange(20_000) % 10 == 0, "x", "7").tolist()
    _, bad = convert_column("x", pa.array(values), pa.int64(), None)
    assert bad == list(range(0, 20_000, 10))

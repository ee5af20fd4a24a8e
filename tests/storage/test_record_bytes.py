"""The compiled rows of a record are msgspec's, byte for byte."""

from __future__ import annotations

import datetime as dt
import math
import struct
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headrace.arrow import array
from sinks import steps
from sinks.online import StepTable
from sinks.steps import encode_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from headrace.arrow import Column

ENCODE = msgspec.msgpack.Encoder().encode
EDGES = [0, -1, -32, -33, 127, 128, -128, -129, 255, 256, -32768, -32769, 65535, 65536, -(2**31), -(2**31) - 1, 2**32 - 1, 2**32, -(2**63), 2**63 - 1]
TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int64": (pa.int64(), st.sampled_from(EDGES) | st.integers(-(2**63), 2**63 - 1)),
    "int16": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "uint32": (pa.uint32(), st.integers(0, 2**32 - 1)),
    "timestamp": (pa.timestamp("us", tz="UTC"), st.integers(-(2**60), 2**60)),
    "double": (pa.float64(), st.floats()),
    "float": (pa.float32(), st.floats(width=32)),
    "bool": (pa.bool_(), st.booleans()),
}


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    """The types of some columns, and their values."""
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=18))
    rows = draw(st.integers(0, 20))
    return names, [draw(st.lists(st.none() | TYPES[name][1], min_size=rows, max_size=rows)) for name in names]


def expected(head: Sequence[tuple[int, int, int]], values: Sequence[Sequence[Any]]) -> list[bytes]:
    """Each record by struct and msgspec."""
    rows = list(zip(*values, strict=True)) if values else [()] * len(head)
    return [
        struct.pack(">BQQQ", 1, arrival + 2**63, n, time + 2**63) + ENCODE(row) for (arrival, n, time), row in zip(head, rows, strict=True)
    ]


def batch_of(head: Sequence[tuple[int, int, int]], values: Sequence[Column], offset: int = 0) -> tuple[StepTable, pa.RecordBatch]:
    """Records with these columns, which begin within their buffers."""
    table = StepTable("g", "d", pa.schema([]), pa.schema([pa.field(f"c{i}", column.type) for i, column in enumerate(values)]))
    arrival, n, time = ([0] * offset + [row[at] for row in head] for at in range(3))
    place = [array(column, table.schema.field(name).type).slice(offset) for name, column in (("_time", time), ("_arrival", arrival), ("_n", n))]
    return table, pa.RecordBatch.from_arrays([*place, *values], schema=table.schema)


WORDS = st.integers(-(2**63), 2**63 - 1)


@given(columns(), st.data(), st.integers(0, 9))
def test_records_are_those_of_msgspec(given_: tuple[list[str], list[list[Any]]], data: st.DataObject, offset: int) -> None:
    names, values = given_
    rows = len(values[0]) if values else 3
    head = data.draw(st.lists(st.tuples(WORDS, st.integers(0, 2**63 - 1), WORDS), min_size=rows, max_size=rows))
    built = [array([None] * offset + column, TYPES[name][0]).slice(offset) for name, column in zip(names, values, strict=True)]
    assert encode_records(*batch_of(head, built, offset)) == expected(head, values)


def test_numbers_are_compiled_and_other_values_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> Any:
        raise AssertionError

    head = [(5, 1, 4), (-6, 2, 2**62)]
    others = [array(["a", None]), array([[1], [2, 3]], pa.list_(pa.int64())), array([2**63, 1], pa.uint64()), array([dt.date(1969, 1, 1), None])]
    with monkeypatch.context() as patch:
        patch.setattr(steps, "write_rows", refused)
        for column in others:
            asked = column.cast(pa.int32()) if pa.types.is_date(column.type) else column
            assert encode_records(*batch_of(head, [column])) == expected(head, [asked.to_pylist()])
    monkeypatch.setattr(steps, "_any_records", refused)
    numbers = [array([1, None]), array([math.nan, -0.0])]
    assert encode_records(*batch_of(head, numbers)) == expected(head, [column.to_pylist() for column in numbers])

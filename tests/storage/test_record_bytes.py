"""The compiled rows of a record are msgspec's, byte for byte."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headrace.arrow import array
from sinks import steps
from sinks.steps import _rows

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


def expected(heads: Sequence[bytes], values: Sequence[Sequence[Any]]) -> list[bytes]:
    """Each row by msgspec."""
    rows = list(zip(*values, strict=True)) if values else [()] * len(heads)
    return [head + ENCODE(row) for head, row in zip(heads, rows, strict=True)]


@given(columns(), st.integers(0, 3), st.integers(0, 9))
def test_rows_are_those_of_msgspec(given_: tuple[list[str], list[list[Any]]], width: int, offset: int) -> None:
    names, values = given_
    rows = len(values[0]) if values else 3
    heads = np.random.default_rng(rows).integers(0, 256, (rows, width)).astype(np.uint8)
    # a column that begins within its buffers
    built = [array([None] * offset + column, TYPES[name][0]).slice(offset) for name, column in zip(names, values, strict=True)]
    found = _rows(built, pa.schema([(f"c{i}", TYPES[name][0]) for i, name in enumerate(names)]), heads)
    assert found == expected([head.tobytes() for head in heads], values)


def test_numbers_are_compiled_and_other_values_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> Any:
        raise AssertionError

    heads = np.zeros((2, 0), np.uint8)
    texts: list[Column] = [array(["a", None]), array([[1], [2, 3]], pa.list_(pa.int64())), array([2**63, 1], pa.uint64())]
    schema = pa.schema([(f"c{i}", column.type) for i, column in enumerate(texts)])
    assert _rows(texts, schema, heads) == expected([b"", b""], [column.to_pylist() for column in texts])
    monkeypatch.setattr(steps, "write_rows", refused)
    assert _rows(texts, schema, heads) == expected([b"", b""], [column.to_pylist() for column in texts])
    monkeypatch.undo()
    monkeypatch.setattr(steps, "_any_rows", refused)
    numbers: list[Column] = [pa.array([1, 2]), pa.array([math.nan, -0.0])]
    assert _rows(numbers, pa.schema([pa.field("a", pa.int64()), pa.field("b", pa.float64())]), heads) == expected([b"", b""], [[1, 2], [math.nan, -0.0]])

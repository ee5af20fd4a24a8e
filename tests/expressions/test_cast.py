"""Casts: what has no counterpart fails alone, and the same text casts the same whatever stands beside it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from .run import cast, run

MOST, LEAST = 2**63 - 1, -(2**63)


def us(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1_000_000


TEXTS: dict[str, list[tuple[str, Any]]] = {
    "int64": [
        ("12", 12), ("-3", -3), ("+5", 5), (" 7 ", 7), ("007", 7), ("-0", 0), ("000000000000000000000000000001", 1), (str(MOST), MOST),
        (str(LEAST), LEAST), (str(MOST + 1), None), (str(LEAST - 1), None), ("99999999999999999999", None), ("1.0", None), ("1e3", None),
        ("0x1f", None), ("0X1F", None), ("", None), (" ", None), ("-", None), ("1 2", None), ("١", None), ("x", None), ("+-1", None),
    ],
    "int8": [("127", 127), ("-128", -128), ("128", None), ("-129", None), ("+0127", 127)],
    "float64": [
        ("1", 1.0), ("1.", 1.0), (".5", 0.5), ("-1.5e3", -1500.0), ("+2E-1", 0.2), (" 3 ", 3.0), ("inf", math.inf), ("-Infinity", -math.inf),
        ("1e999", math.inf), ("1e-999", 0.0), ("", None), (".", None), ("e5", None), ("1e", None), ("0x10", None), ("nan(1)", None), ("1,5", None),
        ("1_000", None), ("infin", None),
    ],
    "float32": [("0.5", 0.5), ("x", None)],
    "bool": [
        ("true", True), ("T", True), ("1", True), (" Yes ", True), ("y", True), ("FALSE", False), ("f", False), ("0", False), ("no", False), ("n", False),
        ("", None), ("2", None), ("on", None),
    ],
    "timestamp": [
        ("2024-02-29", us(2024, 2, 29)), ("2024-02-29T10:30", us(2024, 2, 29, 10, 30)), ("2024-02-29 10:30:15", us(2024, 2, 29, 10, 30, 15)),
        ("2024-02-29T10:30:15.5", us(2024, 2, 29, 10, 30, 15) + 500_000), ("2024-02-29T10:30:15.123456789", us(2024, 2, 29, 10, 30, 15) + 123_456),
        ("2024-02-29T10:30:15Z", us(2024, 2, 29, 10, 30, 15)), ("2024-02-29T10:30:15+02:00", us(2024, 2, 29, 8, 30, 15)),
        ("2024-02-29T10:30:15.25-0130", us(2024, 2, 29, 12, 0, 15) + 250_000), ("2024-02-29T10+01", us(2024, 2, 29, 9)), (" 1969-12-31 ", -86_400_000_000),
        ("2023-02-29", None), ("2024-13-01", None), ("2024-02-29T25:00", None), ("2024-2-9", None), ("20240229", None), ("yesterday", None), ("", None),
        ("2024-02-29Z", None), ("2024-02-29T10:30:15 UTC", None),
    ],
    "date": [
        ("2024-02-29", us(2024, 2, 29) // 86_400_000_000), ("2024-02-29T23:59:59", us(2024, 2, 29) // 86_400_000_000),
        ("2024-02-29T23:59:59-05:00", us(2024, 2, 29) // 86_400_000_000), ("2023-02-29", None), ("2023-02-29T10:00", None), ("x", None), ("2024-02-28T99:00", None),
    ],
}  # fmt: skip


@pytest.mark.parametrize("to", TEXTS)
def test_texts(to: str) -> None:
    texts = [text for text, _ in TEXTS[to]]
    expected = [value for _, value in TEXTS[to]]
    assert run(cast("@s", to), s=("string", [*texts, None])) == ([*expected, None], expected.count(None))
    for text, value in TEXTS[to]:
        assert run(cast("@s", to), s=("string", [text])) == ([value], value is None), text
        assert run(cast("@s", to), s=("string", [text, "broken"])) == ([value, None], 1 + (value is None)), text


def test_nan_as_text() -> None:
    values, failures = run(cast("@s", "float64"), s=("string", ["NaN", "-nan", "nano"]))
    assert (math.isnan(values[0]), math.isnan(values[1]), values[2], failures) == (True, True, None, 1)


def test_floats_become_integers_by_truncation() -> None:
    floats = [1.9, -1.9, 0.0, 2.0**63, -(2.0**63), 9.3e18, math.nan, math.inf, None]
    assert run(cast("@f", "int64"), f=("float64", floats)) == ([1, -1, 0, None, LEAST, None, None, None, None], 4)
    assert run(cast("@f", "int8"), f=("float64", [127.9, 128.0, -128.9, -129.0])) == ([127, None, -128, None], 2)


def test_numbers() -> None:
    assert run(cast("@x", "int8"), x=("int64", [127, 128, -129, None])) == ([127, None, None, None], 2)
    assert run(cast("@x", "float64"), x=("int64", [2**53 + 1, MOST, None])) == ([float(2**53), float(2**63), None], 0)
    assert run(cast("@x", "float32"), x=("float64", [1e300, 0.5, math.inf, None])) == ([None, 0.5, math.inf, None], 1)
    assert run(cast("@x", "bool"), x=("int64", [0, 5, None])) == ([False, True, None], 0)
    assert run(cast("@x", "bool"), x=("float64", [0.0, -0.0, math.nan, 0.1])) == ([False, False, True, True], 0)
    assert run(cast("@x", "int64"), x=("bool", [True, False, None])) == ([1, 0, None], 0)
    assert run(cast("@x", "string"), x=("float64", [1.5, 2.0, None])) == (["1.5", "2", None], 0)
    assert run(cast("@x", "string"), x=("bool", [True, None])) == (["true", None], 0)


def test_times() -> None:
    assert run(cast("@t", "date"), t=("timestamp", [0, -1, 86_400_000_000, None])) == ([0, -1, 1, None], 0)
    assert run(cast("@d", "timestamp"), d=("date", [1, -1, None])) == ([86_400_000_000, -86_400_000_000, None], 0)
    assert run(cast("@d", "timestamp"), d=("date", [2**31 - 1, 0])) == ([None, 0], 1)
    assert run(cast("@t", "int64"), t=("timestamp", [5, None])) == ([5, None], 0)
    assert run(cast("@t", "int8"), t=("duration", [5, 500])) == ([5, None], 1)
    assert run(cast("@t", "int64"), t=("date", [5, None])) == ([5, None], 0)
    assert run(cast("@x", "timestamp"), x=("int8", [5, None])) == ([5, None], 0)
    assert run(cast("@x", "date"), x=("int64", [5, 2**40])) == ([5, None], 1)
    assert run(cast("@t", "string"), t=("timestamp", [0, 1_500_000])) == (["1970-01-01 00:00:00.000000Z", "1970-01-01 00:00:01.500000Z"], 0)
    assert run(cast("@t", "string"), t=("date", [0])) == (["1970-01-01"], 0)
    assert run(cast("@t", "string"), t=("duration", [1_500_000])) == (["1500000"], 0)


def test_bytes() -> None:
    assert run(cast("@b", "string"), b=("binary", [b"ok", b"\xff", None, b"\xc3\xa9"])) == (["ok", None, None, "é"], 1)
    assert run(cast("@s", "binary"), s=("string", ["é", None])) == ([b"\xc3\xa9", None], 0)


def test_nested_values_go_with_their_row() -> None:
    lists = pa.array([["1", "2"], ["1", "x"], None, [], [None]])
    assert run(cast("@l", "list<int64>"), l=lists) == ([[1, 2], None, None, [], [None]], 1)
    structs = pa.array([{"a": 1, "b": 1.5}, {"a": 300, "b": 0.5}, None], pa.struct([("a", pa.int64()), ("b", pa.float64())]))
    assert run(cast("@r", "struct<a: int8, b: float64>"), r=structs) == ([{"a": 1, "b": 1.5}, None, None], 1)
    assert run(cast("@l", "list<int64>"), l=("list<float64>", [[1.9], [math.nan]])) == ([[1], None], 1)

"""Durations, types, schemas and windows: how they are written, and that writing and reading agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import headrace as hr
from headrace.durations import UNITS_US, format_duration, parse_duration
from headrace.errors import InvalidValue
from headrace.schemas import described, fields_of
from headrace.types import inside, parse_type, type_name

SECOND = 1_000_000
TIME = pa.timestamp("us", tz="UTC")

DURATIONS: list[tuple[Any, int]] = [
    ("90s", 90 * SECOND),
    ("5m", 300 * SECOND),
    ("1h30m", 5400 * SECOND),
    ("1h 30m", 5400 * SECOND),
    (" 7d ", 604_800 * SECOND),
    ("2w", 1_209_600 * SECOND),
    ("7 days", 604_800 * SECOND),
    ("1 HOUR 5 Minutes", 3900 * SECOND),
    ("1.5h", 5400 * SECOND),
    ("250ms", 250_000),
    ("3us", 3),
    ("-5m", -300 * SECOND),
    ("P7D", 604_800 * SECOND),
    ("p1w", 604_800 * SECOND),
    ("PT1H30M", 5400 * SECOND),
    ("P1DT0.5S", 86_400 * SECOND + 500_000),
    (timedelta(days=1, microseconds=1), 86_400 * SECOND + 1),
    (timedelta(seconds=-1), -SECOND),
]


@pytest.mark.parametrize("written, us", DURATIONS, ids=[repr(written) for written, _ in DURATIONS])
def test_durations(written: Any, us: int) -> None:
    assert parse_duration(written) == us


@pytest.mark.parametrize("written", ["", "7", "d", "1 month", "P", "PT", "P1M", "P1Y", "1h-5m", "1..5h", "h1", "--1h", None, 7, "9" * 20 + "d"])
def test_what_is_no_duration(written: Any) -> None:
    with pytest.raises(InvalidValue, match="a duration is"):
        parse_duration(written)


@given(st.integers(-(2**61), 2**61))
def test_a_duration_is_read_as_it_was_written(us: int) -> None:
    assert parse_duration(format_duration(us)) == us


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(UNITS_US))), min_size=1, max_size=4))
def test_the_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    assert parse_duration("".join(f"{count}{unit}" for count, unit in parts)) == sum(count * UNITS_US[unit] for count, unit in parts)


PLAIN = st.sampled_from([
    pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.binary(), pa.date32(), TIME,
    pa.duration("us"),
])  # fmt: skip
FIELD_NAMES = st.text(st.characters(exclude_characters='"', exclude_categories=["C", "Z"]), min_size=1, max_size=5)


def nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(st.tuples(FIELD_NAMES, inner), min_size=1, max_size=3, unique_by=lambda field: field[0])
    return st.one_of(st.builds(pa.list_, inner), st.builds(pa.struct, fields))


@given(st.recursive(PLAIN, nested, max_leaves=5))
def test_a_type_is_read_as_it_was_written(type_: pa.DataType) -> None:
    assert parse_type(type_name(type_)) == type_
    assert inside(type_) == type_


TYPES: list[tuple[str, pa.DataType]] = [
    ("INT64", pa.int64()),
    ("decimal", pa.float64()),
    ("decimal128(38, 9)", pa.float64()),
    ("timestamp[ns, tz=UTC]", TIME),
    ("duration[s]", pa.duration("us")),
    ("uint32", pa.int64()),
    ("double", pa.float64()),
    ("list<struct<a:int8,b:list<string>>>", pa.list_(pa.struct([("a", pa.int8()), ("b", pa.list_(pa.string()))]))),
    ('struct<"a b": date>', pa.struct([("a b", pa.date32())])),
]


@pytest.mark.parametrize("text, type_", TYPES, ids=[text for text, _ in TYPES])
def test_types(text: str, type_: pa.DataType) -> None:
    assert parse_type(text) == type_


@pytest.mark.parametrize(
    "text", ["", "int", "list", "list<>", "list<int64", "struct<a>", "struct<a: >", "int64 int64", "timestamp[m]", "map<a, b>", "uint64", "a$%"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(InvalidValue, match="unknown type"):
        parse_type(text)


ARROW: list[tuple[pa.DataType, pa.DataType | None]] = [
    (pa.decimal256(40, 2), pa.float64()),
    (pa.uint8(), pa.int16()),
    (pa.float16(), pa.float32()),
    (pa.large_string(), pa.string()),
    (pa.dictionary(pa.int8(), pa.string()), pa.string()),
    (pa.binary(4), pa.binary()),
    (pa.date64(), pa.date32()),
    (pa.timestamp("s"), TIME),
    (pa.timestamp("ns", tz="Europe/Berlin"), TIME),
    (pa.large_list(pa.decimal128(3)), pa.list_(pa.float64())),
    (pa.struct([("a", pa.uint16())]), pa.struct([("a", pa.int32())])),
    (pa.uint64(), None),
    (pa.struct([("a", pa.uint64())]), None),
    (pa.map_(pa.string(), pa.int64()), None),
]


@pytest.mark.parametrize("type_, found", ARROW, ids=[str(type_) for type_, _ in ARROW])
def test_what_arrow_brings(type_: pa.DataType, found: pa.DataType | None) -> None:
    assert inside(type_) == found


def test_a_schema_in_words_and_in_arrow() -> None:
    words = fields_of({"a": "int64", "u": {"id": "int32", "at": "timestamp"}, "t": "timestamp", "d": "decimal(9, 2)"}, "s")
    arrow = fields_of(
        pa.schema([("a", pa.int64()), ("u", pa.struct([("id", pa.int32()), ("at", TIME)])), ("t", pa.timestamp("ms")), ("d", pa.decimal128(9, 2))]),
        "s",
    )
    assert words == arrow
    assert described(words) == {"a": "int64", "u": "struct<id: int32, at: timestamp>", "t": "timestamp", "d": "float64"}


def test_units_and_labels() -> None:
    fields = fields_of({"at": "timestamp[s]", "paid": hr.label("bool", known_after="7d"), "when": hr.label("timestamp[ns]", known_after="1h")}, "s")
    assert [(field.type, field.unit, field.known_after_us) for field in fields] == [
        (TIME, "s", None), (pa.bool_(), None, 604_800 * SECOND), (TIME, "ns", 3600 * SECOND),
    ]  # fmt: skip
    assert described(fields) == {"at": "timestamp[s]", "paid": "bool", "when": "timestamp[ns]"}


@pytest.mark.parametrize("schema", [{}, {"_a": "int64"}, {"": "int64"}, {3: "int64"}, {"a": pa.uint64()}, {"a": {"b": "int"}}, {"a": 3}, [("a", "int64")]])
def test_what_is_no_schema(schema: Any) -> None:
    with pytest.raises(hr.errors.DefinitionError, match="'s'"):
        fields_of(schema, "s")


WINDOWS: list[tuple[hr.Window, str]] = [
    (hr.window("7d"), "window('7d')"),
    (hr.window("168h"), "window('7d')"),
    (hr.window(timedelta(hours=1), closed="none"), "window('1h', closed='none')"),
    (hr.window(rows=3, exclude="instant"), "window(rows=3, exclude='instant')"),
    (hr.window("ever", delay="90s"), "window('ever', delay='1m30s')"),
    (hr.window("1d", rows=10, exclude="row", delay="1h", closed="both"), "window('1d', rows=10, closed='both', exclude='row', delay='1h')"),
]


@pytest.mark.parametrize("made, text", WINDOWS, ids=[text for _, text in WINDOWS])
def test_windows(made: hr.Window, text: str) -> None:
    assert repr(made) == text
    assert eval(text, {"window": hr.window}) == made  # noqa: S307   # what is printed can be written


@pytest.mark.parametrize(
    "arguments",
    [{}, {"rows": True}, {"rows": -1}, {"rows": 1.5}, {"size": "7d", "exclude": "all"}, {"size": "ever", "closed": "left"}, {"size": hr.window("7d"), "rows": 3}],
    ids=str,
)
def test_what_is_no_window(arguments: dict[str, Any]) -> None:
    with pytest.raises(hr.errors.InvalidWindow):
        hr.window(**arguments)

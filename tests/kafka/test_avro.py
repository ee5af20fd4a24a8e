"""Messages of Avro: the same rows as JSON of the same records, schemas of a registry that is made up."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import headrace as hr
from headrace.archive import Layout
from headrace.archive.layout import TIMESTAMP
from headrace.errors import ConfigError
from operators.decode import Decoded, Decoder, RegistryError, UnknownSchema
from tests.kafka.messages import raw

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPES: list[tuple[str, pa.DataType]] = [
    ("id", pa.int64()), ("price", pa.float64()), ("item", pa.string()), ("ts", TIMESTAMP),
    ("user", pa.struct([("id", pa.int64()), ("tags", pa.list_(pa.string()))])),
]  # fmt: skip
LAYOUT = Layout("clicks", pa.schema(TYPES), "ts", {"ts": "s"})
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
USER = {"type": "record", "name": "user", "fields": [{"name": "id", "type": "long"}, {"name": "tags", "type": {"type": "array", "items": "string"}}]}


def record(*fields: tuple[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "click", "fields": [{"name": name, "type": type_} for name, type_ in fields]}


CLICK = record(("id", "long"), ("price", ["null", "double"]), ("item", "string"), ("ts", MILLIS), ("user", ["null", USER]), ("more", "int"))


class Schemas:
    """A registry in memory; counts what it was asked."""

    def __init__(self, schemas: Mapping[int, Any]) -> None:
        self.schemas = schemas
        self.asked: list[int] = []

    def schema(self, number: int) -> Any:
        self.asked.append(number)
        if number not in self.schemas:
            raise UnknownSchema(f"the registry has no schema {number}")
        return self.schemas[number]


def written(schema: Any, values: Any, number: int = 7) -> bytes:
    """A message as a producer with a registry writes it."""
    import fastavro

    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(json.dumps(schema))), values)
    return b"\0" + number.to_bytes(4, "big") + body.getvalue()


def decode(texts: list[bytes | None], schemas: Mapping[int, Any] | None = None, layout: Layout = LAYOUT) -> Decoded:
    return Decoder(layout, "avro", Schemas(schemas or {7: CLICK})).decode(raw(texts), -(2**63))


def value(schema: Any, given: Any, type_: pa.DataType, unit: str | None = None) -> Any:
    """One value that a writer wrote with `schema` and a source declares as `type_`; the reason where it does not fit."""
    layout = Layout("clicks", pa.schema([("x", type_)]), "x", {"x": unit} if unit else {})
    whole = record(("x", schema))
    found = decode([written(whole, {"x": given})], {7: whole}, layout)
    return found.dead[0].reason if found.dead else found.batch.column("x").to_pylist()[0]


FULL = {"id": 1, "price": 2.5, "item": "a", "ts": 1_700_000_000_123, "user": {"id": 3, "tags": ["x"]}, "more": 5}


def test_a_record_is_a_row() -> None:
    found = decode([written(CLICK, FULL), None, written(CLICK, {**FULL, "price": None, "user": None})])
    assert [list(row.values())[:5] for row in found.batch.to_pylist()] == [
        [1, 2.5, "a", datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC), {"id": 3, "tags": ["x"]}],
        [1, None, "a", datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC), None],
    ]
    assert found.batch.column("_offset").to_pylist() == [0, 2]
    assert (found.dead, found.tombstones) == ([], 1)


def test_writers_of_several_schemas_in_one_batch() -> None:
    older = record(("ts", "long"), ("id", "int"))   # without logical type: the source's unit
    texts: list[bytes | None] = [written(CLICK, FULL), written(older, {"ts": 5, "id": 2}, 8), b"\0\0\0\0\7", written(CLICK, FULL), written(older, {"ts": 6, "id": 3}, 8)]
    found = decode(texts, {7: CLICK, 8: older})
    assert found.batch.column("id").to_pylist() == [1, 2, 1, 3]
    assert found.batch.column("ts").cast(pa.int64()).to_pylist() == [1_700_000_000_123_000, 5_000_000, 1_700_000_000_123_000, 6_000_000]
    assert found.batch.column("_offset").to_pylist() == [0, 1, 3, 4]
    assert [dead.offset for dead in found.dead] == [2]


@pytest.mark.parametrize(
    "schema, given, type_, unit, expected",
    [
        ("int", 5, pa.float64(), None, 5.0),
        ("long", 2**60, pa.int64(), None, 2**60),
        ("long", 300, pa.int8(), None, "column 'x': 300 is no int8"),
        ("float", 0.5, pa.float64(), None, 0.5),
        ("boolean", True, pa.bool_(), None, True),
        ("string", "7", pa.int64(), None, 7),
        ("string", "x", pa.int64(), None, "column 'x': 'x' is no int64"),
        ("bytes", b"\xff\0", pa.binary(), None, b"\xff\0"),
        ("bytes", b"a", pa.string(), None, "a"),
        ("bytes", b"\xff", pa.string(), None, "column 'x': '\\\\xff' is no string"),
        ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", pa.string(), None, "B"),
        ({"type": "fixed", "name": "f", "size": 2}, b"ab", pa.binary(), None, b"ab"),
        ({"type": "string", "logicalType": "uuid"}, "12345678-1234-5678-1234-567812345678", pa.string(), None, "12345678-1234-5678-1234-567812345678"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}, Decimal("12.34"), pa.float64(), None, 12.34),
        ({"type": "int", "logicalType": "date"}, date(2024, 2, 29), pa.date32(), None, date(2024, 2, 29)),
        ({"type": "map", "values": "long"}, {"a": 1, "z": 2}, pa.struct([("a", pa.int64()), ("b", pa.int64())]), None, {"a": 1, "b": None}),
        (["null", "string", "long"], 5, pa.int64(), None, 5),
        (MILLIS, 1_000, TIMESTAMP, None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (["null", {"type": "long", "logicalType": "timestamp-micros"}], 1_000, TIMESTAMP, "s", datetime(1970, 1, 1, 0, 0, 0, 1_000, UTC)),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, 1_000, TIMESTAMP, None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("long", 1, TIMESTAMP, "s", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("long", 1, TIMESTAMP, None, "column 'x': 1 is no timestamp"),
        ("string", "1970-01-01T00:00:01Z", TIMESTAMP, None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (MILLIS, 1_000, pa.int64(), None, 1_000),
        (MILLIS, 1_000, pa.date32(), None, date(1970, 1, 1)),
        (["null", MILLIS], 1_000, pa.struct([("a", pa.int64())]), None, "column 'x': 1000 is no struct<a: int64>"),
    ],
)  # fmt: skip
def test_types(schema: Any, given: Any, type_: pa.DataType, unit: str | None, expected: Any) -> None:
    assert value(schema, given, type_, unit) == expected


@pytest.mark.parametrize(
    "text, reason",
    [
        (b'{"id": 1}', "not Avro of a registry: it begins with 7b 22 69 64 22, expected 00 and four bytes of the schema's number"),
        (b"\0\0", "not Avro of a registry: it begins with 00 00, expected 00 and four bytes of the schema's number"),
        (b"\0\0\0\0\x09abc", "the registry has no schema 9"),
        (written(CLICK, FULL)[:-1], "not a record of schema 7: "),
        (written(CLICK, FULL) + b"x", "not a record of schema 7: 1 bytes behind it"),
        (b"\0\0\0\0\x08\x02", "found int, expected a record"),
        (b"\0\0\0\0\x0a\x02", "schema 10 is no Avro schema: "),
    ],
)
def test_messages_that_are_none(text: bytes, reason: str) -> None:
    found = decode([text, written(CLICK, FULL)], {7: CLICK, 8: "int", 10: {"type": "nothing of the kind"}})
    assert [dead.reason[: len(reason)] for dead in found.dead] == [reason]
    assert found.dead[0].offset == 0
    assert found.batch.num_rows == 1


def test_the_registry_is_asked_once() -> None:
    registry = Schemas({7: CLICK})
    decoder = Decoder(LAYOUT, "avro", registry)
    for _ in range(3):
        decoder.decode(raw([written(CLICK, FULL), b"\0\0\0\0\x09", written(CLICK, FULL), b"\0\0\0\0\x09"]), 0)
    assert registry.asked == [7, 9]


def test_a_registry_that_is_away_is_no_fault_of_the_message() -> None:
    class Away:
        def schema(self, number: int) -> Any:
            raise RegistryError("away")

    with pytest.raises(RegistryError):
        Decoder(LAYOUT, "avro", Away()).decode(raw([written(CLICK, FULL)]), 0)


def test_avro_needs_a_registry() -> None:
    source = hr.Source("clicks", schema={"id": "int64", "ts": "timestamp"}, time="ts", format="avro")
    with pytest.raises(ConfigError) as found:
        Decoder.of(source)
    assert str(found.value) == "source 'clicks' is Avro, and there is no schema registry: write [kafka] registry = \"http://host:8081\""
    Decoder.of(source, "http://127.0.0.1:9")
    Decoder.of(hr.Source("clicks", schema={"ts": "timestamp"}, time="ts"), None)


VALUES = st.fixed_dictionaries({
    "id": st.integers(-(2**63), 2**63 - 1), "price": st.none() | st.floats(allow_nan=False, allow_infinity=False), "item": st.text(),
    "ts": st.integers(-(2**40), 2**40), "user": st.none() | st.fixed_dictionaries({"id": st.integers(0, 9), "tags": st.lists(st.text(), max_size=2)}),
    "more": st.just(0),
})  # fmt: skip


@given(st.lists(VALUES, max_size=4))
def test_avro_and_json_of_a_record_are_the_same_row(records: list[dict[str, Any]]) -> None:
    plain = {**CLICK, "fields": [{**field, "type": "long"} if field["name"] == "ts" else field for field in CLICK["fields"]]}
    avro = decode([written(plain, each) for each in records], {7: plain})
    jsons = Decoder(LAYOUT).decode(raw([json.dumps(each).encode() for each in records]), -(2**63))
    assert avro.batch.equals(jsons.batch)
    assert (avro.dead, jsons.dead) == ([], [])


@given(st.binary(max_size=30), st.integers(0, 40), st.binary(max_size=3))
def test_damaged_messages_are_dead_letters_or_rows(junk: bytes, at: int, inserted: bytes) -> None:
    whole = written(CLICK, FULL)
    found = decode([b"\0\0\0\0\7" + junk, whole[:at] + inserted + whole[at + len(inserted) :]])
    assert found.batch.num_rows + len(found.dead) == 2
    found.batch.validate(full=True)

"""Avro messages as schema registries have them: a zero byte, the number of the writer's schema in four bytes, the record.

Promises the same values for a record as JSON has for an object of the same fields; a logical type of time says its unit itself. What the
record of a writer has and the source does not is ignored, what it lacks is null. Bytes that are no such message, a schema that the registry
does not have, a value that does not fit: dead letters with the reason. Relies on fastavro, and on a `Registry` to raise where it is away.
"""

from __future__ import annotations

import copy
import io
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.objects import BadObject, columns_of, rows_of
from headrace.errors import ConfigError
from operators.decode.registry import UnknownSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.archive import Layout
    from headrace.archive.objects import Columns, Rows
    from operators.decode.registry import Registry

HEAD_BYTES = 5
ASK_AGAIN_S = 30.0
_UNITS = {
    "timestamp-millis": "ms", "timestamp-micros": "us", "timestamp-nanos": "ns",
    "local-timestamp-millis": "ms", "local-timestamp-micros": "us", "local-timestamp-nanos": "ns",
}  # fmt: skip


class _Writer:
    """A writer's schema as fastavro reads by it, with the units of its times."""

    def __init__(self, schema: Any, layout: Layout) -> None:
        import fastavro

        schema = copy.deepcopy(schema)
        self.units = dict(layout.units)
        # fastavro makes a time of a logical type, which only a date is read from
        plain = {field.name for field in layout.schema if not pa.types.is_date(field.type)}
        fields = schema.get("fields", []) if isinstance(schema, dict) else []
        for field in fields:
            if field["name"] in plain and (unit := _as_integer(field["type"])) is not None:
                self.units[field["name"]] = unit
        self.schema = fastavro.parse_schema(schema)


class AvroRows:
    """Reads messages as rows of `layout`; `registry` must be given."""

    def __init__(self, layout: Layout, registry: Registry | None) -> None:
        if registry is None:
            text = f"source '{layout.name}' is Avro, and there is no schema registry: write [kafka] registry = \"http://host:8081\""
            raise ConfigError(text, source=layout.name)
        self.layout, self.registry = layout, registry
        self._writers: dict[int, _Writer] = {}
        self._unknown: dict[int, tuple[str, float]] = {}

    def read(self, texts: Sequence[bytes]) -> Rows:
        """The rows of messages."""
        bad: list[BadObject] = []
        by_schema: dict[int, tuple[list[int], list[dict[str, Any]]]] = {}
        for number, text in enumerate(texts):
            found = self._record(text)
            if isinstance(found, str):
                bad.append(BadObject(number, found, None))
                continue
            numbers, records = by_schema.setdefault(found[0], ([], []))
            numbers.append(number)
            records.append(found[1])
        parts = [self._columns(0, [], [], bad)] if bad or not by_schema else []
        parts += [self._columns(schema, numbers, records, []) for schema, (numbers, records) in by_schema.items()]
        return rows_of(self.layout.schema, len(texts), parts)

    def _columns(self, schema: int, numbers: list[int], records: list[dict[str, Any]], bad: list[BadObject]) -> Columns:
        units = self._writers[schema].units if records else self.layout.units
        values = [[_plain(record.get(field.name), field.type) for record in records] for field in self.layout.schema]
        found = columns_of(self.layout.schema, units, values, np.array(numbers, np.int64))
        found.bad.extend(bad)
        return found

    def _record(self, text: bytes) -> tuple[int, dict[str, Any]] | str:
        """The number of its schema and the record, or why there is none."""
        import fastavro

        if len(text) < HEAD_BYTES or text[0]:
            return f"not Avro of a registry: it begins with {text[:HEAD_BYTES].hex(' ')}, expected 00 and four bytes of the schema's number"
        number = int.from_bytes(text[1:HEAD_BYTES], "big")
        writer = self._writers.get(number) or self._ask(number)
        if isinstance(writer, str):
            return writer
        body = io.BytesIO(text[HEAD_BYTES:])
        try:
            record = fastavro.schemaless_reader(body, writer.schema, None)
        # bytes from outside in a parser that raises what its C code meets: EOFError, IndexError, StructError, UnicodeDecodeError, ...
        except Exception as error:  # noqa: BLE001
            return f"not a record of schema {number}: {str(error) or type(error).__name__}"
        if left := len(text) - HEAD_BYTES - body.tell():
            return f"not a record of schema {number}: {left} bytes behind it"
        return (number, record) if isinstance(record, dict) else f"found {type(record).__name__}, expected a record"

    def _ask(self, number: int) -> _Writer | str:
        """The writer's schema, or why there is none; what is unknown is asked for again after a while."""
        reason, asked_s = self._unknown.get(number, ("", 0.0))
        if reason and time.monotonic() - asked_s < ASK_AGAIN_S:
            return reason
        from fastavro.schema import SchemaParseException

        try:
            writer = _Writer(self.registry.schema(number), self.layout)
        except UnknownSchema as error:
            reason = error.text
        except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError) as error:   # whatever stands in the registry
            reason = f"schema {number} is no Avro schema: {error}"
        else:
            self._writers[number] = writer
            return writer
        self._unknown[number] = (reason, time.monotonic())
        return reason


def _as_integer(type_: Any) -> str | None:
    """Make a logical type of time a plain integer, in place, and say its unit."""
    if isinstance(type_, list):
        units = {unit for each in type_ if (unit := _as_integer(each)) is not None}
        return units.pop() if len(units) == 1 else None
    if isinstance(type_, dict) and type_.get("logicalType") in _UNITS:
        return _UNITS[type_.pop("logicalType")]
    return None


def _plain(value: Any, type_: pa.DataType) -> Any:
    """A value as JSON would have it, where fastavro's differs."""
    return str(value) if isinstance(value, uuid.UUID) and pa.types.is_string(type_) else value

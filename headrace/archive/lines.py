"""The rows of text files: CSV and JSON lines.

It promises that one bad line costs that line alone: a CSV row with too few or too many fields, a line that is no JSON object, bytes that
are not UTF-8. An empty CSV field without quotes is null, with quotes an empty text. The fast way is Arrow's readers; a block of JSON lines
that Arrow refuses is read again line by line. Row numbers count data rows from 0, bad ones and blank lines of JSON included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from headrace.archive.convert import misfit_reason
from headrace.archive.formats import csv, json
from headrace.archive.parts import DeadRow, Part, typed
from headrace.archive.records import column_of
from headrace.arrow import array
from headrace.errors import DataError, UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.archive.parts import Wanted

BLOCK_BYTES = 8 << 20
_is = pa.types


def separator_of(head: bytes) -> str:
    """What divides the fields of a CSV file that begins with `head`.

    >>> separator_of(b"a;b"), separator_of(b"a")
    (';', ',')
    """
    header = head.split(b"\n", 1)[0]
    return max((",", "\t", ";"), key=lambda each: header.count(each.encode()))


def csv_parts(path: str, stream: Any, wanted: Wanted) -> Iterator[Part]:
    """The rows of a CSV file with a header; the separator is a comma, or what the header has instead (tab, semicolon)."""
    head = stream.read(1 << 16)
    header = head.split(b"\n", 1)[0]
    if not header.strip():
        raise DataError(f"{path} is empty: expected a header with the names of the columns", path=path)
    separator = separator_of(header)
    bad: list[tuple[int, str, str]] = []

    def keep(row: Any) -> str:
        bad.append((row.number - 2, f"found {row.actual_columns} fields, expected {row.expected_columns}", row.text))
        return "skip"

    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=keep)
    read = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
    names = csv.open_csv(pa.BufferReader(header + b"\n"), parse_options=csv.ParseOptions(delimiter=separator)).schema.names
    wanted = wanted.present(names, path)
    convert = csv.ConvertOptions(
        column_types={name: pa.binary() for name in wanted.schema.names},
        include_columns=wanted.schema.names,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    reader = csv.open_csv(_Rejoined(head, stream), read_options=read, parse_options=parse, convert_options=convert)
    at = told = 0
    for batch in reader:
        numbers, lost = [], []
        for _ in range(batch.num_rows):
            while told < len(bad) and bad[told][0] == at:
                lost.append(_lost(bad[told]))
                told, at = told + 1, at + 1
            numbers.append(at)
            at += 1
        yield typed(pa.table(batch), np.array(numbers, np.int64), wanted, lost)
    if told < len(bad):
        yield typed(_nothing(wanted), np.zeros(0, np.int64), wanted, [_lost(each) for each in bad[told:]])


def _lost(row: tuple[int, str, str]) -> DeadRow:
    return DeadRow(row[0], row[1], None, row[2])


def _nothing(wanted: Wanted) -> pa.Table:
    return wanted.schema.empty_table()


class _Rejoined:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = head
        self._rest = rest
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            head, self._head = self._head, b""
            return head + bytes(self._rest.read())
        if self._head:
            found, self._head = self._head[:size], self._head[size:]
            return found
        return bytes(self._rest.read(size))

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def json_parts(path: str, stream: Any, wanted: Wanted) -> Iterator[Part]:
    """The rows of a JSON lines file: one object a line; a field that is missing is null."""
    at = 0
    first = True
    for block in _blocks(stream):
        lines = block.split(b"\n")
        if lines and not lines[-1]:
            lines.pop()
        if first and block.lstrip()[:1] == b"[":
            text = f"{path} holds a JSON array: expected one object a line; jq -c '.[]' {path} writes it so"
            raise DataError(text, path=path)
        if first:
            wanted = _present(path, lines, wanted)
            first = False
        yield _fast(block, lines, at, wanted) or _slow(lines, at, wanted)
        at += len(lines)


def _blocks(stream: Any) -> Iterator[bytes]:
    rest = b""
    while read := bytes(stream.read(BLOCK_BYTES)):
        whole, newline, tail = (rest + read).rpartition(b"\n")
        if newline:
            yield whole + newline
            rest = tail
        else:
            rest = tail
    if rest.strip():
        yield rest


def _present(path: str, lines: list[bytes], wanted: Wanted) -> Wanted:
    """Leaves out the optional columns that none of the first records has; the event time must be in one."""
    known: dict[str, None] = {}
    for line in lines[:1_000]:
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(record, dict):
            known.update(dict.fromkeys(record))
    if known and wanted.time not in known:
        raise UnknownColumn(wanted.time, list(known), f"{path}, read as {wanted.where}")
    missing = [name for name in wanted.schema.names if name not in known and name not in wanted.optional]
    return wanted.present([*known, *missing], path)


def _fast(block: bytes, lines: list[bytes], at: int, wanted: Wanted) -> Part | None:
    """The block as Arrow reads it, None where it refuses or skips a line."""
    sample: dict[str, Any] = {}
    for line in lines[:100]:
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not isinstance(record, dict):
            return None
        sample |= {name: value for name, value in record.items() if value is not None}
    if not any(name in sample for name in wanted.schema.names):
        return None
    schema = pa.schema([(field.name, _as_read(field.type, sample.get(field.name))) for field in wanted.schema])
    try:
        table = json.read_json(
            pa.BufferReader(block),
            read_options=json.ReadOptions(block_size=len(block) + 1),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None
    if table.num_rows != len(lines):
        return None
    return typed(table.select(wanted.schema.names), np.arange(at, at + len(lines), dtype=np.int64), wanted, [])


def _as_read(type_: pa.DataType, sample: Any) -> pa.DataType:
    """The type in which Arrow's reader keeps what the text says."""
    if _is.is_timestamp(type_) or _is.is_date(type_) or _is.is_duration(type_):
        return pa.int64() if isinstance(sample, int) else pa.string()
    if _is.is_integer(type_):
        return pa.int64()
    if _is.is_floating(type_):
        return pa.float64()
    if isinstance(type_, pa.StructType):
        inner = sample if isinstance(sample, dict) else {}
        fields = [type_.field(i) for i in range(type_.num_fields)]
        return pa.struct([(field.name, _as_read(field.type, inner.get(field.name))) for field in fields])
    if isinstance(type_, pa.ListType):
        return pa.list_(_as_read(type_.value_type, sample[0] if isinstance(sample, list) and sample else None))
    return pa.string() if _is.is_binary(type_) else type_


def _slow(lines: list[bytes], at: int, wanted: Wanted) -> Part:
    """The block line by line."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    lost: list[DeadRow] = []
    for row, line in enumerate(lines, start=at):
        if not line.strip():
            continue
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            lost.append(DeadRow(row, "not JSON: " + str(error).removeprefix("JSON is malformed: "), None, line.decode("utf-8", "replace")))
            continue
        if not isinstance(record, dict):
            lost.append(DeadRow(row, f"found {type(record).__name__}, expected an object", None, line.decode("utf-8", "replace")))
            continue
        records.append(record)
        numbers.append(row)
    dead: dict[int, DeadRow] = {}
    columns = []
    for field in wanted.schema:
        values = [record.get(field.name) for record in records]
        column, bad = column_of(values, field.type, wanted.units.get(field.name))
        columns.append(column)
        for index in bad:
            reason = misfit_reason(field.name, values[index], field.type)
            record_text = lines[numbers[index] - at].decode("utf-8", "replace")
            dead.setdefault(index, DeadRow(numbers[index], reason, field.name, record_text))
    table = pa.Table.from_arrays(columns, schema=wanted.schema)
    good = np.array([index for index in range(len(records)) if index not in dead], np.int64)
    kept = np.array(numbers, np.int64)[good] if records else np.zeros(0, np.int64)
    return Part(table.take(array(good)), kept, sorted([*lost, *dead.values()], key=lambda each: each.row))

"""The rows of text files: CSV and JSON lines.

It promises that one bad line costs that line alone: a CSV row with too few or too many fields, a line that is no JSON object, bytes that
are not UTF-8. An empty CSV field without quotes is null, with quotes an empty text. Row numbers count data rows from 0, bad ones and blank
lines of JSON included. What a line of JSON means is left to `headrace.archive.objects`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from headrace.archive.formats import csv
from headrace.archive.objects import Objects
from headrace.archive.parts import DeadRow, Part, typed
from headrace.errors import DataError, UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.archive.parts import Wanted

BLOCK_BYTES = 8 << 20


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
    objects: Objects | None = None
    for block in _blocks(stream):
        lines = block.split(b"\n")
        if lines and not lines[-1]:
            lines.pop()
        if objects is None and block.lstrip()[:1] == b"[":
            text = f"{path} holds a JSON array: expected one object a line; jq -c '.[]' {path} writes it so"
            raise DataError(text, path=path)
        if objects is None:
            wanted = _present(path, lines, wanted)
            objects = Objects(wanted.schema, wanted.units)
        yield _part(lines, at, wanted, objects)
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
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            known.update(dict.fromkeys(record))
    if known and wanted.time not in known:
        raise UnknownColumn(wanted.time, list(known), f"{path}, read as {wanted.where}")
    missing = [name for name in wanted.schema.names if name not in known and name not in wanted.optional]
    return wanted.present([*known, *missing], path)


def _part(lines: list[bytes], at: int, wanted: Wanted, objects: Objects) -> Part:
    """The rows of some lines; `at` is the number of the first."""
    filled = [row for row, line in enumerate(lines) if line.strip()]
    rows = objects.read([lines[row] for row in filled])
    numbers = np.array(filled, np.int64)
    dead = [
        DeadRow(at + filled[bad.index], bad.reason, bad.column, lines[filled[bad.index]].decode("utf-8", "replace")) for bad in rows.bad
    ]
    return Part(pa.Table.from_batches([rows.batch], wanted.schema), numbers[rows.good] + at, dead)

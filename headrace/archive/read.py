"""Reads the files that people bring: Parquet, CSV, JSON lines (a text also compressed: `.gz`, `.bz2`, `.zst`, `.lz4`), batch by batch.

It promises every row of a file exactly once, in the file's order: typed in a part's table, or, where it cannot be typed, as a dead row with
its number, reason and text. Memory is bounded by a batch. What belongs to which type is left to `headrace.archive.convert`, the rows of text
formats to `headrace.archive.lines`. A file's format is told by its name.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.arrow import array, pq
from headrace.archive.convert import Misfit, convert_table
from headrace.archive.folder import Folder
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, TIMESTAMP
from headrace.errors import DataError, UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headrace.archive.layout import Layout

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
ROWS = 131_072


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns to read: `schema` has their types, `units` those of integer times; the `optional` ones may be missing from a file.

    `where` names what is read, for errors; `time` must be in every file whatever its format.
    """

    schema: pa.Schema
    units: Mapping[str, str]
    where: str
    time: str
    optional: frozenset[str] = frozenset()

    def present(self, names: Sequence[str], path: str) -> Wanted:
        """Without the optional columns that are not among `names`; raises where another is missing."""
        for name in self.schema.names:
            if name not in names and name not in self.optional:
                raise UnknownColumn(name, names, f"{path}, read as {self.where}")
        return Wanted(pa.schema([f for f in self.schema if f.name in names]), self.units, self.where, self.time)


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A row that is not in the table: its number in the file from 0, why, and what stood there."""

    row: int
    reason: str
    column: str | None
    record: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file: the good ones and their numbers in the file, and the dead ones."""

    table: pa.Table
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    dead: list[DeadRow]


def file_format(path: str | os.PathLike[str]) -> tuple[str, str | None]:
    """The format and compression that a file's name tells; raises `DataError` for any other name.

    >>> file_format("clicks.csv.gz"), file_format("a/b.parquet")
    (('csv', 'gzip'), ('parquet', None))
    """
    name = Path(path)
    compression = COMPRESSED.get(name.suffix.lower())
    suffix = (Path(name.stem).suffix if compression else name.suffix).lower()
    if suffix not in FORMATS or (compression and FORMATS[suffix] == "parquet"):
        text = f"cannot tell the format of {os.fspath(path)}: expected a name that ends in .parquet, .csv, .tsv, .jsonl or .ndjson"
        raise DataError(f"{text}, and .gz, .bz2, .zst or .lz4 behind a text's", path=os.fspath(path))
    return FORMATS[suffix], compression


def read_parts(path: str, wanted: Wanted) -> Iterator[Part]:
    """The rows of a file, in its order; raises `DataError` where it is not what its name says, `UnknownColumn` for a missing column."""
    from headrace.archive.lines import csv_parts, json_parts

    kind, compression = file_format(path)
    try:
        with open_file(path) as opened:
            if kind == "parquet":
                yield from _parquet_parts(path, opened, wanted)
                return
            stream = pa.CompressedInputStream(opened, compression) if compression else opened
            yield from (csv_parts if kind == "csv" else json_parts)(path, stream, wanted)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}", path=path) from error
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{path} cannot be read as {kind}: {error}", path=path) from error


def open_file(path: str) -> pa.NativeFile:
    """A file or URI for reading."""
    folder, _, name = path.rpartition("/")
    return Folder(folder or ("/" if path.startswith("/") else ".")).open(name)


def read_whole(path: str | os.PathLike[str], layout: Layout) -> pa.Table:
    """A file, or every data file of a folder by name, as one table of the source's columns and those of the place that are there.

    Raises `DataError` for the first row that cannot be typed.
    """
    text = os.fspath(path)
    folder = Folder(text)
    if folder.local and Path(text).is_dir():
        paths = [folder.path(name) for name in folder.names() if not name.startswith((".", "_"))]
        if not paths:
            raise DataError(f"the folder {text} holds no files", path=text)
    else:
        paths = [text]
    place = [pa.field(PARTITION, pa.int64()), pa.field(OFFSET, pa.int64()), pa.field(ARRIVAL, TIMESTAMP)]
    schema = pa.schema([*layout.schema, *place])
    wanted = Wanted(schema, {**layout.units, ARRIVAL: "us"}, f"source '{layout.name}'", layout.time, frozenset(f.name for f in place))
    tables = []
    for each in paths:
        for part in read_parts(each, wanted):
            if part.dead:
                dead = part.dead[0]
                raise DataError(f"{each}, row {dead.row}, {dead.reason}", path=each, row=dead.row, column=dead.column)
            tables.append(part.table)
    if not tables:
        return layout.schema.empty_table()
    return pa.concat_tables(tables)


def typed(raw: pa.Table, numbers: np.ndarray[Any, np.dtype[np.int64]], wanted: Wanted, lost: list[DeadRow]) -> Part:
    """A part of what a reader found: rows with a misfit leave the table; `lost` are rows that the reader made nothing of."""
    table, misfits = convert_table(raw, wanted.schema, wanted.units)
    if not misfits:
        return Part(table, numbers, lost)
    first: dict[int, Misfit] = {}
    for misfit in misfits:
        first.setdefault(misfit.row, misfit)
    dead = [DeadRow(int(numbers[row]), misfit.reason, misfit.column, _record(raw, row)) for row, misfit in first.items()]
    good = np.setdiff1d(np.arange(table.num_rows), np.fromiter(first, np.int64, len(first)))
    return Part(table.take(array(good)), numbers[good], sorted([*lost, *dead], key=lambda each: each.row))


def _record(raw: pa.Table, row: int) -> str:
    """One row as text."""
    values = raw.slice(row, 1).to_pylist()[0]
    return json.dumps(values, ensure_ascii=False, default=lambda value: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _parquet_parts(path: str, opened: pa.NativeFile, wanted: Wanted) -> Iterator[Part]:
    file = pq.ParquetFile(opened)
    wanted = wanted.present(file.schema_arrow.names, path)
    at = 0
    for batch in file.iter_batches(batch_size=ROWS, columns=wanted.schema.names, use_threads=True):
        yield typed(pa.table(batch), np.arange(at, at + batch.num_rows, dtype=np.int64), wanted, [])
        at += batch.num_rows

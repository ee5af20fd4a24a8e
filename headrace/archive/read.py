"""Reads the files that people bring: Parquet, CSV, JSON lines (a text also compressed: `.gz`, `.bz2`, `.zst`, `.lz4`), batch by batch.

It promises every row of a file exactly once, in the file's order: typed in a part's table, or, where it cannot be typed, as a dead row
with its number, reason and text. Memory is bounded by a batch. What fits which type is left to `headrace.archive.convert`, the rows of
text formats to `headrace.archive.lines`. A file's format is told by its name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.archive.folder import Folder
from headrace.archive.formats import decompressed, pq
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, TIMESTAMP
from headrace.archive.lines import csv_parts, json_parts
from headrace.archive.parts import Part, Wanted, typed
from headrace.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.archive.layout import Layout

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
ROWS = 131_072


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
    kind, compression = file_format(path)
    try:
        with open_file(path) as opened:
            if kind == "parquet":
                yield from _parquet_parts(path, opened, wanted)
                return
            stream = decompressed(opened, compression) if compression else opened
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


def _parquet_parts(path: str, opened: pa.NativeFile, wanted: Wanted) -> Iterator[Part]:
    file = pq.ParquetFile(opened)
    wanted = wanted.present(file.schema_arrow.names, path)
    at = 0
    for batch in file.iter_batches(batch_size=ROWS, columns=wanted.schema.names, use_threads=True):
        yield typed(pa.table(batch), np.arange(at, at + batch.num_rows, dtype=np.int64), wanted, [])
        at += batch.num_rows

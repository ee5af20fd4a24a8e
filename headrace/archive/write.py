"""Writes the files of a log.

It promises: full row groups of `ROWS_PER_GROUP` rows and files of `GROUPS_PER_FILE` groups, cut by rows alone, so that the same rows give
the same bytes however they came in; a file appears whole or not at all and replaces none; its footer says what is in it. The rows must
come by place, offsets rising and arrivals not falling. Which rows belong in the log is left to `load` and the flow that archives a topic.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.folder import Folder
from headrace.archive.formats import pq
from headrace.archive.layout import (
    ARRIVAL,
    GROUPS_PER_FILE,
    OFFSET,
    PARTITION,
    ROWS_PER_GROUP,
    TIMESTAMP,
    VERSION,
    Layout,
    file_name,
)
from headrace.arrow import array, pc
from headrace.errors import InvalidValue, StorageError

if TYPE_CHECKING:
    import os
    from pathlib import Path

FINITE_TEXT = (pa.types.is_string, pa.types.is_binary)


class LogWriter:
    """Appends to one partition of one source's log.

    `append` as often as there are rows, then `close` once, which gives the names of the files; `abandon` instead leaves nothing but the
    files that stand already. `write` blocks while it encodes. A batch has the source's columns, `_offset` and `_arrival`, and stays the
    caller's. `facts` go to every footer under `headrace.`; the last file says `headrace.last = true`. A file among
    `written`, left by the same rows before, is taken for the one that would be written now.
    """

    def __init__(
        self,
        folder: Folder,
        layout: Layout,
        partition: int = 0,
        *,
        facts: dict[str, str] | None = None,
        compression: str = "lz4",
        rows_per_group: int = ROWS_PER_GROUP,
        groups_per_file: int = GROUPS_PER_FILE,
        written: frozenset[str] = frozenset(),
    ) -> None:
        self.folder = folder.child(layout.name)
        self.layout = layout
        self.partition = partition
        self.names: list[str] = []
        self._facts = facts or {}
        self._compression = compression
        self._rows_per_group = rows_per_group
        self._groups_per_file = groups_per_file
        self._written = written
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._open: OpenFile | None = None
        self._last: tuple[int, int] | None = None

    def append(self, batch: pa.RecordBatch) -> None:
        """Adds rows; raises `InvalidValue` where they do not follow those before."""
        if not batch.num_rows:
            return
        self._check(batch)
        columns = [
            array(np.full(batch.num_rows, self.partition, np.int32)) if name == PARTITION else batch.column(name)
            for name in self.layout.log_schema.names
        ]
        self._pending.append(pa.RecordBatch.from_arrays(columns, schema=self.layout.log_schema))
        self._pending_rows += batch.num_rows
        while self._pending_rows > self._rows_per_group:
            self._write_group(self._rows_per_group)

    def close(self) -> list[str]:
        """Writes what is left and gives the names of all files, in order."""
        while self._pending_rows:
            self._write_group(min(self._rows_per_group, self._pending_rows))
        self._finish(last=True)
        return self.names

    def abandon(self) -> None:
        """Drops the file that is being written."""
        if self._open is not None:
            self._open.drop()
            self._open = None
        self._pending.clear()
        self._pending_rows = 0

    def _check(self, batch: pa.RecordBatch) -> None:
        offsets = batch.column(OFFSET).to_numpy()
        arrivals = batch.column(ARRIVAL).cast(pa.int64()).to_numpy()
        before = self._last
        rises = bool((np.diff(offsets) > 0).all()) and (before is None or offsets[0] > before[0])
        if not rises or not bool((np.diff(arrivals) >= 0).all()) or (before is not None and arrivals[0] < before[1]):
            text = f"rows for the log of '{self.layout.name}' are not in order of their place: offsets must rise and arrivals must not fall"
            raise InvalidValue(text, source=self.layout.name, partition=self.partition)
        self._last = int(offsets[-1]), int(arrivals[-1])

    def _write_group(self, rows: int) -> None:
        # a following file exists for certain when this one is ended here, so only `close` ends the last one
        if self._open is not None and self._open.groups == self._groups_per_file:
            self._finish(last=False)
        table = pa.Table.from_batches(self._pending)
        group = table.slice(0, rows).combine_chunks()
        rest = table.slice(rows)
        self._pending = rest.to_batches() if rest.num_rows else []
        self._pending_rows = rest.num_rows
        if self._open is None:
            self._open = OpenFile(self.folder.draft(".parquet"), self.layout, self._compression)
        self._open.write(group)

    def _finish(self, *, last: bool) -> None:
        opened, self._open = self._open, None
        if opened is None:
            return
        name = file_name(self.partition, opened.first_offset)
        path = opened.finish(self.partition, self._facts | {"last": "true" if last else "false"})
        if not self.folder.publish(path, name) and name not in self._written:
            text = f"{self.folder.path(name)} exists already: another writer has added to this partition; start again from the log's end"
            raise StorageError(text, path=self.folder.path(name))
        self.names.append(name)


class OpenFile:
    """One file while it is written, under a name of its own: `write` row groups, then `finish` or `drop`.

    A table has the columns of the log, in the order of their place. `finish` brings the file to its end, with facts for the footer that go
    before those that it knows by itself.
    """

    def __init__(self, path: Path, layout: Layout, compression: str) -> None:
        self.path = path
        self.groups = 0
        self.rows = 0
        self.first_offset = 0
        self._layout = layout
        self._last_offset = 0
        self._arrivals = (0, 0)
        self._arrival_is_time = layout.arrival_can_be_time
        schema = layout.log_schema
        coded = [field.name for field in schema if any(is_(field.type) for is_ in FINITE_TEXT) or field.name == PARTITION]
        self._writer = pq.ParquetWriter(
            str(self.path),
            schema,
            compression=compression,
            use_dictionary=coded,
            write_statistics=[layout.time, *layout.keys, PARTITION, OFFSET, ARRIVAL],
            column_encoding={OFFSET: "DELTA_BINARY_PACKED", ARRIVAL: "DELTA_BINARY_PACKED"},
        )

    def write(self, group: pa.Table) -> None:
        """Add a row group."""
        offsets, arrivals = group.column(OFFSET), group.column(ARRIVAL).cast(pa.int64())
        if not self.groups:
            self.first_offset = offsets[0].as_py()
            self._arrivals = (arrivals[0].as_py(), 0)
        self._last_offset = offsets[-1].as_py()
        self._arrivals = (self._arrivals[0], arrivals[-1].as_py())
        if self._arrival_is_time:
            times = group.column(self._layout.time)
            self._arrival_is_time = times.null_count == 0 and bool(pc.all(pc.equal(times.cast(pa.int64()), arrivals)).as_py())
        self._writer.write_table(group, row_group_size=group.num_rows)
        self.groups += 1
        self.rows += group.num_rows

    def finish(self, partition: int, facts: dict[str, str]) -> Path:
        """End the file; its path."""
        known = {
            "version": VERSION,
            "source": self._layout.name,
            "time": self._layout.time,
            "partition": str(partition),
            "first_offset": str(self.first_offset),
            "last_offset": str(self._last_offset),
            "first_arrival_us": str(self._arrivals[0]),
            "last_arrival_us": str(self._arrivals[1]),
            "arrival": "time" if self._arrival_is_time else "column",
        }
        self._writer.add_key_value_metadata({f"headrace.{key}": value for key, value in (known | facts).items()})
        self._writer.close()
        return self.path

    def drop(self) -> None:
        """End and remove it."""
        self._writer.close()
        self.path.unlink(missing_ok=True)


def write(
    uri: str | os.PathLike[str] | Folder,
    layout: Layout,
    table: pa.Table | pa.RecordBatch,
    *,
    partition: int = 0,
    origin: list[dict[str, Any]] | None = None,
    compression: str = "lz4",
    rows_per_group: int = ROWS_PER_GROUP,
    groups_per_file: int = GROUPS_PER_FILE,
) -> list[str]:
    """Writes rows that are in the order of their place to `<uri>/<source>` and gives the names of the files.

    `table` has the source's columns with their types. Without `_offset` the rows are counted from 0, without `_arrival` it is the running
    maximum of the event time.
    """
    table = pa.table(table) if isinstance(table, pa.RecordBatch) else table
    if OFFSET not in table.column_names:
        table = table.append_column(OFFSET, array(np.arange(table.num_rows, dtype=np.int64)))
    if ARRIVAL not in table.column_names:
        times = table.column(layout.time).combine_chunks().cast(pa.int64()).to_numpy(zero_copy_only=False)
        table = table.append_column(ARRIVAL, array(np.maximum.accumulate(times).astype(np.int64)).cast(TIMESTAMP))
    facts = {"origin": json.dumps(origin)} if origin else {}
    folder = uri if isinstance(uri, Folder) else Folder(uri)
    writer = LogWriter(
        folder, layout, partition, facts=facts, compression=compression, rows_per_group=rows_per_group, groups_per_file=groups_per_file
    )
    try:
        for batch in table.to_batches():
            writer.append(batch)
        return writer.close()
    except BaseException:
        writer.abandon()
        raise

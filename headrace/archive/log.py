"""A log of one source, listed and read by row group: `FileLog` over an archive, `MemoryLog` over tables.

It promises that `row_groups()` costs at most one footer a file, once, since files never change, and none for the files of a day that has a
manifest; that groups come ordered by partition and place, in a partition what was loaded before what came from the topic; that `read`
returns one batch of exactly the asked columns, in that order. Both may be used from several threads. The order between partitions, and what
is late, are left to the flow.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from headrace.archive.days import Days
from headrace.archive.files import LogFile, RowGroup
from headrace.archive.folder import Folder, failures
from headrace.archive.formats import pq
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, ROWS_PER_GROUP, Layout
from headrace.arrow import Column, array, combined, nulls, pc
from headrace.errors import StorageError, UnknownColumn
from headrace.types import type_name

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence


class Log(Protocol):
    """What a replay reads.

    `row_groups` may be called at any time and sees files that were added since; `read` is called from any thread, blocks, and gives a
    batch that belongs to the caller.
    """

    name: str

    @property
    def schema(self) -> pa.Schema:
        """All columns: the source's, then `_partition`, `_offset`, `_arrival`."""
        ...

    def row_groups(self) -> list[RowGroup]:
        """All row groups, by partition, then place."""
        ...

    def read(self, group: RowGroup, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """These columns of a group, all of them where none are named."""
        ...


class FileLog:
    """The archive of one source: the Parquet files in `<archive>/<source>`.

    `uri` is the archive's folder or URI, `layout` the source's. A column that older files lack reads as null.
    """

    def __init__(self, uri: str | os.PathLike[str] | Folder, layout: Layout) -> None:
        self.name = layout.name
        self.layout = layout
        self.folder = (uri if isinstance(uri, Folder) else Folder(uri)).child(layout.name)
        self.days = Days(self.folder)
        self._files: dict[str, LogFile] = {}
        self._footers: dict[str, Any] = {}
        self._groups: dict[str, list[RowGroup]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        parent = Folder(self.folder.uri.rsplit("/", 1)[0], self.folder.options)
        return FileLog, (parent, self.layout)

    @property
    def schema(self) -> pa.Schema:
        """All columns: the source's, then `_partition`, `_offset`, `_arrival`."""
        return self.layout.log_schema

    def files(self) -> list[LogFile]:
        """The files, by partition, those of loads first, and first offset; raises where two hold the same offsets."""
        files = sorted(self.days.files(), key=lambda file: file.place)
        self._files.update({file.name: file for file in files})
        for one, two in pairwise(files):
            if one.place[:2] == two.place[:2] and two.first_offset <= one.last_offset:
                text = f"{self.folder.path(two.name)} starts at offset {two.first_offset}, and {one.name} ends at {one.last_offset} already"
                raise StorageError(text, path=self.folder.path(two.name))
        return files

    def row_groups(self) -> list[RowGroup]:
        """All row groups, by partition, then place."""
        found: list[RowGroup] = []
        for file in self.files():
            if file.name not in self._groups:
                self._groups[file.name] = [self._with_times(group, file) for group in file.groups]
            found += self._groups[file.name]
        return found

    def read(self, group: RowGroup, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """These columns of a group, all of them where none are named."""
        if group.path not in self._files:
            self._files[group.path] = LogFile.of_footer(self.folder, group.path)
        file = self._files[group.path]
        metadata = self._metadata(file)
        wanted = list(columns) if columns is not None else self.schema.names
        _known(wanted, self.schema, self.name)
        # what the footer tells is not read: most logs have dense offsets, loaded ones arrive at their event time
        derived = {PARTITION}
        if file.dense:
            derived.add(OFFSET)
        if file.arrival_is_time:
            derived.add(ARRIVAL)
        stored = set(metadata.schema.to_arrow_schema().names)
        needed = {name for name in wanted if name not in derived} & stored
        if file.arrival_is_time and ARRIVAL in wanted:
            needed.add(file.facts["time"])
        try:
            with self.folder.open(file.name) as opened:
                parquet = pq.ParquetFile(opened, metadata=metadata)
                table = parquet.read_row_group(group.index, columns=sorted(needed), use_threads=False)
        except failures() as error:
            raise StorageError(f"cannot read {self.folder.path(file.name)}: {error}", path=self.folder.path(file.name)) from error
        arrays = [self._column(name, file, group, table, stored, derived) for name in wanted]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([self.schema.field(name) for name in wanted]))

    def check(self, file: LogFile) -> None:
        """Raises `StorageError` where a column of the file cannot be read as the source declares it."""
        for field in self._metadata(file).schema.to_arrow_schema():
            if field.name in self.schema.names:
                self._fits(field.name, field.type, file)

    def _with_times(self, group: RowGroup, file: LogFile) -> RowGroup:
        """With the bounds of its event times, which have statistics only where the column was the event time when the file was written."""
        if self.layout.time == file.facts["time"]:
            return group
        bounds = pc.min_max(self.read(group, [self.layout.time]).column(0).cast(pa.int64())).as_py()
        return replace(group, min_time_us=bounds["min"], max_time_us=bounds["max"], timely=False)

    def _column(self, name: str, file: LogFile, group: RowGroup, table: pa.Table, stored: set[str], derived: set[str]) -> Column:
        if name == PARTITION:
            return array(np.full(group.rows, group.partition, np.int32))
        if name == OFFSET and name in derived:
            return array(np.arange(group.first_offset, group.first_offset + group.rows, dtype=np.int64))
        type_ = self.schema.field(name).type
        if name == ARRIVAL and name in derived:
            name = file.facts["time"]
        if name not in stored:
            return nulls(group.rows, type_)
        column = combined(table.column(name))
        if column.type == type_:
            return column
        self._fits(name, column.type, file)
        return column.cast(type_, safe=False)

    def _fits(self, name: str, stored: pa.DataType, file: LogFile) -> None:
        type_ = self.schema.field(name).type
        if stored != type_ and not _widens(stored, type_):
            path = self.folder.path(file.name)
            text = f"column '{name}' is {type_name(stored)} in {path} and {type_name(type_)} in source '{self.name}'"
            raise StorageError(f"{text}: the log keeps the type that it was written with", column=name, path=path)

    def _metadata(self, file: LogFile) -> Any:
        """The footer of a file, read where a manifest stood for it until now."""
        if file.metadata is not None:
            return file.metadata
        if file.name not in self._footers:
            self._footers[file.name] = LogFile.of_footer(self.folder, file.name).metadata
        return self._footers[file.name]


class MemoryLog:
    """A log over tables, one a partition, each ordered by place with the columns of `layout.log_schema`."""

    def __init__(self, layout: Layout, partitions: Mapping[int, pa.Table], rows_per_group: int = ROWS_PER_GROUP) -> None:
        self.name = layout.name
        self.layout = layout
        self._batches: list[pa.RecordBatch] = []
        self._groups: list[RowGroup] = []
        for partition, table in sorted(partitions.items()):
            whole = table.select(layout.log_schema.names).combine_chunks()
            for batch in whole.to_batches(max_chunksize=rows_per_group):
                if batch.num_rows:
                    self._groups.append(_memory_group(batch, layout.time, partition, len(self._batches)))
                    self._batches.append(batch)

    @property
    def schema(self) -> pa.Schema:
        """All columns: the source's, then `_partition`, `_offset`, `_arrival`."""
        return self.layout.log_schema

    def row_groups(self) -> list[RowGroup]:
        """All row groups, by partition, then place."""
        return list(self._groups)

    def read(self, group: RowGroup, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """These columns of a group, all of them where none are named."""
        batch = self._batches[group.index]
        if columns is None:
            return batch
        _known(columns, self.schema, self.name)
        return batch.select(list(columns))


def _known(columns: Sequence[str], schema: pa.Schema, source: str) -> None:
    for name in columns:
        if name not in schema.names:
            raise UnknownColumn(name, schema.names, f"the log of '{source}'")


def _widens(stored: pa.DataType, declared: pa.DataType) -> bool:
    """Whether every value of one type of number is one of the other, nearly for int64 as float64."""
    is_ = pa.types
    if is_.is_floating(declared):
        return is_.is_integer(stored) or is_.is_floating(stored)
    return bool(is_.is_integer(declared) and is_.is_integer(stored) and declared.bit_width >= stored.bit_width)


def _memory_group(batch: pa.RecordBatch, time: str, partition: int, index: int) -> RowGroup:
    arrivals = batch.column(ARRIVAL).cast(pa.int64()).to_numpy()
    bounds = pc.min_max(batch.column(time).cast(pa.int64())).as_py()
    return RowGroup(
        path="",
        index=index,
        partition=partition,
        rows=batch.num_rows,
        first_offset=batch.column(OFFSET)[0].as_py(),
        min_arrival_us=int(arrivals[0]),
        max_arrival_us=int(arrivals[-1]),
        min_time_us=bounds["min"],
        max_time_us=bounds["max"],
    )

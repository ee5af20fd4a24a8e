"""A log of one source, listed and read by row group: `FileLog` over an archive, `MemoryLog` over tables.

It promises that `row_groups()` costs one footer a file, once, since files never change; that groups come ordered by partition and
place; that `read` returns one batch of exactly the asked columns, in that order. Both may be used from several threads. The order
between partitions, and what is late, are left to the flow.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from headrace.archive.folder import Folder
from headrace.archive.formats import pq
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, ROWS_PER_GROUP, VERSION, Layout, place_of
from headrace.arrow import Column, array, combined, nulls, pc
from headrace.errors import StorageError, UnknownColumn
from headrace.types import type_name

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group: consecutive places of one partition, at most `ROWS_PER_GROUP` rows in what we write.

    Arrivals never decrease from one group of a partition to the next. The event times are None where all are null. Bounds are included,
    in microseconds.
    """

    path: str
    index: int
    partition: int
    rows: int
    first_offset: int
    min_arrival_us: int
    max_arrival_us: int
    min_time_us: int | None
    max_time_us: int | None


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


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of an archive, by its footer. `dense`: offsets have no holes; `arrival_is_time`: in every row."""

    name: str
    partition: int
    first_offset: int
    last_offset: int
    dense: bool
    arrival_is_time: bool
    metadata: Any
    facts: dict[str, str]

    @property
    def last_arrival_us(self) -> int:
        """The arrival of its last row."""
        return int(self.facts["last_arrival_us"])


class FileLog:
    """The archive of one source: the Parquet files in `<archive>/<source>`.

    `uri` is the archive's folder or URI, `layout` the source's. A column that older files lack reads as null.
    """

    def __init__(self, uri: str | os.PathLike[str] | Folder, layout: Layout) -> None:
        self.name = layout.name
        self.layout = layout
        self.folder = (uri if isinstance(uri, Folder) else Folder(uri)).child(layout.name)
        self._files: dict[str, LogFile] = {}
        self._groups: dict[str, list[RowGroup]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        parent = Folder(self.folder.uri.rsplit("/", 1)[0], self.folder.options)
        return FileLog, (parent, self.layout)

    @property
    def schema(self) -> pa.Schema:
        """All columns: the source's, then `_partition`, `_offset`, `_arrival`."""
        return self.layout.log_schema

    def files(self) -> list[LogFile]:
        """The files, by partition and first offset; raises where two hold the same offsets."""
        names = [name for name in self.folder.names() if place_of(name)]
        new = [name for name in names if name not in self._files]
        if len(new) > 1:
            with ThreadPoolExecutor(min(16, len(new))) as pool:
                found = list(pool.map(self._footer, new))
        else:
            found = [self._footer(name) for name in new]
        self._files.update({file.name: file for file in found})
        files = sorted((self._files[name] for name in names), key=lambda file: (file.partition, file.first_offset))
        for one, two in pairwise(files):
            if one.partition == two.partition and two.first_offset <= one.last_offset:
                text = f"{self.folder.path(two.name)} starts at offset {two.first_offset}, and {one.name} ends at {one.last_offset} already"
                raise StorageError(text, path=self.folder.path(two.name))
        return files

    def row_groups(self) -> list[RowGroup]:
        """All row groups, by partition, then place."""
        found: list[RowGroup] = []
        for file in self.files():
            if file.name not in self._groups:
                self._groups[file.name] = [self._with_times(group, file) for group in _row_groups(file, self.layout.time)]
            found += self._groups[file.name]
        return found

    def read(self, group: RowGroup, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """These columns of a group, all of them where none are named."""
        if group.path not in self._files:
            self._files[group.path] = self._footer(group.path)
        file = self._files[group.path]
        wanted = list(columns) if columns is not None else self.schema.names
        _known(wanted, self.schema, self.name)
        # what the footer tells is not read: most logs have dense offsets, loaded ones arrive at their event time
        derived = {PARTITION}
        if file.dense:
            derived.add(OFFSET)
        if file.arrival_is_time:
            derived.add(ARRIVAL)
        stored = set(file.metadata.schema.to_arrow_schema().names)
        needed = {name for name in wanted if name not in derived} & stored
        if file.arrival_is_time and ARRIVAL in wanted:
            needed.add(file.facts["time"])
        try:
            with self.folder.open(file.name) as opened:
                parquet = pq.ParquetFile(opened, metadata=file.metadata)
                table = parquet.read_row_group(group.index, columns=sorted(needed), use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise StorageError(f"cannot read {self.folder.path(file.name)}: {error}", path=self.folder.path(file.name)) from error
        arrays = [self._column(name, file, group, table, stored, derived) for name in wanted]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([self.schema.field(name) for name in wanted]))

    def _with_times(self, group: RowGroup, file: LogFile) -> RowGroup:
        """With the bounds of its event times, which have statistics only where the column was the event time when the file was written."""
        if self.layout.time == file.facts["time"]:
            return group
        bounds = pc.min_max(self.read(group, [self.layout.time]).column(0).cast(pa.int64())).as_py()
        return replace(group, min_time_us=bounds["min"], max_time_us=bounds["max"])

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
        if not _widens(column.type, type_):
            path = self.folder.path(file.name)
            text = f"column '{name}' is {type_name(column.type)} in {path} and {type_name(type_)} in source '{self.name}'"
            raise StorageError(f"{text}: the log keeps the type that it was written with", column=name, path=path)
        return column.cast(type_, safe=False)

    def _footer(self, name: str) -> LogFile:
        path = self.folder.path(name)
        try:
            with self.folder.open(name) as opened:
                metadata = pq.read_metadata(opened)
        except (OSError, pa.ArrowInvalid) as error:
            raise StorageError(f"{path} is not a readable Parquet file: {error}", path=path) from error
        facts = {
            key.decode().removeprefix("headrace."): value.decode()
            for key, value in (metadata.metadata or {}).items()
            if key.startswith(b"headrace.")
        }
        if facts.get("version") != VERSION:
            found = f"version {facts['version']}" if "version" in facts else "no version"
            raise StorageError(f"{path} was not written by this release of headrace: found {found}, reads version {VERSION}", path=path)
        first, last = int(facts["first_offset"]), int(facts["last_offset"])
        return LogFile(
            name=name,
            partition=int(facts["partition"]),
            first_offset=first,
            last_offset=last,
            dense=last - first + 1 == metadata.num_rows,
            arrival_is_time=facts["arrival"] == "time",
            metadata=metadata,
            facts=facts,
        )


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


def _row_groups(file: LogFile, time: str) -> list[RowGroup]:
    metadata: Any = file.metadata
    at = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    found = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        arrival, offset = group.column(at[ARRIVAL]).statistics, group.column(at[OFFSET]).statistics
        times = group.column(at[time]).statistics if time in at else None
        known = bool(times is not None and times.has_min_max)
        found.append(
            RowGroup(
                path=file.name,
                index=index,
                partition=file.partition,
                rows=group.num_rows,
                first_offset=int(offset.min),
                min_arrival_us=arrival.min_raw,
                max_arrival_us=arrival.max_raw,
                min_time_us=int(times.min_raw) if times is not None and known else None,
                max_time_us=int(times.max_raw) if times is not None and known else None,
            )
        )
    return found


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

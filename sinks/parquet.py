"""Writes one Parquet file from batches: rows of events, steps, or probes.

It promises bytes that depend on the rows, the schema, the options and the calls of `end_group` alone, never on how the batches fell or when
they were written; row groups of exactly `rows_per_group` rows, shorter ones only where `end_group` was called and at the end; a file that
appears whole under its name or not at all. Whole numbers and times are written as differences, floats have no dictionary, and only the
columns in `statistics` have statistics: that is where the time goes. Which rows, and in which order, is left to the operators.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet

from headrace.archive.folder import Folder
from sinks.pool import WriterPool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from sinks.pool import Lane

__all__ = ["ROWS_PER_GROUP", "ParquetTable", "WriterPool", "Written"]

ROWS_PER_GROUP = 65_536
_pq: Any = pyarrow.parquet
_is = pa.types


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is there now. `size_bytes` is its length."""

    name: str
    rows: int
    size_bytes: int


class ParquetTable:
    """One file at `path`, a path or URI.

    Order: `write` as often as there are rows, then `close` or `abandon` once, from one thread. A batch may be read by others after that,
    but not changed. With a pool, encoding and writing happen in its threads, `write` blocks only while the pool is full, and raises what
    went wrong in an earlier group; without one it does the work itself. `statistics` are columns, by default those of timestamps;
    `facts` go to the footer, with their keys as they are.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        schema: pa.Schema,
        pool: WriterPool | None = None,
        codec: str = "lz4",
        *,
        statistics: Sequence[str] | None = None,
        facts: Mapping[str, str] | None = None,
        rows_per_group: int = ROWS_PER_GROUP,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        folder, _, name = os.fspath(path).rpartition("/")
        self.name = name
        self.schema = schema.remove_metadata()
        self.rows = 0
        self._folder = Folder(folder or ("/" if os.fspath(path).startswith("/") else "."), options)
        self._path = self._folder.draft(".parquet")
        self._rows_per_group = rows_per_group
        self._facts = dict(facts or {})
        self._lane: Lane | None = pool.lane() if pool is not None else None
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._written: Written | None = None
        self._writer = _pq.ParquetWriter(
            str(self._path),
            self.schema,
            compression=codec,
            use_dictionary=[field.name for field in schema if _is.is_string(field.type) or _is.is_binary(field.type)],
            column_encoding={field.name: "DELTA_BINARY_PACKED" for field in schema if _is_whole(field.type)} or None,
            write_statistics=[field.name for field in schema if _is.is_timestamp(field.type)] if statistics is None else list(statistics),
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows; the columns must be those of the schema."""
        if not batch.num_rows:
            return
        self._pending.append(batch if batch.schema.equals(self.schema) else batch.select(self.schema.names).cast(self.schema))
        self._pending_rows += batch.num_rows
        self.rows += batch.num_rows
        while self._pending_rows >= self._rows_per_group:
            self._cut(self._rows_per_group)

    def end_group(self, least: int) -> None:
        """Hands over what waits as a row group of its own, if it is `least` rows or more; so that nothing waits for long."""
        if self._pending_rows >= max(1, least):
            self._cut(self._pending_rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def close(self) -> Written:
        """Writes what is left, gives the file its name, and says what was written; a file without rows is one too."""
        if self._written is None:
            if self._pending_rows:
                self._cut(self._pending_rows)
            self._do(self._finish)
            if self._lane is not None:
                self._lane.wait()
        if self._written is None:
            raise AssertionError(self.name)   # a lane that ended without an error has run every task
        return self._written

    def abandon(self) -> None:
        """Leaves nothing behind."""
        if self._lane is not None:
            try:
                self._lane.wait()
            except Exception:  # noqa: BLE001, S110   # the file goes away whatever happened to it
                pass
        if self._written is None:
            self._writer.close()
            self._path.unlink(missing_ok=True)

    def _cut(self, rows: int) -> None:
        """Hands the next row group over, in one piece."""
        group = pa.Table.from_batches(self._pending, self.schema)
        self._pending = []
        self._pending_rows -= rows
        if self._pending_rows:
            self._pending = group.slice(rows).to_batches()
            group = group.slice(0, rows)
        self._do(lambda: self._encode(group))

    def _do(self, task: Any) -> None:
        if self._lane is None:
            task()
        else:
            self._lane.submit(task)

    def _encode(self, group: pa.Table) -> None:
        self._writer.write_table(group.combine_chunks(), row_group_size=group.num_rows)

    def _finish(self) -> None:
        if self._facts:
            self._writer.add_key_value_metadata(dict(sorted(self._facts.items())))
        self._writer.close()
        size = self._path.stat().st_size
        self._folder.replace(self._path, self.name)
        self._written = Written(self.name, self.rows, size)


def _is_whole(type_: pa.DataType) -> bool:
    """Whether Parquet holds the type as a whole number of 32 or 64 bits."""
    return bool(_is.is_integer(type_) or _is.is_timestamp(type_) or _is.is_date(type_) or _is.is_time(type_))

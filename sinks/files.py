"""The rows of a flow as Parquet files: a step of the flow for each shard.

A file holds the rows of one group, shard and run of slices, in the order of their places; it ends where a slice asks for a checkpoint or is
the last. Promises that the files' bytes depend on the rows alone, that a file is complete when its note is there, and that a run of slices
that was begun again writes the same file over the old one. A note is a JSON file beside the state that says which files and counts belong
to a shard up to a slice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bytewax.operators import StatefulBatchLogic

from operators.messages import End, Rows, add_counts, fitted
from sinks.parquet import ParquetTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from sinks.pool import WriterPool

LEAST_ROWS = 16_384
"""The rows of a slice are a row group, unless they are fewer: what waits for the next slice takes memory."""


def note_path(folder: Path, slice_: int, shard: int) -> Path:
    """Where a shard notes that everything up to a slice is written."""
    return folder / f"done-{slice_:06d}-{shard:02d}.json"


class FileStep(StatefulBatchLogic[Rows | End, Any, None]):
    """Writes the files of one shard."""

    def __init__(self, folders: Mapping[int, tuple[str, pa.Schema, tuple[str, ...]]], notes: Path, pool: WriterPool, codec: str) -> None:
        """`folders` has for each group where its files go, their columns, and those of them that get statistics; it is empty where rows go
        to stores alone.
        """
        self.folders, self.notes, self.pool, self.codec = folders, notes, pool, codec
        self.open: dict[int, ParquetTable] = {}
        self.waiting: list[Rows] = []
        self.first: int | None = None
        self.counts: dict[str, int] = {}
        self.files: list[dict[str, Any]] = []

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Write rows; close files and note them where a run of slices ends."""
        for value in values:
            add_counts(self.counts, value.counts)
            if self.first is None:
                self.first = value.slice
            if isinstance(value, Rows):
                self.waiting.append(value)
                continue
            # which shard this is, its first end says
            for rows in self.waiting:
                self._write(rows, value.shard)
            self.waiting = []
            for file in self.open.values():
                file.end_group(LEAST_ROWS)
            if value.checkpoint or value.last:
                self._end(value)
        return [], False

    def _write(self, rows: Rows, shard: int) -> None:
        if rows.group not in self.folders:
            return
        folder, schema, statistics = self.folders[rows.group]
        if rows.group not in self.open:
            name = f"{self.first:06d}-{shard:02d}.parquet"
            self.open[rows.group] = ParquetTable(f"{folder}/{name}", schema, self.pool, self.codec, statistics=statistics)
        self.open[rows.group].write(fitted(rows.batch, schema))

    def _end(self, end: End) -> None:
        for group, file in sorted(self.open.items()):
            written = file.close()
            self.files.append({"group": group, "name": written.name, "rows": written.rows, "bytes": written.size_bytes})
        self.open = {}
        note = note_path(self.notes, end.slice, end.shard)
        temporary = note.with_suffix(".tmp")
        temporary.write_text(json.dumps({"files": self.files, "counts": self.counts}))
        temporary.replace(note)
        self.first, self.files, self.counts = None, [], {}

    def snapshot(self) -> None:
        """Files are complete where their note is; nothing of theirs is in Bytewax's store."""
        return

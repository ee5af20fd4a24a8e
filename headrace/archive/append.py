"""Appends what comes of a topic to its archived log: one partition, one open file.

It promises that every offset is in exactly one file, as a row or among the dead letters, whenever the process dies: a file appears whole,
its footer says which offsets it accounts for, the letters among them are on the disk before, and the next process goes on behind it. A file
begins at the offset behind the last one and lies in the hour in which it begins, so that two writers which began at the same offset want
the same name, and one of them fails. It relies on chunks of one hour each, in the order of their offsets.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from headrace.archive.drafts import Drafts
from headrace.archive.files import LogFile
from headrace.archive.layout import PARTITION, ROWS_PER_GROUP, file_name, hour_folder
from headrace.archive.write import OpenFile
from headrace.arrow import array
from headrace.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.archive.drafts import Draft
    from headrace.archive.letters import Letter, LetterBox
    from headrace.archive.log import FileLog

T = TypeVar("T")
WAITS_S = (0.2, 1.0, 3.0, 10.0)
"""How long a store that failed is waited for, each time, before the failure counts."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """When a file ends: behind so many rows, about so many bytes, or so many seconds after its first message came."""

    rows: int = 4_000_000
    size_bytes: int = 256 << 20
    seconds: float = 300.0


class Taken(Protocol):
    """Messages of one partition, as `operators.intake` gives them."""

    partition: int
    first_offset: int
    next_offset: int
    first_arrival_us: int
    arrival_us: int
    newest_us: int | None
    batch: pa.RecordBatch
    letters: list[Letter]
    messages: int


class Appender:
    """One partition's end of the log. Everything is called by one thread; `append` and `publish` block while they write."""

    def __init__(
        self, log: FileLog, topic: str, partition: int, start: int | None, box: LetterBox, rolling: Rolling, compression: str = "zstd"
    ) -> None:
        """`start` is the offset that the next file begins at; None where nothing was archived: it begins at the first that comes.

        `touched` are the days that got a file, for who keeps the manifests.
        """
        self.log, self.topic, self.partition, self.box = log, topic, partition, box
        self.rolling, self.compression = rolling, compression
        self.next_offset = start
        self.arrival_us: int | None = None
        self.files = 0
        self.rows = 0
        self.pending: Pending | None = None
        self._drafts = Drafts(log.folder)
        self.touched: set[str] = set()

    @property
    def due_s(self) -> float | None:
        """The wall clock at which the open file ends by its age."""
        return None if self.pending is None else self.pending.began_s + self.rolling.seconds

    def append(self, chunk: Taken) -> None:
        """Take messages; the files that end with them or before them are published."""
        if self.pending is not None and hour_folder(chunk.first_arrival_us) != self.pending.folder:
            self.publish()
        if self.pending is None:
            first = chunk.first_offset if self.next_offset is None else self.next_offset
            self.pending = Pending(self, first, chunk.first_arrival_us)
        self.pending.add(chunk)
        self.next_offset, self.arrival_us = chunk.next_offset, chunk.arrival_us
        self.box.add(chunk.letters)
        if self.pending.rows >= self.rolling.rows or self.pending.size_bytes >= self.rolling.size_bytes:
            self.publish()

    def publish(self) -> str | None:
        """End the open file and give it its name, which is returned; None where there is nothing to publish."""
        pending = self.pending
        if pending is None:
            return None
        self._patiently(self.box.flush)
        path = pending.finish()
        name = f"{pending.folder}/{file_name(self.partition, pending.first_offset)}"
        day = name.partition("/")[0]
        self._patiently(lambda: self.log.days.open(day))
        self.touched.add(day)
        published = self._patiently(lambda: self.log.folder.publish(path, name, keep=True))
        if not published and not self._patiently(lambda: self._is_ours(name, pending)):
            text = f"{self.log.folder.path(name)} exists already: another 'headrace archive {self.log.name}' writes to this archive"
            raise StorageError(f"{text}; stop one of them", path=self.log.folder.path(name))
        # another writer may have closed the day without having seen this file
        manifest = self._patiently(lambda: self.log.days.manifest(day))
        if manifest is not None and name not in {file.name for file in manifest}:
            self._patiently(lambda: self.log.days.open(day))
        self.files += 1
        self.rows += pending.rows
        self.abandon()
        return name

    def abandon(self) -> None:
        """Drop the open file; what is in it is read from the topic again."""
        if self.pending is not None:
            self.pending.drop()
            self.pending = None

    def draft(self) -> Draft:
        """A new draft."""
        return self._drafts.new()

    def _is_ours(self, name: str, pending: Pending) -> bool:
        """Whether a file that stands is the one that we meant to write: its answer was lost on the way."""
        return LogFile.of_footer(self.log.folder, name).facts.get("writer") == pending.writer

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do something with the store, again where it fails for a moment; a local disk is not asked twice."""
        for wait_s in () if self.log.folder.local else WAITS_S:
            try:
                return work()
            except StorageError:
                time.sleep(wait_s)
        return work()


class Pending:
    """The open file: row groups that are written, rows that wait for a whole group, and what it accounts for."""

    def __init__(self, of: Appender, first_offset: int, first_arrival_us: int) -> None:
        self.first_offset, self.first_arrival_us = first_offset, first_arrival_us
        self.folder = hour_folder(first_arrival_us)
        self.began_s = time.time()
        self.writer = uuid.uuid4().hex
        self.rows = 0
        self._of = of
        self._last_offset, self._arrival_us = first_offset - 1, first_arrival_us
        self._newest_us: int | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._draft: Draft | None = None
        self._file: OpenFile | None = None

    @property
    def size_bytes(self) -> int:
        """About how large the file will be; rows that wait count as they lie in memory."""
        return self._waiting_bytes + (self._draft.path.stat().st_size if self._draft is not None else 0)

    def add(self, chunk: Taken) -> None:
        """Take the messages of a chunk."""
        self._last_offset, self._arrival_us, self._newest_us = chunk.next_offset - 1, chunk.arrival_us, chunk.newest_us
        batch = chunk.batch
        if not batch.num_rows:
            return
        schema = self._of.log.layout.log_schema
        partition = array(np.full(batch.num_rows, self._of.partition, np.int32))
        columns = [partition if name == PARTITION else batch.column(name) for name in schema.names]
        self._waiting.append(pa.RecordBatch.from_arrays(columns, schema=schema))
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        while self._waiting_rows >= ROWS_PER_GROUP:
            self._write(ROWS_PER_GROUP)

    def finish(self) -> Path:
        """Write what is left and end the file; its path."""
        try:
            file = self._opened()
        except OSError as error:
            raise self._failed(error) from error
        if self._waiting_rows:
            self._write(self._waiting_rows)
        facts = {
            "topic": self._of.topic,
            "first_offset": str(self.first_offset),
            "last_offset": str(self._last_offset),
            "first_arrival_us": str(self.first_arrival_us),
            "last_arrival_us": str(self._arrival_us),
            "newest_us": "" if self._newest_us is None else str(self._newest_us),
            "writer": self.writer,
        }
        try:
            return file.finish(self._of.partition, facts)
        except OSError as error:
            raise self._failed(error) from error

    def drop(self) -> None:
        """Remove the draft."""
        if self._draft is not None:
            self._draft.close()
            self._draft = None

    def _opened(self) -> OpenFile:
        if self._file is None:
            self._draft = self._of.draft()
            self._file = OpenFile(self._draft.path, self._of.log.layout, self._of.compression)
        return self._file

    def _write(self, rows: int) -> None:
        table = pa.Table.from_batches(self._waiting)
        rest = table.slice(rows)
        try:
            self._opened().write(table.slice(0, rows).combine_chunks())
        except OSError as error:
            raise self._failed(error) from error
        self._waiting = rest.to_batches() if rest.num_rows else []
        self._waiting_rows = rest.num_rows
        self._waiting_bytes = rest.nbytes

    def _failed(self, error: OSError) -> StorageError:
        path = str(self._draft.path if self._draft is not None else self._of.log.folder.uri)
        return StorageError(f"cannot write {path}: {error}", path=path)


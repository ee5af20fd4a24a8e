"""Brings files into an archive: Parquet, CSV or JSON lines become the log of a source.

It promises that every row of a file is in the log or among the dead letters, once; that the same file is not loaded twice, told by its
content; that rows come into the log by arrival, ties by file and row; that a later load goes on after the last place, and a row that
arrived before it counts as arriving with it; that a load which was interrupted, when it is repeated with the same files in the same order,
ends as if it had not been. What an event means is left to the flow: one that is too late is in the log all the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.dead import DeadLetters
from headrace.archive.folder import Folder
from headrace.archive.layout import ARRIVAL, DEAD, OFFSET, TIMESTAMP, Layout
from headrace.archive.log import FileLog
from headrace.archive.order import ArrivalSort
from headrace.archive.parts import DeadRow, Part, Wanted
from headrace.archive.read import open_file, read_parts
from headrace.archive.write import LogWriter
from headrace.arrow import array, combined, pc
from headrace.errors import DataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.archive.files import LogFile
    from headrace.source import Source


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did.

    `rows` are in the log now, `dead` in the file `dead_letters` (JSON lines with file, row, column, reason, record); `raised` of the rows
    arrived before the log's end and count as arriving with it; `ignored` are files that the archive holds already, with the reason.
    """

    source: str
    rows: int
    dead: int
    raised: int
    files: tuple[str, ...]
    ignored: tuple[tuple[str, str], ...]
    dead_letters: str | None


@dataclass(frozen=True, slots=True)
class _End:
    """Where a partition's log ends: the next offset, and the arrival of its last row."""

    offset: int
    arrival_us: int | None


def load(
    source: Source | Layout,
    files: Sequence[str | os.PathLike[str]],
    archive: str | os.PathLike[str] | Folder,
    *,
    arrival: str | None = None,
    partition: int = 0,
    compression: str = "lz4",
    progress: Callable[[str, int], None] | None = None,
) -> Loaded:
    """Loads `files` into the archive's log of `source` and says what became of the rows.

    Args:
        source: its schema types the rows; columns that it does not have are left out.
        files: paths or URIs, by name .parquet, .csv, .tsv, .jsonl, .ndjson, the texts also compressed.
        archive: the archive's folder or URI.
        arrival: the column that says when an event reached the log; else the event time does.
        partition: which partition of the log the rows go to.
        compression: lz4, zstd, snappy or none.
        progress: called with a file's name and the rows read of it so far.

    Raises `DataError` for a file that is not there or not what its name says, `UnknownColumn` and `TypeMismatch` where a file does not
    go with the source at all; nothing has been written then. `StorageError` where another writer adds to the same partition, or where
    messages of the source's topic are in the log already: history is loaded before them.
    """
    layout = source if isinstance(source, Layout) else Layout.of(source)
    folder = archive if isinstance(archive, Folder) else Folder(archive)
    if not files:
        raise DataError("no file to load")
    paths = [os.fspath(path) for path in files]
    log = FileLog(folder, layout)
    standing = log.files()
    done, begun = _loads(standing, partition)
    known = {origin["sha256"]: origin["file"] for origin in done}
    fresh: list[tuple[str, str]] = []
    ignored: list[tuple[str, str]] = []
    for path in paths:
        digest = _digest(path)
        if digest in known:
            ignored.append((path, f"loaded already, as {known[digest]}"))
        else:
            known[digest] = _base(path)
            fresh.append((path, digest))
    load_id = _identity(layout, fresh, arrival, partition)
    if begun and begun[0].facts["load"] != load_id:
        names = ", ".join(sorted(origin["file"] for origin in json.loads(begun[0].facts["origin"])))
        text = f"a load of {names} into '{layout.name}' was interrupted: repeat it with the same files first"
        raise StorageError(text, source=layout.name)
    if not fresh:
        return Loaded(layout.name, 0, 0, 0, (), tuple(ignored), None)
    if any(not file.loaded for file in standing):
        text = f"the log of '{layout.name}' holds messages of its topic, and files are loaded before these"
        raise StorageError(f"{text}: produce the rows to the topic instead", source=layout.name)
    end = _end([file for file in standing if file not in begun], partition)
    written = frozenset(file.name for file in begun)
    return _Load(layout, folder, partition, load_id, end, arrival, compression, progress).run(fresh, tuple(ignored), written)


class _Load:
    """One load from reading to the last file."""

    def __init__(
        self,
        layout: Layout,
        folder: Folder,
        partition: int,
        load_id: str,
        end: _End,
        arrival: str | None,
        compression: str,
        progress: Callable[[str, int], None] | None,
    ) -> None:
        self.layout = layout
        self.folder = folder
        self.partition = partition
        self.load_id = load_id
        self.end = end
        self.arrival = arrival or layout.time
        self.compression = compression
        self.progress = progress
        self.raised = 0
        self.dead = DeadLetters(folder.child(layout.name).child(DEAD), f"load-{load_id}.jsonl")

    def run(self, files: list[tuple[str, str]], ignored: tuple[tuple[str, str], ...], written: frozenset[str]) -> Loaded:
        sort = ArrivalSort()
        try:
            origins = [self._read(path, digest, sort) for path, digest in files]
            letters = self.dead.publish()
            names = self._write(sort, origins, written)
        finally:
            sort.close()
            self.dead.close()
        rows = sum(origin["rows"] for origin in origins)
        return Loaded(self.layout.name, rows, self.dead.count, self.raised, tuple(names), ignored, letters)

    def _read(self, path: str, digest: str, sort: ArrivalSort) -> dict[str, Any]:
        schema = self.layout.schema
        if self.arrival not in schema.names:
            schema = schema.append(pa.field(self.arrival, TIMESTAMP))
        wanted = Wanted(schema, self.layout.units, f"source '{self.layout.name}'", self.arrival)
        rows = dead = 0
        for part in read_parts(path, wanted):
            table, lost = self._placeable(part)
            letters = sorted([*part.dead, *lost], key=lambda each: each.row)
            self.dead.add(_base(path), letters)
            dead += len(letters)
            if table.num_rows:
                sort.add(table)
            rows += table.num_rows
            if self.progress is not None:
                self.progress(path, rows + dead)
        return {"file": _base(path), "sha256": digest, "rows": rows, "dead": dead}

    def _placeable(self, part: Part) -> tuple[pa.Table, list[DeadRow]]:
        """The part with its arrivals, and the rows that have none."""
        arrivals = combined(part.table.column(self.arrival))
        table = part.table.select(self.layout.schema.names)
        if not arrivals.null_count:
            return table.append_column(ARRIVAL, arrivals.cast(pa.int64())), []
        known = pc.is_valid(arrivals)
        what = "event time" if self.arrival == self.layout.time else "arrival"
        reason = f"no {what}: column '{self.arrival}' is null"
        missing = pc.invert(known)
        lost = [
            DeadRow(int(number), reason, self.arrival, json.dumps(record, ensure_ascii=False, default=str))
            for number, record in zip(part.numbers[missing.to_numpy(zero_copy_only=False)], table.filter(missing).to_pylist(), strict=True)
        ]
        return table.append_column(ARRIVAL, arrivals.cast(pa.int64())).filter(known), lost

    def _write(self, sort: ArrivalSort, origins: list[dict[str, Any]], written: frozenset[str]) -> list[str]:
        facts = {"load": self.load_id, "origin": json.dumps(origins, sort_keys=True)}
        writer = LogWriter(self.folder, self.layout, self.partition, facts=facts, compression=self.compression, written=written)
        offset, newest = self.end.offset, self.end.arrival_us
        try:
            for table in sort.sorted():
                arrivals = combined(table.column(ARRIVAL)).to_numpy()
                if newest is not None:
                    self.raised += int(np.count_nonzero(arrivals < newest))
                    arrivals = np.maximum(arrivals, newest)
                places = array(np.arange(offset, offset + len(arrivals), dtype=np.int64))
                offset += len(arrivals)
                rows = table.drop_columns([ARRIVAL]).append_column(OFFSET, places).append_column(ARRIVAL, array(arrivals).cast(TIMESTAMP))
                for batch in rows.to_batches():
                    writer.append(batch)
            return writer.close()
        except BaseException:
            writer.abandon()
            raise


def _loads(files: list[LogFile], partition: int) -> tuple[list[dict[str, Any]], list[LogFile]]:
    """The origins of all loads that ended, and the files of one into this partition that did not."""
    ended = {file.facts["load"] for file in files if "load" in file.facts and file.facts["last"] == "true"}
    origins: dict[str, Any] = {}
    for file in files:
        if file.facts.get("load") in ended or ("origin" in file.facts and "load" not in file.facts):
            origins |= {origin["sha256"]: origin for origin in json.loads(file.facts["origin"])}
    begun = [file for file in files if "load" in file.facts and file.facts["load"] not in ended and file.partition == partition]
    return list(origins.values()), begun


def _end(files: list[LogFile], partition: int) -> _End:
    ours = [file for file in files if file.partition == partition]
    return _End(ours[-1].last_offset + 1, ours[-1].last_arrival_us) if ours else _End(0, None)


def _identity(layout: Layout, files: list[tuple[str, str]], arrival: str | None, partition: int) -> str:
    """Names a load by everything that decides its rows."""
    digests = [digest for _, digest in files]
    parts = [layout.name, str(layout.schema), layout.time, str(dict(layout.units)), str(arrival), str(partition), *digests]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _digest(path: str) -> str:
    found = hashlib.sha256()
    try:
        with open_file(path) as file:
            while block := file.read(1 << 20):
                found.update(block)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}", path=path) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}", path=path) from error
    return found.hexdigest()


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]

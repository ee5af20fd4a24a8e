"""Sorts more rows by arrival than memory holds.

It promises a stable order: rows of one arrival come out as they went in. Memory is bounded by `RUN_BYTES` and a batch of each run; what is
more lies in temporary files, which are gone after `close`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.layout import ARRIVAL
from headrace.arrow import array, combined

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_BYTES = 256 << 20
BATCH_ROWS = 65_536


class ArrivalSort:
    """`add` tables with an int64 column `_arrival`, then take them from `sorted()` once, then `close`."""

    def __init__(self, run_bytes: int = RUN_BYTES) -> None:
        self._run_bytes = run_bytes
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._runs: list[Path] = []

    def add(self, table: pa.Table) -> None:
        """Takes some rows."""
        self._tables.append(table)
        self._bytes += table.nbytes
        if self._bytes >= self._run_bytes:
            self._spill()

    def sorted(self) -> Iterator[pa.Table]:
        """All rows by arrival, in tables of any size."""
        if not self._runs:
            if self._tables:
                yield self._run()
            return
        if self._tables:
            self._spill()
        yield from _merged([_Run(path) for path in self._runs])

    def close(self) -> None:
        """Removes the temporary files."""
        if self._folder is not None:
            self._folder.cleanup()

    def _run(self) -> pa.Table:
        table = _by_arrival(pa.concat_tables(self._tables))
        self._tables, self._bytes = [], 0
        return table

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="headrace-load-")
        path = Path(self._folder.name) / f"{len(self._runs)}.arrow"
        table = self._run()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=BATCH_ROWS)
        self._runs.append(path)


class _Run:
    """One sorted file, a batch at a time."""

    def __init__(self, path: Path) -> None:
        self._reader: Any = pa.ipc.open_file(pa.memory_map(str(path)))
        self._next = 0
        self.rows: pa.Table
        self.arrivals = np.zeros(0, np.int64)
        self.advance()

    @property
    def more(self) -> bool:
        """Whether there are rows behind those at hand."""
        return self._next < int(self._reader.num_record_batches)

    def advance(self) -> None:
        self.rows = pa.table(self._reader.get_batch(self._next))
        self.arrivals = _arrivals(self.rows)
        self._next += 1

    def take(self, count: int) -> pa.Table:
        found, self.rows = self.rows.slice(0, count), self.rows.slice(count)
        self.arrivals = self.arrivals[count:]
        return found


def _merged(runs: list[_Run]) -> Iterator[pa.Table]:
    while True:
        for run in runs:
            while not len(run.arrivals) and run.more:
                run.advance()
        open_runs = [(int(run.arrivals[-1]), index) for index, run in enumerate(runs) if run.more]
        if not open_runs:
            yield _by_arrival(pa.concat_tables([run.rows for run in runs]))
            return
        # nothing that is still in a file stands before this place; at one arrival the earlier run goes first
        bound, owner = min(open_runs)
        counts = [np.searchsorted(run.arrivals, bound, "right" if index <= owner else "left") for index, run in enumerate(runs)]
        yield _by_arrival(pa.concat_tables([run.take(int(count)) for run, count in zip(runs, counts, strict=True)]))


def _arrivals(table: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    found: np.ndarray[Any, np.dtype[np.int64]] = combined(table.column(ARRIVAL)).to_numpy()
    return found


def _by_arrival(table: pa.Table) -> pa.Table:
    arrivals = _arrivals(table)
    if bool((np.diff(arrivals) >= 0).all()):
        return table
    return table.take(array(np.argsort(arrivals, kind="stable")))

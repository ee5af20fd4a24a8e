"""Writes the steps of all shards of a process to the online stores, so that a transaction holds those of many shards: in a thread, or in
that of whoever calls `write_now` again and again.

Promises that `wait` returns when everything given before is written; that what `flush_then` calls is called when it would survive a crash,
while the caller goes on; that of several steps of one entity which wait, the newest is written;
that what waits is bounded, `put` blocks then; and that a failure of a store is raised by whoever calls next. While a live flow is behind
the end of its log, steps wait longer: few of them are the newest of their entity for long.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.arrow import array, one_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sinks.online import OnlineStore, StepTable
    from sinks.stores import Watcher

MOST_ROWS = 131_072
BEHIND_ROWS = 65_536
BEHIND_S = 0.25
GATHER_S = 0.004
CALLED_S = 0.1
"""So long after a call of `write_now` the thread expects another one."""
FEW_ROWS = 4_096
"""So few rows a store looks through faster by itself."""


class StoreWriter:
    """The writer of a process; begins with the first step, `close` ends it."""

    def __init__(self, stores: Sequence[OnlineStore], watcher: Watcher | None = None) -> None:
        self.stores, self.watcher = stores, watcher
        self._waiting: dict[tuple[str, str], tuple[StepTable, list[pa.RecordBatch]]] = {}
        self._rows = 0
        self._busy = False
        self._flushed: list[Callable[[], None]] = []
        self._called_s = 0.0
        self._wanted = False
        self._ended = False
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        # the thread waits for the one, everybody else for the other: who writes in a thread of his own is not to wake this one each time
        self._due, self._done = threading.Condition(self._lock), threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def put(self, table: StepTable, batch: pa.RecordBatch) -> None:
        """Take steps; within a shard the later ones are the newer."""
        with self._lock:
            self._begin()
            self._done.wait_for(lambda: self._rows < MOST_ROWS or self._failure is not None)
            self._raise()
            self._waiting.setdefault((table.group, table.digest), (table, []))[1].append(batch)
            self._rows += batch.num_rows
            if not self._is_called():
                self._due.notify()

    def write_now(self) -> None:
        """Write what waits, in the caller's thread."""
        with self._lock:
            self._raise()
            self._called_s = time.monotonic()
            if self._busy or not self._waiting:
                return
            waiting = self._taken()
        self._write_all(waiting)
        with self._lock:
            self._raise()

    def flush_then(self, call: Callable[[], None]) -> None:
        """Have `call` called, by the thread, when the stores keep everything that was given before."""
        with self._lock:
            self._begin()
            self._raise()
            self._flushed.append(call)
            self._due.notify()

    def wait(self) -> None:
        """Return when everything is written, and flushed where that was asked for."""
        with self._lock:
            self._wanted = True
            self._due.notify()
            self._done.wait_for(lambda: self._failure is not None or not (self._waiting or self._busy or self._flushed))
            self._wanted = False
            self._raise()

    def close(self) -> None:
        """Write what waits and end; raises where that failed."""
        with self._lock:
            self._ended = True
            self._due.notify()
        if self._thread is not None:
            self._thread.join()
        self._raise()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="headrace-stores", daemon=True)
            self._thread.start()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _is_called(self) -> bool:
        return time.monotonic() < self._called_s + CALLED_S

    @property
    def _hurry(self) -> bool:
        return self._wanted or self._ended or bool(self._flushed)

    def _is_due(self) -> bool:
        if self._hurry:
            return bool(self._waiting or self._flushed)
        caught_up = self.watcher is None or self.watcher.caught_up
        return bool(self._waiting) and not self._is_called() and (caught_up or self._rows >= BEHIND_ROWS)

    def _run(self) -> None:
        while self._failure is None:
            with self._lock:
                self._due.wait_for(lambda: self._is_due() or self._ended, BEHIND_S)
                if self._is_called() and not self._hurry:
                    continue
                if self._waiting and self.watcher is not None and not self._hurry:
                    # the other shards of the same batch are about to come
                    self._due.wait_for(lambda: self._hurry, GATHER_S)
                self._done.wait_for(lambda: not self._busy)
                if self._ended and not (self._waiting or self._flushed):
                    return
                waiting, flushed = self._taken(), list(self._flushed)
            self._write_all(waiting)
            if flushed and self._failure is None:
                self._flush(flushed)

    def _taken(self) -> list[tuple[StepTable, list[pa.RecordBatch]]]:
        """What waits, for whoever writes it now."""
        waiting, self._waiting, self._rows = list(self._waiting.values()), {}, 0
        self._busy = True
        self._done.notify_all()
        return waiting

    def _flush(self, calls: Sequence[Callable[[], None]]) -> None:
        """While others may write."""
        try:
            for store in self.stores:
                store.flush()
            for call in calls:
                call()
        # whatever a store raises, the flow has to hear of it and end
        except Exception as error:  # noqa: BLE001
            self._failure = error
        with self._lock:
            self._flushed = self._flushed[len(calls) :]
            self._done.notify_all()

    def _write_all(self, waiting: list[tuple[StepTable, list[pa.RecordBatch]]]) -> None:
        try:
            for table, batches in waiting:
                self._write(table, batches)
        # whatever a store raises, the flow has to hear of it and end
        except Exception as error:  # noqa: BLE001
            self._failure = error
        with self._lock:
            self._busy = False
            self._done.notify_all()

    def _write(self, table: StepTable, batches: list[pa.RecordBatch]) -> None:
        batch = newest(table, batches)
        for store in self.stores:
            store.write(table, batch)
        if self.watcher is not None:
            self.watcher.wrote(table.group, batch, sum(each.num_rows for each in batches))


def newest(table: StepTable, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The last row of every entity, in the order of these rows; all of them where they are few."""
    whole = one_batch(batches)
    if whole.num_rows <= FEW_ROWS:
        return whole
    names = list(table.keys.names)
    numbered = pa.table({name: whole.column(name) for name in names} | {"_number": array(np.arange(whole.num_rows))})
    last = numbered.group_by(names, use_threads=False).aggregate([("_number", "max")]).column("_number_max")
    return whole.take(array(np.sort(last.to_numpy())))

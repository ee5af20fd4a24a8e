"""Keeps the state of the shards of one process in checkpoints, without copying what did not change.

The rows that a shard takes are its journal. A checkpoint writes the journal since the one before; where that has grown longer than the
state is large, the whole state instead, a few shards at a time. Promises that the flow waits only for the copy of such a state: files are
written by threads, and a shard's note follows when its file and all its sinks are safe. Where a file cannot be written nothing is noted,
the journal goes on, and `trouble` says why.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.errors import StorageError
from headrace.running.checkpoints import packed, unpacked
from operators.shares import Share, merged, rows_of
from operators.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.running.checkpoints import Checkpoints, Complete
    from headrace.running.watch import Watch
    from operators.layout import Layout
    from operators.rollup import KeyRollup

LONGEST_JOURNAL_ROWS = 150_000
SHORTEST_JOURNAL_ROWS = 10_000
BASES_AT_ONCE = 4
JOURNAL_ROW_BYTES = 64
MOST_SEGMENTS = 20
WRITERS = 8
LONGEST_WAIT_S = 30.0


@dataclass(slots=True)
class _Sealed:
    """A checkpoint of a shard on its way: what is still awaited before it is noted."""

    number: int
    journal: Share | None
    freeze: Callable[[], dict[str, Any]] | None
    awaited: set[str]
    failed: bool = False


@dataclass(slots=True)
class _Shard:
    journal: list[Share] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    base: str | None = None
    segments: list[str] = field(default_factory=list)
    sealed: _Sealed | None = None


class FileKeeper:
    """The keeper of a process; `sinks` are the names of the sinks that report. Its methods are called by the workers' threads."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        layouts: Sequence[Layout],
        exact: Sequence[bool],
        sinks: Sequence[str],
        start: Complete | None,
        watch: Watch | None = None,
    ) -> None:
        self.checkpoints, self.layouts, self.exact, self.sinks, self.start = checkpoints, layouts, exact, tuple(sinks), start
        self.watch = watch
        self.shards: dict[int, _Shard] = {}
        self.trouble: str | None = None
        self.written_bytes = 0
        self._bases: dict[int, dict[str, Any]] = {}
        self._bases_of: dict[int, int] = {}
        self._lock = threading.Lock()
        self._safe = threading.Condition(self._lock)
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="headrace-keep")

    # going on

    def restore(self, shard: int) -> tuple[dict[str, Any] | None, Share | None]:
        """The sequence's state at the shard's base, and what was taken since."""
        mine = self._shard(shard)
        if self.start is None or shard not in self.start.shards:
            return None, None
        mine.base, mine.segments = self.start.shards[shard][0], list(self.start.shards[shard][1])
        shares = [unpacked(self.checkpoints.read(name)) for name in mine.segments]
        mine.rows = sum(rows_of(share) for share in shares)
        frozen = self._base(shard)
        return None if frozen is None else frozen["sequence"], merged(shares) if shares else None

    def state(self, shard: int, layout: Layout) -> KeyState | None:
        """The state of a key at the shard's base."""
        frozen = self._base(shard)
        index = self.layouts.index(layout)
        if frozen is None:
            return None
        if index == len(self.layouts) - 1:
            self._bases.pop(shard, None)
        return KeyState.thaw(layout, self.exact[index], frozen["keys"][index])

    def _base(self, shard: int) -> dict[str, Any] | None:
        name = None if self.start is None else self.start.shards.get(shard, (None, []))[0]
        if name is None:
            return None
        if shard not in self._bases:
            self._bases[shard] = unpacked(self.checkpoints.read(name))
        return self._bases[shard]

    # keeping

    def took(self, share: Share) -> None:
        """A share was taken."""
        mine = self._shard(share.shard)
        mine.journal.append(share)
        mine.rows += rows_of(share)

    def seal(self, number: int, shard: int, freeze: Callable[[], dict[str, Any]]) -> None:
        """The journal of a checkpoint ends here."""
        mine = self._shard(shard)
        with self._safe:
            if not self._safe.wait_for(lambda: mine.sealed is None or not mine.sealed.awaited or mine.sealed.failed, LONGEST_WAIT_S):
                self.trouble = f"checkpoint {mine.sealed.number if mine.sealed else 0} is not written after {LONGEST_WAIT_S:g} s"
                return   # this one will not count; its rows belong to the next
            share = merged(mine.journal) if mine.journal else None
            mine.journal = []
            mine.sealed = _Sealed(number, share, freeze, {"file", *self.sinks})

    def keep(self, shard: int, keys: Sequence[KeyRollup]) -> None:
        """Begin to write what was sealed."""
        mine = self._shard(shard)
        if self.watch is not None:
            self.watch.sized(shard, sum(key.state.entities for key in keys), sum(key.state.size_bytes for key in keys))
        sealed = mine.sealed
        if sealed is None or sealed.freeze is None:
            return
        freeze, sealed.freeze = sealed.freeze, None
        if self._wants_base(mine, sealed.number, keys):
            whole = {"sequence": freeze(), "keys": [key.state.freeze() for key in keys]}
            self._pool.submit(self._write, shard, sealed, f"base-{sealed.number:012d}-{shard:02d}", whole, True)
        else:
            self._pool.submit(self._write, shard, sealed, f"rows-{sealed.number:012d}-{shard:02d}", sealed.journal, False)

    def awaits(self, shard: int, sink: str) -> bool:
        """Whether a checkpoint waits for the sink."""
        sealed = self._shard(shard).sealed
        return sealed is not None and sink in sealed.awaited

    def flushed(self, shard: int, sink: str) -> None:
        """A sink is safe."""
        sealed = self._shard(shard).sealed
        if sealed is not None:
            self._arrived(shard, sealed, sink)

    def close(self) -> None:
        """Wait for the files that are being written."""
        self._pool.shutdown(wait=True)

    def _wants_base(self, mine: _Shard, number: int, keys: Sequence[KeyRollup]) -> bool:
        size = sum(key.state.size_bytes for key in keys)
        long = mine.rows >= LONGEST_JOURNAL_ROWS or (mine.rows >= SHORTEST_JOURNAL_ROWS and mine.rows * JOURNAL_ROW_BYTES >= size)
        if not long and len(mine.segments) < MOST_SEGMENTS:
            return False
        with self._lock:
            begun = self._bases_of.get(number, 0)
            if begun >= BASES_AT_ONCE and mine.rows < 2 * LONGEST_JOURNAL_ROWS:
                return False
            self._bases_of = {number: begun + 1}
        return True

    def _write(self, shard: int, sealed: _Sealed, name: str, what: Any, is_base: bool) -> None:
        mine = self._shard(shard)
        try:
            if what is not None:
                data = packed(what)
                self.checkpoints.write(name, data)
                self.written_bytes += len(data)
        except (StorageError, OSError) as error:
            with self._lock:
                # what could not be written is a part of the next one
                mine.journal[:0] = [] if sealed.journal is None else [sealed.journal]
                sealed.failed = True
                self.trouble = str(error)
                self._safe.notify_all()
            return
        if is_base:
            mine.base, mine.segments, mine.rows = name, [], sum(rows_of(share) for share in list(mine.journal))
        elif what is not None:
            mine.segments = [*mine.segments, name]
        self.trouble = None
        self._arrived(shard, sealed, "file")

    def _arrived(self, shard: int, sealed: _Sealed, what: str) -> None:
        mine = self._shard(shard)
        with self._lock:
            sealed.awaited.discard(what)
            self._safe.notify_all()
            if sealed.awaited or sealed.failed:
                return
            note = [mine.base, mine.segments]
        try:
            self.checkpoints.note(sealed.number, "shard", shard, note)
        except (StorageError, OSError) as error:
            self.trouble = str(error)

    def _shard(self, shard: int) -> _Shard:
        return self.shards.setdefault(shard, _Shard())

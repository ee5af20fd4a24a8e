"""Keeps the state of the shards of one process in checkpoints, without copying what did not change.

The rows that a shard has applied are its journal. A checkpoint writes the journal since the one before; where that has grown longer than
the state is large, the whole state instead, a few shards at a time. Promises that the flow waits only for the copy of such a state: one
file for all shards of the process is written by a thread, and noted when it and all sinks are safe. Where it cannot be written nothing is
noted, the journal goes on, and `trouble` says why.
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

    from headrace.running.checkpoints import Checkpoints, Complete, Link
    from headrace.running.watch import Watch
    from operators.layout import Layout
    from operators.messages import Piece
    from operators.rollup import KeyRollup

LONGEST_JOURNAL_ROWS = 150_000
SHORTEST_JOURNAL_ROWS = 10_000
JOURNAL_ROW_BYTES = 64
MOST_LINKS = 20
BASES_AT_ONCE = 1
LONGEST_WAIT_S = 30.0


@dataclass(slots=True)
class _Shard:
    """The journal of a shard and where its state stands: a base, then the rows since."""

    journal: list[Share] = field(default_factory=list)
    rows: int = 0
    links: list[Link] = field(default_factory=list)
    freeze: Callable[[], dict[str, Any]] | None = None
    sealed: list[Share] = field(default_factory=list)


@dataclass(slots=True)
class _Round:
    """A checkpoint of this process on its way: what was kept of each shard, and what is still awaited."""

    number: int
    kept: dict[int, tuple[bool, Any]] = field(default_factory=dict)
    awaited: set[tuple[int, str]] = field(default_factory=set)
    ended: bool = False

    def is_written(self) -> bool:
        """Whether it was written, or could not be."""
        return self.ended


class FileKeeper:
    """The keeper of process `index`; `sinks` are the names of the sinks that report. Its methods are called by the workers' threads."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        layouts: Sequence[Layout],
        exact: Sequence[bool],
        sinks: Sequence[str],
        start: Complete | None,
        watch: Watch | None = None,
        index: int = 0,
    ) -> None:
        self.checkpoints, self.layouts, self.exact, self.sinks, self.start = checkpoints, layouts, exact, tuple(sinks), start
        self.watch, self.index = watch, index
        self.shards: dict[int, _Shard] = {}
        self.trouble: str | None = None
        self.written_bytes = 0
        self._round: _Round | None = None
        self._bases: dict[int, dict[str, Any]] = {}
        self._safe = threading.Condition()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="headrace-keep")

    # going on

    def restore(self, shard: int) -> tuple[dict[str, Any] | None, Share | None, list[Piece]]:
        """The sequence's state at the shard's base, what was applied since, and what was held."""
        mine = self._shard(shard)
        if self.start is None or shard not in self.start.shards:
            return None, None, []
        mine.links = list(self.start.shards[shard])
        shares, held = [], []
        for link in mine.links:
            if not link.is_base:
                share, held = unpacked(self.checkpoints.read_part(link))
                shares += [] if share is None else [share]
        mine.rows = sum(rows_of(share) for share in shares)
        frozen = self._base(shard)
        if frozen is not None and len(mine.links) == 1:
            held = frozen["held"]
        return None if frozen is None else frozen["sequence"], merged(shares) if shares else None, held

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
        links = [] if self.start is None else self.start.shards.get(shard, [])
        if not links or not links[0].is_base:
            return None
        if shard not in self._bases:
            self._bases[shard] = unpacked(self.checkpoints.read_part(links[0]))
        return self._bases[shard]

    # keeping

    def applied(self, share: Share) -> None:
        """A share was passed on."""
        mine = self._shard(share.shard)
        mine.journal.append(share)
        mine.rows += rows_of(share)

    def seal(self, number: int, shard: int, freeze: Callable[[], dict[str, Any]]) -> None:
        """The journal of a checkpoint ends here; waits while the one before is written."""
        mine = self._shard(shard)
        with self._safe:
            now = self._round
            if now is None or now.number != number:
                if now is not None and not self._safe.wait_for(now.is_written, LONGEST_WAIT_S):
                    self.trouble = f"checkpoint {now.number} is not written after {LONGEST_WAIT_S:g} s"
                    return   # this one will not count; its rows belong to the next
                now = self._round = _Round(number, awaited={(s, what) for s in self.shards for what in ("kept", *self.sinks)})
            now.awaited |= {(shard, what) for what in ("kept", *self.sinks)}
            mine.sealed, mine.journal = mine.journal, []
            mine.freeze = freeze

    def keep(self, shard: int, keys: Sequence[KeyRollup]) -> None:
        """The epoch ends for the roll-ups of a shard."""
        mine = self._shard(shard)
        if self.watch is not None:
            self.watch.sized(shard, sum(key.state.entities for key in keys), sum(key.state.size_bytes for key in keys))
        found = self._round
        if mine.freeze is None or found is None:
            return
        sequence, mine.freeze = mine.freeze(), None
        held = sequence.pop("held")
        whole = self._wants_base(mine, found, keys)
        if whole:
            found.kept[shard] = True, {"sequence": sequence, "held": held, "keys": [key.state.freeze() for key in keys]}
        else:
            found.kept[shard] = False, (mine.sealed, held)
        self._reported(shard, "kept")

    def awaits(self, shard: int, sink: str) -> bool:
        """Whether a checkpoint waits for the sink."""
        return self._round is not None and (shard, sink) in self._round.awaited

    def flushed(self, shard: int, sink: str) -> None:
        """A sink is safe."""
        self._reported(shard, sink)

    def close(self) -> None:
        """Wait for the file that is being written."""
        self._pool.shutdown(wait=True)

    def _wants_base(self, mine: _Shard, found: _Round, keys: Sequence[KeyRollup]) -> bool:
        size = sum(key.state.size_bytes for key in keys)
        long = mine.rows >= LONGEST_JOURNAL_ROWS or (mine.rows >= SHORTEST_JOURNAL_ROWS and mine.rows * JOURNAL_ROW_BYTES >= size)
        if not long and len(mine.links) < MOST_LINKS:
            return False
        begun = sum(is_base for is_base, _ in found.kept.values())
        return begun < BASES_AT_ONCE or mine.rows >= 2 * LONGEST_JOURNAL_ROWS or len(mine.links) >= 2 * MOST_LINKS

    def _reported(self, shard: int, what: str) -> None:
        with self._safe:
            found = self._round
            if found is None or (shard, what) not in found.awaited:
                return
            found.awaited.discard((shard, what))
            if not found.awaited:
                self._pool.submit(self._write, found)

    def _write(self, found: _Round) -> None:
        try:
            parts = {shard: packed(what if is_base else _joined(*what)) for shard, (is_base, what) in found.kept.items()}
            links = self.checkpoints.write_parts(found.number, self.index, parts, {s: is_base for s, (is_base, _) in found.kept.items()})
            for shard, link in links.items():
                mine = self.shards[shard]
                mine.links = [link] if link.is_base else [*mine.links, link]
                if link.is_base:
                    mine.rows = sum(rows_of(share) for share in list(mine.journal))
            self.checkpoints.note_shards(found.number, self.index, {shard: mine.links for shard, mine in self.shards.items()})
            self.written_bytes += sum(len(part) for part in parts.values())
            self.trouble = None
        except (StorageError, OSError) as error:
            for shard in found.kept:
                # what could not be written is a part of the next one
                mine = self.shards[shard]
                mine.journal[:0] = mine.sealed
            self.trouble = str(error)
        finally:
            with self._safe:
                found.ended = True
                self._safe.notify_all()

    def _shard(self, shard: int) -> _Shard:
        return self.shards.setdefault(shard, _Shard())


def _joined(journal: Sequence[Share], held: Sequence[Piece]) -> tuple[Share | None, Sequence[Piece]]:
    """What a journal comes to, and what was held at its end."""
    return merged(journal) if journal else None, held

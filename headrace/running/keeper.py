"""Keeps the state of the shards of one process in checkpoints, without copying it.

The rows that a shard has applied are its journal (`headrace.running.journal`). A checkpoint writes the journal since the one before, as one
link of a chain that begins with a whole state; of long chains shorter ones are made beside the flow (`headrace.running.compaction`).
Promises that the flow waits for nothing but to hand its journal over: one file for all shards of the process is written by a thread, and
noted when it and all sinks are safe. A flow that has the time packs its journal itself, between two batches: a thread would ask it for the
interpreter in the middle of one. A checkpoint that comes while the one before is still being written is left out, unless it is the
last; its rows belong to the next. Where one cannot be written nothing is noted, the journal goes on, and `trouble` says why.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.running.journal import Journal, written
from headrace.running.making import rows_at
from headrace.running.pace import Pace
from headrace.running.packing import packed
from operators.shares import merged, rows_of
from operators.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.running.checkpoints import Checkpoints, Complete, Link
    from headrace.running.compaction import Compaction
    from headrace.running.journal import Portion
    from headrace.running.watch import Watch
    from operators.layout import Layout
    from operators.messages import Piece
    from operators.rollup import KeyRollup
    from operators.shares import Share

LONGEST_WAIT_S = 30.0
"""A checkpoint that takes longer to be written is said; the last one is waited for so long."""
MOST_FULL = 8
"""So many portions wait for the flow to pack them; with more of them it has no time for it."""
RESTS = 2.0
"""The thread that writes one rests so many times as long as it worked: the flow waits for the interpreter and for processors."""


@dataclass(slots=True)
class _Shard:
    """The journal of a shard and what its state is made of: a whole state or nothing, then the rows since; `freeze` says what is held."""

    journal: Journal
    links: list[Link] = field(default_factory=list)
    freeze: Callable[[], dict[str, Any]] | None = None
    sealed: list[Portion] = field(default_factory=list)
    size_bytes: int = 0


@dataclass(slots=True)
class _Round:
    """A checkpoint of this process on its way: for each shard its rows and what was held, and what is still awaited."""

    number: int
    begun: float
    kept: dict[int, tuple[list[Portion], Sequence[Piece]]] = field(default_factory=dict)
    awaited: set[tuple[int, str]] = field(default_factory=set)
    ended: bool = False


class FileKeeper:
    """The keeper of a process. Its methods are called by the workers' threads."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        layouts: Sequence[Layout],
        exact: Sequence[bool],
        sinks: Sequence[str],
        start: Complete | None,
        watch: Watch | None = None,
        index: int = 0,
        partitions: Sequence[tuple[str, int]] = (),
        compaction: Compaction | None = None,
    ) -> None:
        """`sinks` are the names of the sinks that report; `index` is the process', `partitions` those that its readers number."""
        self.checkpoints, self.layouts, self.exact, self.sinks, self.start = checkpoints, layouts, exact, tuple(sinks), start
        self.watch, self.index, self.partitions, self.compaction = watch, index, tuple(partitions), compaction
        self.shards: dict[int, _Shard] = {}
        self.failure: str | None = None
        self.written_bytes = 0
        self.is_last: Callable[[int], bool] = lambda _: False
        self._round: _Round | None = None
        self._left_out = 0
        self._bases: dict[int, dict[str, Any]] = {}
        self._full: deque[Portion] = deque()
        self._starts = start is not None
        self._safe = threading.Condition()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="headrace-keep")
        self._pace = Pace(RESTS)

    @property
    def trouble(self) -> str | None:
        """What goes wrong and is tried again."""
        return self.failure or (None if self.compaction is None else self.compaction.trouble)

    @property
    def journal_rows(self) -> int:
        """Rows that a start would have to apply behind the whole states."""
        return sum(link.rows for mine in list(self.shards.values()) for link in mine.links)

    # going on

    def restore(self, shard: int) -> tuple[dict[str, Any] | None, Share | None, list[Piece]]:
        """The sequence's state at the shard's base, what was applied since, and what was held."""
        mine = self._shard(shard)
        if self.start is None or shard not in self.start.shards:
            return None, None, []
        mine.links = list(self.start.shards[shard])
        if self.compaction is not None:
            self.compaction.expect(sum(link.rows for link in mine.links))
        shares: list[Share] = []
        held: list[Piece] = []
        for link in mine.links:
            if not link.is_base:
                share, held = rows_at(self.checkpoints, link, self.partitions)
                shares += [] if share is None else [share]
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
            self._bases[shard] = self.checkpoints.read_part(links[0])
        return self._bases[shard]

    # keeping

    def applied(self, share: Share) -> None:
        """A share was passed on."""
        mine = self._shard(share.shard)
        rows = rows_of(share)
        mine.journal.add(share, rows)
        if self.compaction is not None:
            self.compaction.expect(rows)

    def pack_one(self) -> None:
        """Pack a portion of a journal, where one is full; the flow calls it between two batches, if it does."""
        try:
            portion = self._full.popleft()
        except IndexError:
            return
        portion.pack()

    def _pack_later(self, portion: Portion) -> None:
        self._full.append(portion)
        if len(self._full) > MOST_FULL:
            self._pool.submit(self.pack_one)

    def seal(self, number: int, shard: int, freeze: Callable[[], dict[str, Any]]) -> None:
        """The journal of a checkpoint ends here, unless the one before is still being written."""
        mine = self._shard(shard)
        with self._safe:
            if number == self._left_out or not self._begun(number):
                return
            found = self._round
            if found is not None:
                found.awaited |= {(shard, what) for what in ("kept", *self.sinks)}
            mine.sealed = mine.journal.take()
            self._full.clear()   # what is still to be packed of it is packed by whoever writes it
            mine.freeze = freeze

    def _begun(self, number: int) -> bool:
        """Whether the checkpoint is under way; otherwise it will not count, and its rows belong to the next."""
        self._safe.wait_for(lambda: self._may_begin(number), LONGEST_WAIT_S if self.is_last(number) else 0)
        now = self._round
        if now is not None and not self._may_begin(number):
            self._left_out = number
            waited = time.monotonic() - now.begun
            if waited > LONGEST_WAIT_S:
                self.failure = f"checkpoint {now.number} is not written after {waited:.0f} s"
            return False
        if now is None or now.number != number:
            awaited = {(shard, what) for shard in self.shards for what in ("kept", *self.sinks)}
            self._round = _Round(number, time.monotonic(), awaited=awaited)
        return True

    def _may_begin(self, number: int) -> bool:
        now = self._round
        return now is None or now.number == number or now.ended

    def keep(self, shard: int, keys: Sequence[KeyRollup]) -> None:
        """The epoch ends for the roll-ups of a shard."""
        mine = self._shard(shard)
        mine.size_bytes = sum(key.state.size_bytes for key in keys)
        if self.watch is not None:
            self.watch.sized(shard, sum(key.state.entities for key in keys), mine.size_bytes)
        if self._starts and all(each.size_bytes for each in self.shards.values()):
            self._starts = False
            self._pool.submit(self._consider, starts=True)
        found = self._round
        if mine.freeze is None or found is None:
            return
        held, mine.freeze = mine.freeze()["held"], None
        found.kept[shard] = mine.sealed, held
        mine.sealed = []
        self._reported(shard, "kept")

    def awaits(self, shard: int, sink: str) -> bool:
        """Whether a checkpoint waits for the sink."""
        return self._round is not None and (shard, sink) in self._round.awaited

    def flushed(self, shard: int, sink: str) -> None:
        """A sink is safe."""
        self._reported(shard, sink)

    def settle(self) -> None:
        """Wait until what was reported is written."""
        self._pool.submit(int).result()

    def close(self) -> None:
        """Wait for the file that is being written; what is being made beside the flow is given up."""
        self._pool.shutdown(wait=True)
        self._bases.clear()
        if self.compaction is not None:
            self.compaction.close()

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
            self._pace.begin(hurries=self.is_last(found.number))
            rest = self._pace.rest
            parts = {shard: packed((written(rows, rest), held, self.partitions), rest) for shard, (rows, held) in found.kept.items()}
            rows = {shard: sum(portion.rows for portion in portions) for shard, (portions, _) in found.kept.items()}
            links = self.checkpoints.write_parts(found.number, self.index, parts, rows)
            if self.compaction is not None:
                # it is there, whether the note below can be written or not
                for shard, chain in self.compaction.taken({shard: mine.links for shard, mine in list(self.shards.items())}).items():
                    self.shards[shard].links = chain
            chains = {s: [*mine.links, *([links[s]] if s in links else [])] for s, mine in list(self.shards.items())}
            held = sum(piece.batch.num_rows for _, pieces in found.kept.values() for piece in pieces)
            self.checkpoints.note_shards(found.number, self.index, chains, held)
            for shard, chain in chains.items():
                self.shards[shard].links = chain
            self.written_bytes += sum(part.size for part in parts.values())
            self.failure = None
            self._consider()
        # whatever it is, no row may be missing from the next one
        except Exception as error:  # noqa: BLE001
            for shard, (portions, _) in found.kept.items():
                # what could not be written is a part of the next one
                self.shards[shard].journal.put_back(portions)
            self.failure = str(error) or repr(error)
        finally:
            found.kept.clear()
            with self._safe:
                found.ended = True
                self._safe.notify_all()

    def _consider(self, *, starts: bool = False) -> None:
        """Have made what the chains need."""
        if self.compaction is not None:
            shards = dict(self.shards)
            sizes = {shard: mine.size_bytes for shard, mine in shards.items()}
            self.compaction.consider({shard: mine.links for shard, mine in shards.items()}, sizes, starts=starts)

    def _shard(self, shard: int) -> _Shard:
        found = self.shards.get(shard)
        if found is None:
            found = self.shards[shard] = _Shard(Journal(shard, self._pack_later))
        return found

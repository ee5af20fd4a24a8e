"""Keeps what a start has to read short: decides of which links of the shards a whole state is made, or one link, and has it made meanwhile.

A shard's rows grow behind its whole state with every checkpoint. Promises that nobody waits: one order is made at a time, by `maker`, in a
thread of its own; what was made is taken by whoever writes the next checkpoint. Where it fails, `trouble` says so and it is tried again
behind the next one; the links only get more until then.
"""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from headrace.errors import HeadraceError

from .making import Order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .checkpoints import Checkpoints, Link

SHORTEST_ROWS = 500_000
"""Fewer rows are never a reason for a whole state: a start applies them in half a second, and the flow has the processors to itself."""
READY_ROWS = 10_000
"""Behind so many rows the maker gets ready: soon, since to start takes it two seconds of a processor."""
ROW_BYTES = 128
"""A whole state is made when there is a row behind the last one for so many bytes of it: a start spends about as long on the one as on
the other, and what is written stays in proportion to what came."""
AT_START = 0.5
"""At a start one is made when half as much has come, at once and without rests: the flow is behind then anyway, and nobody waits for a
step of that moment. So it is not due in the middle of the run."""
MOST_LINKS = 20
HURRY, FAR_BEHIND = 1.5, 4
"""So many times the rows that a whole state is due at, and the maker takes no rests; so many times, and it is said."""


class Maker(Protocol):
    """Who makes what is ordered; `make` blocks until it is written, and raises what keeps it from that. `close` ends it at once."""

    def begin(self) -> None:
        """Something will be ordered."""
        ...

    def hurry(self, much: bool) -> None:
        """Whether it may take processors from others."""
        ...

    def make(self, order: Order) -> Link:
        """Make it; the link to it."""
        ...

    def close(self) -> None:
        """Nothing is ordered any more."""
        ...


class Compaction:
    """The orders of one process; `consider` and `taken` are called by the one thread that writes its checkpoints."""

    def __init__(self, checkpoints: Checkpoints, maker: Maker) -> None:
        self.checkpoints, self.maker = checkpoints, maker
        self.states = self.joined = self.written_bytes = 0
        self.seconds = 0.0
        self.failure: str | None = None
        self.behind: str | None = None
        self._made: tuple[Order, Link] | None = None
        self._is_busy = self._is_ready = False
        self._expected = 0
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="headrace-compact")

    @property
    def trouble(self) -> str | None:
        """What goes wrong and is tried again."""
        return self.failure or self.behind

    def expect(self, rows: int) -> None:
        """So many rows more are on their way: the maker gets ready where there will be something to make."""
        self._expected += rows
        if self._expected >= READY_ROWS and not self._is_ready:
            self._is_ready = True
            self._pool.submit(self._get_ready)

    def _get_ready(self) -> None:
        # what is wrong with it, the first order will say
        with contextlib.suppress(Exception):
            self.maker.begin()

    def consider(self, links: Mapping[int, Sequence[Link]], sizes: Mapping[int, int], *, starts: bool = False) -> None:
        """Order what is most needed; `sizes` are the bytes of the shards' states. It `starts` where the flow has only just begun."""
        needs = {shard: _rows(chain) / max(SHORTEST_ROWS, sizes.get(shard, 0) // ROW_BYTES) for shard, chain in links.items() if chain}
        most = max(needs, key=lambda shard: needs[shard], default=-1)
        rows = sum(_rows(chain) for chain in links.values())
        far = most >= 0 and needs[most] >= FAR_BEHIND
        self.maker.hurry(most >= 0 and needs[most] >= HURRY)
        self.behind = f"whole states are made too slowly: a start would have {rows:,} rows to apply" if far else None
        if self._is_busy or self._made is not None or self._closed.is_set():
            return
        if most >= 0 and needs[most] >= (AT_START if starts else 1):
            self._order(most, links[most], whole=True, hurries=starts)
            return
        longest = max(links, key=lambda shard: len(links[shard]), default=-1)
        if longest >= 0 and len(links[longest]) > MOST_LINKS:
            self._order(longest, tail(links[longest]), whole=False)

    def _order(self, shard: int, links: Sequence[Link], *, whole: bool, hurries: bool = False) -> None:
        order = Order(shard, tuple(links), whole, self.checkpoints.made_name(links[-1].number, shard), hurries)
        self._is_busy = True
        self._pool.submit(self._make, order)

    def _make(self, order: Order) -> None:
        begun = time.monotonic()
        try:
            link = self.maker.make(order)
        # whatever it is, there is nobody else to tell it to
        except Exception as error:  # noqa: BLE001
            if not self._closed.is_set():
                self.failure = f"a whole state cannot be made beside the flow: {error if isinstance(error, HeadraceError) else repr(error)}"
        else:
            self.failure = None
            self.seconds += time.monotonic() - begun
            self.states, self.joined = self.states + order.whole, self.joined + (not order.whole)
            self.written_bytes += link.size
            self._made = order, link
        finally:
            self._is_busy = False

    def taken(self, links: Mapping[int, Sequence[Link]]) -> dict[int, list[Link]]:
        """The chains of the shards, with what was made in the place of what it was made of."""
        found = {shard: list(chain) for shard, chain in links.items()}
        made, self._made = self._made, None
        if made is not None:
            order, link = made
            chain = found[order.shard]
            at = chain.index(order.links[0])
            chain[at : at + len(order.links)] = [link]
        return found

    def settle(self) -> None:
        """Wait until what was ordered is made, or is not."""
        self._pool.submit(int).result()

    def close(self) -> None:
        """End what is being made; nothing is lost by it."""
        self._closed.set()
        self.maker.close()
        self._pool.shutdown(wait=True)


def _rows(chain: Sequence[Link]) -> int:
    return sum(link.rows for link in chain)


def tail(chain: Sequence[Link]) -> list[Link]:
    """The last links that are made one: from the first that is no larger than all behind it, so that none is written over and over."""
    behind = 0
    at = len(chain) - 1
    for i in range(len(chain) - 1, -1, -1):
        if chain[i].is_base:
            break
        if chain[i].size <= behind:
            at = i
        behind += chain[i].size
    return list(chain[min(at, len(chain) - 2) :])

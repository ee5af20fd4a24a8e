"""The rows that a shard has applied since its last checkpoint, packed as they come.

Promises that to apply rows is to put a share into a list: portions are packed a little at a time, by whom the keeper chooses, so that a
checkpoint finds most of its work done. What is packed takes a fraction of the memory. The rows come back as one share, in their order.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.running.pace import never
from headrace.running.packing import packed, unpacked
from operators.shares import Share, merged, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MOST_SHARES, MOST_ROWS = 32, 16_384
"""So many shares or rows are packed as one."""
TURNS = 4
"""Shards have their portions full at different times."""


@dataclass(slots=True)
class Portion:
    """Some rows: shares until they are packed."""

    shares: list[Share]
    rows: int
    data: bytes = b""

    def pack(self) -> None:
        """Pack them, unless that is done."""
        if not self.shares:
            return
        self.data = b"".join(memoryview(buffer) for buffer in packed(merged(self.shares)).buffers)
        while self.shares:
            # one by one, so that the interpreter is not held while all of their memory goes back
            self.shares.pop()


@dataclass(slots=True)
class Journal:
    """The journal of a shard; `later` has a portion that is full packed some time."""

    shard: int
    later: Callable[[Portion], Any]
    portions: list[Portion] = field(default_factory=list)
    loose: list[Share] = field(default_factory=list)
    rows: int = 0
    skipped: int = field(init=False)

    def __post_init__(self) -> None:
        self._skip()

    def _skip(self) -> None:
        self.skipped = self.shard % TURNS * (MOST_SHARES // TURNS)

    def add(self, share: Share, rows: int) -> None:
        """A share was applied, which has so many rows."""
        self.loose.append(share)
        self.rows += rows
        many = self.rows >= MOST_ROWS
        if many or len(self.loose) + self.skipped >= MOST_SHARES:
            portion = self._cut()
            self.skipped = 0
            if many:
                self._skip()   # those of others are probably full as well
            self.later(portion)

    def _cut(self) -> Portion:
        portion = Portion(self.loose, self.rows)
        self.portions.append(portion)
        self.loose, self.rows = [], 0
        return portion

    def take(self) -> list[Portion]:
        """All of it; the journal is empty then."""
        if self.loose:
            self._cut()
        found, self.portions = self.portions, []
        self._skip()   # all shards begin anew at once
        return found

    def put_back(self, portions: Iterable[Portion]) -> None:
        """What could not be written comes before what was added since."""
        self.portions[:0] = portions


def written(portions: Iterable[Portion], rest: Callable[[], None] = never) -> tuple[pickle.PickleBuffer, ...]:
    """Portions as a checkpoint keeps them; with a `rest` between them."""
    found = []
    for portion in portions:
        portion.pack()
        rest()
        found.append(pickle.PickleBuffer(portion.data))
    return tuple(found)


def read(portions: Sequence[Any], where: str) -> list[Share]:
    """The rows of portions that were read back from the file `where`, in their order. Raises `Damaged`."""
    return [unpacked(portion, where) for portion in portions]


def portions_of(shares: Iterable[Share]) -> Iterator[Portion]:
    """Shares as what `written` takes: portions that are about full, since whoever applies one rests behind it."""
    loose: list[Share] = []
    rows = 0
    for share in shares:
        loose.append(share)
        rows += rows_of(share)
        if rows >= MOST_ROWS:
            yield Portion(loose, rows)
            loose, rows = [], 0
    if loose:
        yield Portion(loose, rows)

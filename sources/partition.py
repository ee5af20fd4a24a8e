"""One partition on its way from Kafka to the shards: what was read, judged, and is not yet sent.

As long as a reader is behind the end of its log, rows wait here until every partition has come to their arrival; `place` is where what was
sent ends, so that a checkpoint leaves what waits to be read again. Promises rows in the order of the log.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from operators.kernels.tables import MIN64
from operators.keys import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from operators.kernels.tables import Array
    from operators.shard import Accepted


@dataclass(slots=True)
class Place:
    """Where the reading of a partition goes on: the next offset, the running arrival, the newest accepted event time.

    `is_live`: its messages were stamped as they came, so that in a silence the wall says how late it is.
    """

    offset: int
    arrival_us: int = MIN64
    newest_us: int = MIN64
    is_live: bool = False


@dataclass(slots=True)
class Kept:
    """Accepted rows of one partition with their offsets, times, arrivals and the newest accepted event time behind each."""

    batch: pa.RecordBatch
    offsets: Array
    times: Array
    arrivals: Array
    newest: Array

    def slice(self, start: int, stop: int) -> Kept:
        """Some of the rows."""
        columns = (column[start:stop] for column in (self.offsets, self.times, self.arrivals, self.newest))
        return Kept(self.batch.slice(start, stop - start), *columns)


@dataclass(slots=True)
class Partition:
    """`place` is behind what was sent, `read` behind what was taken from Kafka; `ordinal` is its number among everybody's."""

    source: str
    number: int
    ordinal: int
    place: Place
    read: Place = field(default_factory=lambda: Place(0))
    waiting: deque[Kept] = field(default_factory=deque)
    waiting_rows: int = 0
    paused: bool = False

    def __post_init__(self) -> None:
        self.read = self.place

    def keep(self, batch: pa.RecordBatch, offsets: Array, times: Array, arrivals: Array, newest_before: int) -> None:
        """Take accepted rows."""
        newest = np.maximum(np.maximum.accumulate(times), newest_before)
        self.waiting.append(Kept(batch, offsets, times, arrivals, newest))
        self.waiting_rows += len(offsets)

    def release(self, upto_us: int | None) -> list[Kept]:
        """The rows that arrived up to a log time, all of them for None; the place goes on behind them."""
        found = []
        while self.waiting:
            first = self.waiting[0]
            due = len(first.arrivals) if upto_us is None else int(np.searchsorted(first.arrivals, upto_us, side="right"))
            if not due:
                break
            found.append(first if due == len(first.arrivals) else first.slice(0, due))
            self.waiting_rows -= due
            if due < len(first.arrivals):
                self.waiting[0] = first.slice(due, len(first.arrivals))
                break
            self.waiting.popleft()
        if not self.waiting:
            self.place = self.read
        elif found:
            last = found[-1]
            self.place = Place(int(last.offsets[-1]) + 1, int(last.arrivals[-1]), int(last.newest[-1]), self.read.is_live)
        return found


def keep(partitions: Sequence[Partition], accepted: Accepted, newest_before: Array) -> None:
    """Have the rows of several partitions wait; `newest_before` are their newest event times before these."""
    start = 0
    for partition, stop, before in zip(partitions, accepted.ends.tolist(), newest_before.tolist(), strict=True):
        if stop > start:
            batch, times, arrivals = accepted.batch.slice(start, stop - start), accepted.times[start:stop], accepted.arrivals[start:stop]
            newest = np.maximum(np.maximum.accumulate(times), before)
            partition.waiting.append(Kept(batch, words_of(batch.column("_offset")), times, arrivals, newest))
            partition.waiting_rows += stop - start
        start = stop

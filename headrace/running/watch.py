"""What is known of a running flow: counts, places, delays, sizes. One for each process; safe to use from its threads.

It keeps numbers; lines for people, log lines and metrics are made of them elsewhere.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from operators.keys import words_of
from operators.messages import add_counts
from sinks.online import ARRIVAL

if TYPE_CHECKING:
    import pyarrow as pa

    from sources.reader import Ready

DELAY_BOUNDS_S = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


@dataclass(slots=True)
class Delays:
    """How long from a message's arrival until its step could be read, while the flow was caught up: a histogram in seconds.

    `buckets[i]` counts delays up to `DELAY_BOUNDS_S[i]`, the last one those above all.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(DELAY_BOUNDS_S) + 1))
    sum_s: float = 0.0
    last_s: float | None = None

    def add(self, delays_s: Any) -> None:
        """Count delays."""
        for bucket, n in enumerate(np.bincount(np.searchsorted(DELAY_BOUNDS_S, delays_s)).tolist()):
            self.buckets[bucket] += n
        self.sum_s += float(delays_s.sum())
        self.last_s = float(delays_s.max())


class Watch:
    """The numbers of one process."""

    def __init__(self) -> None:
        self.began = time.time()
        self.counts: dict[str, int] = {}
        self.rows = 0
        self.steps: dict[str, int] = {}
        self.stored: dict[str, int] = {}
        self.delays = Delays()
        self.caught_up = False
        self.caught_up_at: float | None = None
        self.checkpoint: dict[str, Any] | None = None
        self.trouble: str | None = None
        self.state: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def gave(self, ready: Ready) -> None:
        """A batch went into the flow."""
        with self._lock:
            self.rows += ready.rows
            add_counts(self.counts, ready.counts)
            if ready.caught_up and not self.caught_up:
                self.caught_up, self.caught_up_at = True, time.time()

    def counted(self, counts: dict[str, int]) -> None:
        """A shard has counted."""
        with self._lock:
            add_counts(self.counts, counts)

    def counted_by_now(self) -> dict[str, int]:
        """A copy of the counts."""
        with self._lock:
            return dict(self.counts)

    def wrote(self, group: str, batch: pa.RecordBatch, steps: int) -> None:
        """The stores have these, the newest of so many steps."""
        with self._lock:
            self.steps[group] = self.steps.get(group, 0) + steps
            self.stored[group] = self.stored.get(group, 0) + batch.num_rows
            if self.caught_up_at is not None and batch.num_rows:
                arrivals = words_of(batch.column(ARRIVAL)) / 1e6
                # what waited in the log while the flow was behind says nothing of the way
                fresh = arrivals[arrivals >= self.caught_up_at]
                if len(fresh):
                    self.delays.add(np.maximum(time.time() - fresh, 0.0))

    def sized(self, shard: int, entities: int, size_bytes: int) -> None:
        """How large a shard's state is."""
        self.state[shard] = (entities, size_bytes)

    @property
    def entities(self) -> int:
        """Entities in the state of this process, over all keys."""
        return sum(entities for entities, _ in self.state.values())

    @property
    def state_bytes(self) -> int:
        """Bytes of that state."""
        return sum(size for _, size in self.state.values())

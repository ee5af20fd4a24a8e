"""Rows kept in memory, for a notebook or a test.

Promises every batch that the flow finished, by group, once the flow has ended; their order across shards is the caller's to make.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from bytewax.operators import StatefulBatchLogic

from operators.messages import End, Rows, add_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa


class Collected:
    """What the shards of one process have written. Safe to add to from several threads."""

    def __init__(self) -> None:
        self.batches: dict[int, list[pa.RecordBatch]] = {}
        self.counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, item: Rows | End) -> None:
        """Keep rows, or the counts of a slice."""
        with self._lock:
            add_counts(self.counts, item.counts)
            if isinstance(item, Rows):
                self.batches.setdefault(item.group, []).append(item.batch)

    def step(self, resume: Any) -> Collect:  # noqa: ARG002  # Bytewax's signature
        """The builder of the flow's step."""
        return Collect(self)


class Collect(StatefulBatchLogic[Rows | End, Any, None]):
    """The step of one shard."""

    def __init__(self, into: Collected) -> None:
        self.into = into

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Keep what comes."""
        for value in values:
            self.into.add(value)
        return [], False

    def snapshot(self) -> None:
        """Nothing outlives the process."""
        return

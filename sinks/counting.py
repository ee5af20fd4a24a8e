"""What the shards of a flow have counted, told to whoever watches it: a step of the flow.

Promises every count of the roll-up and of the finish once; what readers count they tell themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bytewax.operators import StatefulBatchLogic

from operators.messages import End, Rows, add_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "counts"


class Counter(Protocol):
    """Who is told of counts by name; called by the workers' threads."""

    def counted(self, counts: dict[str, int]) -> None:
        """A shard has counted."""
        ...


class CountStep(StatefulBatchLogic["Rows | End", Any, None]):
    """Tells the counts of the shards that come its way."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Tell what was counted in these."""
        counts: dict[str, int] = {}
        for value in values:
            add_counts(counts, value.counts)
        if counts:
            self.counter.counted(counts)
        return [], False

    def snapshot(self) -> None:
        """Nothing outlives the process."""
        return

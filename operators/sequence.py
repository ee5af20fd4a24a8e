"""sequence: put the pieces of a slice in the order of their places, once every reader has ended the slice.

Promises that a slice leaves whole and only when the marks of all readers are there; relies on the readers to send every piece of a slice
before its mark. One instance per shard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bytewax.operators import StatefulBatchLogic

from operators.messages import Facts, Mark, Piece, Slice, add_counts

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sequence(StatefulBatchLogic[Any, Slice, int]):
    """Gathers one slice at a time; a slice that began early waits its turn."""

    def __init__(self, readers: int) -> None:
        self.readers = readers
        self.pieces: dict[int, list[Piece]] = {}
        self.marks: dict[int, int] = {}
        self.facts: dict[int, Facts] = {}
        self.counts: dict[int, dict[str, int]] = {}
        self.done = 0

    def on_batch(self, values: list[Piece | Mark]) -> tuple[Iterable[Slice], bool]:
        """Take pieces and marks; give the slices that they complete."""
        out = []
        for value in values:
            if isinstance(value, Piece):
                self.pieces.setdefault(value.slice, []).append(value)
                continue
            self.marks[value.slice] = self.marks.get(value.slice, 0) + 1
            add_counts(self.counts.setdefault(value.slice, {}), value.counts or {})
            if value.facts is not None:
                self.facts[value.slice] = value.facts
            if self.marks[value.slice] == self.readers:
                pieces = self.pieces.pop(value.slice, [])
                pieces.sort(key=lambda piece: piece.order)
                del self.marks[value.slice]
                out.append(Slice(value.slice, value.shard, pieces, self.facts.pop(value.slice), self.counts.pop(value.slice)))
                self.done = value.slice
        return out, False

    def snapshot(self) -> int:
        """Nothing is held across an epoch; the state of a replay is kept by the roll-up."""
        return self.done

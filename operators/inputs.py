"""From the merged rows of a slice to what the kernels apply.

Promises that the rows of each shard stand together, those of a slice of steps with a row of nobody behind them that moves the clock. It
adds unknown entities and texts to the states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.arrow import pc
from operators.buffers import OUTPUT, zeros
from operators.cells import input_words
from operators.kernels import tables as t
from operators.keys import NO_DATA, NO_OFFSETS, key_bytes
from operators.layout import value_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operators.kernels.tables import Array
    from operators.layout import Layout
    from operators.merged import Merged
    from operators.messages import Facts
    from operators.state import KeyState

Places = Any
"""Where rows stand among those that are applied: a slice or their numbers."""


class Inputs:
    """What is applied of the rows of one key to the states of their shards."""

    def __init__(self, merged: Merged, states: Sequence[KeyState], layout: Layout, clock_of: Sequence[int]) -> None:
        """`clock_of` are the numbers of the groups' clocks."""
        self.merged, self.states, self.layout, self.clock_of = merged, states, layout, clock_of
        self.ticks = int(layout.mode == t.STEPS)
        self.n = merged.n + self.ticks * len(states)
        self.stops = [end + self.ticks * number for number, end in enumerate(merged.ends, 1)]
        self.places: Places = slice(0, merged.n)
        if self.ticks and len(states) > 1:
            self.places = np.arange(merged.n) + np.repeat(np.arange(len(states)), np.diff([0, *merged.ends]))

    def rows(self, facts: Facts) -> t.Rows | None:
        """The rows; None where there are none."""
        merged, layout, n = self.merged, self.layout, self.n
        if not n:
            return None
        # what a row's source does not bring is read by no track of it
        values = OUTPUT.take((max([1, *(len(s) for s in layout.slots.values())]), n), np.int64)
        passes = OUTPUT.take((max(len(s) for s in layout.filters.values()), n), np.uint8)
        missing = early = zeros(n)
        if not merged.n:
            entity, source, time, arrival = (np.full(n, word, np.int64) for word in (-1, -2, 0, facts.tick + 1))
        else:
            arrival = merged.arrival if facts.floor == t.MIN64 else np.maximum(merged.arrival, facts.floor)
            entity, source = self._with_ticks(self._entities(), -1), self._with_ticks(merged.source, -2)
            time, arrival = self._with_ticks(merged.time, 0), self._with_ticks(arrival, facts.tick + 1)
            if merged.early is not None:
                early = self._with_ticks(merged.early, 0)
            found = {name: self._bring(name, values, passes) for name in layout.sources if name in merged.sources}
            missing = self._missing(found, values.shape)
        return t.Rows(entity, source, time, arrival, values, missing, passes, self._passed(source, arrival, facts), early)

    def _with_ticks(self, column: Array, tick: int) -> Array:
        """A column of the rows with that of the ticks between."""
        if not self.ticks:
            return column
        out: Array = np.empty(self.n, column.dtype)
        out[self.places] = column
        for stop in self.stops:
            out[stop - 1] = tick
        return out

    def _entities(self) -> Array:
        """The records of the rows' entities in the states of their shards."""
        merged = self.merged
        known = (merged.source >= 0).view(np.uint8)
        exact = self.states[0].exact_hash
        offsets, data = (NO_OFFSETS, NO_DATA) if exact else key_bytes(merged.keys)
        found, start = [], 0
        for state, stop in zip(self.states, merged.ends, strict=True):
            if stop > start:
                own = offsets if exact else offsets[start : stop + 1]
                found.append(state.find(merged.hashes[start:stop], known[start:stop], own, data))
            start = stop
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _passed(self, source: Array, arrival: Array, facts: Facts) -> Array:
        """The newest refresh instant that each group's clock has passed before each row; rows of events ask for none."""
        groups, n = len(self.layout.groups), len(arrival)
        if self.layout.mode == t.EVENTS:
            return np.zeros((groups, 0), np.int64)
        passed = np.full((groups, n), t.MIN64, np.int64)
        if facts.clocks:
            # a refresh comes behind the events of its arrival and before the probes;
            # a probe that asks for what stood before t comes first of all
            at = arrival - np.where((source == -1) & ~self.merged.before_flag(n), 0, 1)
            for g, clock in enumerate(self.clock_of):
                passed[g] = facts.clocks[clock].passed(at)
        return passed

    def _places_of(self, source: str) -> Places:
        """Where the rows of a source stand, in their own order."""
        rows = self.merged.rows_of(source)
        if isinstance(self.places, slice):
            return rows
        return self.places if isinstance(rows, slice) else self.places[rows]

    def _bring(self, name: str, values: Array, passes: Array) -> dict[int, Array]:
        """Write what a source brings; returns by slot which of its rows are null, where some are."""
        at = self._places_of(name)
        missing = {}
        for slot, column in enumerate(self.layout.slots[name]):
            words, is_null = self._words(name, column)
            values[slot, at] = words
            if is_null is not None:
                missing[slot] = is_null
        for slot, column in enumerate(self.layout.filters[name]):
            passes[slot, at] = pc.fill_null(self.merged.column(name, column), False).to_numpy(zero_copy_only=False)
        return missing

    def _words(self, source: str, name: str) -> tuple[Array, Array | None]:
        """A column of a source as words, and a byte a row where it has nulls; each shard has its own numbers for texts."""
        column, kind = self.merged.column(source, name), value_type(self.layout.types[name])
        if len(self.states) == 1 or kind != t.VT_STRING:
            return input_words(column, kind, self.states[0].texts)
        found, start = [], 0
        for state, stop in zip(self.states, self.merged.source_ends[source], strict=True):
            found.append(input_words(column.slice(start, stop - start), kind, state.texts))
            start = stop
        words, nulls = zip(*found, strict=True)
        if not column.null_count:
            return np.concatenate(words), None
        known = [np.zeros(len(w), np.uint8) if is_null is None else is_null for w, is_null in zip(words, nulls, strict=True)]
        return np.concatenate(words), np.concatenate(known)

    def _missing(self, found: dict[str, dict[int, Array]], shape: tuple[int, ...]) -> Array:
        """Which inputs are null, slots × rows, from those of each source."""
        slots, rows = shape
        if not any(found.values()):
            return zeros(rows, slots)
        missing = np.zeros(shape, np.uint8)
        for name, nulls in found.items():
            at = self._places_of(name)
            for slot, is_null in nulls.items():
                missing[slot, at] = is_null
        return missing

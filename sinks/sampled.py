"""Some entities of a flow, taken at random, and where their newest event stands: what a store should have seen.

Promises the same entities for the same seed, in whatever batches and order of shards their steps come: those whose hash, mixed with the
seed, is the least. Steps that have seen an arrival from `before_us` on are left out. An event is known by another number of events in the
step: one that follows so late that its entity counts from 1 anew, behind another that was alone, passes for a step of the clock. Memory is
proportional to the number of entities that are wanted. Safe to add to from several threads.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import numpy as np

from headrace.arrow import array
from operators.keys import key_hashes, words_of
from sinks.online import ARRIVAL, N
from sinks.standing import Stand, entities_of
from sinks.stores import as_steps

if TYPE_CHECKING:
    from typing import Any

    import pyarrow as pa

    from operators.kernels.tables import Array
    from operators.messages import Rows
    from sinks.online import StepTable
    from sinks.standing import Entity

Newest = tuple[int, int]
"""The arrival (µs) of an entity's newest event, and how many events are in its step."""
MIXED = np.uint64(0x9E3779B97F4A7C15)
"""Odd, with bits of no pattern: what spreads the lower bits of a hash over the upper ones."""


class Sampled:
    """`n` entities of group number `group` of a plan: `newest` by entity, the values of its keys."""

    def __init__(self, table: StepTable, group: int, before_us: int, n: int, seed: int) -> None:
        self.table, self.group, self.before_us, self.n = table, group, before_us, n
        self.newest: dict[Entity, Newest] = {}
        self._salt = np.uint64(random.Random(seed).getrandbits(64))
        self._ranks: dict[Entity, int] = {}
        self._most = np.uint64(2**64 - 1)
        self._lock = threading.Lock()

    def add(self, rows: Rows) -> None:
        """Look through steps; within a shard the later ones are the newer."""
        batch = as_steps(self.table, rows.batch)
        if not batch.num_rows:
            return
        ranks = self._ranked(batch)
        before = words_of(batch.column(ARRIVAL)) < self.before_us
        least = np.unique(ranks[before])[: self.n]
        if not len(least):
            return
        mine = np.flatnonzero(before & (ranks <= min(least[-1], self._most)))
        batch, found = batch.take(array(mine)), ranks[mine].tolist()
        places = zip(words_of(batch.column(ARRIVAL)).tolist(), words_of(batch.column(N)).tolist(), strict=True)
        with self._lock:
            for entity, place, rank in zip(entities_of(self.table, batch), places, found, strict=True):
                if self.newest.get(entity, (0, 0))[1] != place[1]:
                    self.newest[entity] = place
                self._ranks[entity] = rank
            if len(self._ranks) > self.n:
                self._narrow()

    def step(self, resume: Any) -> Stand:  # noqa: ARG002  # Bytewax's signature
        """The builder of the flow's step."""
        return Stand(self)

    def _ranked(self, batch: pa.RecordBatch) -> Array:
        hashes = key_hashes([batch.column(name) for name in self.table.keys.names]).view(np.uint64) ^ self._salt
        mixed = (hashes ^ (hashes >> np.uint64(32))) * MIXED
        found: Array = mixed ^ (mixed >> np.uint64(29))
        return found

    def _narrow(self) -> None:
        """Leave those of the least rank: no other can be among them any more."""
        left = sorted(self._ranks.items(), key=lambda each: each[1])[: self.n]
        self._ranks = dict(left)
        self.newest = {entity: self.newest[entity] for entity in self._ranks}
        self._most = np.uint64(left[-1][1])

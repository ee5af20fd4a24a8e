"""The steps in which some entities stood at given places of the log: what a replay says where an online store was looked at.

Promises for each wanted entity of one group its last step whose (arrival, n, time) is not behind the place. Where that one has seen less
and a step of the same arrival and n is behind the place, it is the first of these: a partition that comes later than the others lets a live
clock stand still, and a late event is evaluated at an earlier instant then, to the same values as soon as the clock has passed. Memory is
proportional to the entities that are wanted. Safe to add to from several threads. Within a shard the later row of an entity is the newer.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.arrow import pc
from operators.keys import words_of
from operators.messages import Rows
from sinks.online import ARRIVAL, TIME, N
from sinks.stores import as_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from operators.messages import End
    from sinks.online import StepTable

Entity = tuple[Any, ...]
Place = tuple[int, int, int]
"""The place of a step: arrival (µs), n, the instant at which its windows were evaluated (µs)."""


class Standing:
    """What is looked for in group number `group` of a plan, and what was found: `places` and `steps` by entity, the values of its keys."""

    def __init__(self, table: StepTable, group: int, wanted: pa.RecordBatch) -> None:
        """`wanted` has the columns of the table: one step for each entity."""
        self.table, self.group = table, group
        self.places = dict(zip(entities_of(table, wanted), places_of(wanted), strict=True))
        self.steps: dict[Entity, dict[str, Any]] = {}
        self._found: dict[Entity, Place] = {}
        self._keys = [wanted.column(name) for name in table.keys.names]
        self._lock = threading.Lock()

    def add(self, rows: Rows) -> None:
        """Look through steps."""
        batch = as_steps(self.table, rows.batch)
        mine = pc.is_in(batch.column(0), value_set=self._keys[0])
        for at, known in enumerate(self._keys[1:], start=1):
            mine = pc.and_(mine, pc.is_in(batch.column(at), value_set=known))
        batch = batch.filter(mine)
        found: dict[Entity, int] = {}
        entities, places = entities_of(self.table, batch), places_of(batch)
        for at, (entity, place) in enumerate(zip(entities, places, strict=True)):
            wanted = self.places.get(entity)
            if wanted is None:
                continue
            if place <= wanted or (place[:2] == wanted[:2] and self._found.get(entity, place[:0])[:2] != wanted[:2]):
                # an entity is in one shard, whose steps come in order
                found[entity], self._found[entity] = at, place
        steps = batch.take(pa.array(list(found.values()), pa.int64())).to_pylist()
        with self._lock:
            self.steps |= dict(zip(found, steps, strict=True))

    def step(self, resume: Any) -> Stand:  # noqa: ARG002  # Bytewax's signature
        """The builder of the flow's step."""
        return Stand(self)


class Looking(Protocol):
    """Who looks through the steps of one group."""

    group: int

    def add(self, rows: Rows) -> None:
        """Look through these."""
        ...


class Stand(StatefulBatchLogic["Rows | End", Any, None]):
    """The step of one shard."""

    def __init__(self, into: Looking) -> None:
        self.into = into

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Look through what comes."""
        for value in values:
            if isinstance(value, Rows) and value.group == self.into.group:
                self.into.add(value)
        return [], False

    def snapshot(self) -> None:
        """Nothing outlives the process."""
        return


def entities_of(table: StepTable, batch: pa.RecordBatch) -> list[Entity]:
    """The entity of each row."""
    return list(zip(*(batch.column(name).to_pylist() for name in table.keys.names), strict=True))


def places_of(steps: pa.RecordBatch) -> Sequence[Place]:
    """The place of each step."""
    return list(zip(*(words_of(steps.column(name)).tolist() for name in (ARRIVAL, N, TIME)), strict=True))

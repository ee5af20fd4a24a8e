"""The steps in which some entities stood at given places of the log: what a replay says where an online store was looked at.

Promises for each wanted entity of one group its last step whose (arrival, n, time) is not behind the place; memory is proportional to the
entities that are wanted. Safe to add to from several threads. Within a shard the later row of an entity is the newer one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

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
        for at in reversed(range(batch.num_rows)):
            entity = entities[at]
            wanted = self.places.get(entity)
            if wanted is not None and entity not in found and places[at] <= wanted:
                found[entity] = at
        steps = batch.take(pa.array(list(found.values()), pa.int64())).to_pylist()
        with self._lock:
            self.steps |= dict(zip(found, steps, strict=True))

    def step(self, resume: Any) -> Stand:  # noqa: ARG002  # Bytewax's signature
        """The builder of the flow's step."""
        return Stand(self)


class Stand(StatefulBatchLogic["Rows | End", Any, None]):
    """The step of one shard."""

    def __init__(self, into: Standing) -> None:
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

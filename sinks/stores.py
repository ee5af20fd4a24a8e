"""The newest steps of a flow into online stores: a step of the flow for each shard.

Promises that what was written before a checkpoint is flushed before the checkpoint counts, so that a store is never behind one; writes may
be repeated, since a store keeps the newer step. Of several steps of an entity in one batch only the newest is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from operators.finish import CELL, kept_cells
from operators.messages import End, Rows
from sinks.online import TIME, StepTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headrace.plan.model import GroupPlan, KeyPlan, Plan
    from operators.live import Keeper
    from sinks.online import OnlineStore

NAME = "stores"


class Watcher(Protocol):
    """Who is told of what was written."""

    def wrote(self, group: str, batch: pa.RecordBatch) -> None:
        """The stores have these steps."""
        ...


def step_table(key: KeyPlan, group: GroupPlan) -> StepTable:
    """What a store keeps of a group: the features that stand in the step, and the cells that the others are finished from."""
    types = {c.id: c.type for c in group.cells}
    values = [(f.name, f.type) for f in group.features if f.static]
    values += [(CELL + c, types[c]) for c in kept_cells(group)]
    return StepTable(group.name, group.digest, pa.schema(list(zip(key.names, key.types, strict=True))), pa.schema(values))


def as_steps(table: StepTable, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Finished rows of the mode of steps as a store takes them."""
    columns = [batch.column("time" if name == TIME else name) for name in table.schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


class StoreStep(StatefulBatchLogic[Rows | End, Any, None]):
    """Writes the steps of one shard to every store."""

    def __init__(self, plan: Plan, stores: Sequence[OnlineStore], keeper: Keeper | None = None, watcher: Watcher | None = None) -> None:
        """Without a `keeper`, as in a replay, the stores are flushed by whoever opened them."""
        self.tables = [step_table(plan.keys[group.key], group) for group in plan.groups]
        self.stores, self.keeper, self.watcher = stores, keeper, watcher
        self.shard = -1

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Write what comes; blocks until the stores have it."""
        for value in values:
            if isinstance(value, End):
                self.shard = value.shard
                continue
            table = self.tables[value.group]
            batch = as_steps(table, value.batch)
            for store in self.stores:
                store.write(table, batch)
            if self.watcher is not None:
                self.watcher.wrote(table.group, batch)
        return [], False

    def snapshot(self) -> None:
        """Where a checkpoint waits, return when the stores would survive a crash."""
        if self.keeper is not None and self.keeper.awaits(self.shard, NAME):
            for store in self.stores:
                store.flush()
            self.keeper.flushed(self.shard, NAME)

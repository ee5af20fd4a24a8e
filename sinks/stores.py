"""The newest steps of a flow into online stores: a step of the flow for each shard.

Promises that what was written before a checkpoint is flushed before the checkpoint counts, so that a store is never behind one; writes may
be repeated, since a store keeps the newer step. Of several steps of an entity in one batch only the newest is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.arrow import array
from operators.finish import CELL, kept_cells
from operators.messages import End, Rows
from sinks.online import TIME, StepTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headrace.plan.model import GroupPlan, KeyPlan, Plan
    from operators.live import Keeper
    from sinks.online import OnlineStore

NAME = "stores"
HELD_ROWS = 32_768


class Watcher(Protocol):
    """Who is told of what was written."""

    caught_up: bool
    """Whether the flow has come to the end of its log."""

    def wrote(self, group: str, batch: pa.RecordBatch, steps: int) -> None:
        """The stores have these, the newest of so many steps."""
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

def newest(table: StepTable, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The last row of every entity, in the order of these rows."""
    whole = pa.Table.from_batches(list(batches)).combine_chunks()
    names = list(table.keys.names)
    numbered = whole.select(names).append_column("_number", array(np.arange(whole.num_rows)))
    last = numbered.group_by(names).aggregate([("_number", "max")]).column("_number_max")
    order = np.sort(last.to_numpy())
    columns = [whole.column(name).combine_chunks().take(array(order)) for name in whole.schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=whole.schema)


class StoreStep(StatefulBatchLogic[Rows | End, Any, None]):
    """Writes the steps of one shard to every store."""

    def __init__(self, plan: Plan, stores: Sequence[OnlineStore], keeper: Keeper | None = None, watcher: Watcher | None = None) -> None:
        """Without a `keeper`, as in a replay, the stores are flushed by whoever opened them."""
        self.tables = [step_table(plan.keys[group.key], group) for group in plan.groups]
        self.stores, self.keeper, self.watcher = stores, keeper, watcher
        self.held: dict[int, list[pa.RecordBatch]] = {}
        self.rows = 0
        self.shard = -1

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Write what comes; blocks until the stores have it. While a live flow is behind the end of its log, steps are held a while: few
        of them are the newest of their entity for long.
        """
        for value in values:
            if isinstance(value, End):
                self.shard = value.shard
                continue
            self.held.setdefault(value.group, []).append(as_steps(self.tables[value.group], value.batch))
            self.rows += value.batch.num_rows
        if self.watcher is None or self.watcher.caught_up or self.rows >= HELD_ROWS:
            self._write()
        return [], False

    def _write(self) -> None:
        held, self.held, self.rows = self.held, {}, 0
        for group, batches in held.items():
            table = self.tables[group]
            batch = newest(table, batches)
            for store in self.stores:
                store.write(table, batch)
            if self.watcher is not None:
                self.watcher.wrote(table.group, batch, sum(each.num_rows for each in batches))

    def snapshot(self) -> None:
        """Where a checkpoint waits, return when the stores would survive a crash."""
        if self.keeper is not None and self.keeper.awaits(self.shard, NAME):
            self._write()
            for store in self.stores:
                store.flush()
            self.keeper.flushed(self.shard, NAME)

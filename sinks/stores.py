"""The newest steps of a flow into online stores: a step of the flow for each shard.

Promises that what an epoch has written is flushed when its `snapshot` returns, so that a store is never behind a checkpoint; writes may be
repeated, since a store keeps the newer step. Of several steps of an entity in one batch only the newest is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from operators.finish import CELL, kept_cells
from operators.messages import End, Rows
from sinks.online import TIME, StepTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headrace.plan.model import GroupPlan, KeyPlan, Plan
    from sinks.online import OnlineStore


def step_table(key: KeyPlan, group: GroupPlan) -> StepTable:
    """What a store keeps of a group: the features that stand in the step, and the cells that the others are finished from."""
    types = {c.id: c.type for c in group.cells}
    values = [(f.name, f.type) for f in group.features if f.static]
    values += [(CELL + c, types[c]) for c in kept_cells(group)]
    return StepTable(group.name, group.digest, pa.schema(list(zip(key.names, key.types, strict=True))), pa.schema(values))


class StoreStep(StatefulBatchLogic[Rows | End, Any, None]):
    """Writes the steps of one shard to every store."""

    def __init__(self, plan: Plan, stores: Sequence[OnlineStore]) -> None:
        self.tables = [step_table(plan.keys[group.key], group) for group in plan.groups]
        self.stores = stores

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Write what comes; blocks until the stores have it."""
        for value in values:
            if isinstance(value, Rows):
                table = self.tables[value.group]
                batch = value.batch
                columns = [batch.column("time" if name == TIME else name) for name in table.schema.names]
                for store in self.stores:
                    store.write(table, pa.RecordBatch.from_arrays(columns, schema=table.schema))
        return [], False

    def snapshot(self) -> None:
        """Return when the stores would survive a crash."""
        for store in self.stores:
            store.flush()

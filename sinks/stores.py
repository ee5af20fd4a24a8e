"""The newest steps of a flow into online stores: a step of the flow for the shards that come one way.

Promises that what was written before a checkpoint is flushed before the checkpoint counts, so that a store is never behind one; writes may
be repeated, since a store keeps the newer step. Of several steps of an entity in one batch only the newest is written.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.arrow import by_name
from operators.finish import CELL, kept_cells
from operators.messages import End, Rows
from sinks.online import TIME, StepTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.plan.model import GroupPlan, KeyPlan, Plan
    from operators.live import Keeper
    from sinks.writer import StoreWriter

NAME = "stores"


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


def step_tables(plan: Plan) -> list[StepTable]:
    """The tables of all groups of a plan."""
    return [step_table(plan.keys[group.key], group) for group in plan.groups]


def as_steps(table: StepTable, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Finished rows of the mode of steps as a store takes them."""
    given = by_name(batch)
    columns = [given["time" if name == TIME else name] for name in table.schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)

class StoreStep(StatefulBatchLogic[Rows | End, Any, None]):
    """Writes steps to every store."""

    def __init__(self, plan: Plan, writer: StoreWriter, keeper: Keeper | None = None) -> None:
        """Without a `keeper`, as in a replay, the stores are flushed by whoever opened them."""
        self.tables = step_tables(plan)
        self.writer, self.keeper = writer, keeper
        self.shards: set[int] = set()

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Hand on what comes; blocks while too much waits to be written."""
        for value in values:
            if isinstance(value, End):
                self.shards.add(value.shard)
            else:
                self.writer.put(self.tables[value.group], as_steps(self.tables[value.group], value.batch))
        return [], False

    def snapshot(self) -> None:
        """Where a checkpoint waits, have it told when the stores would survive a crash."""
        if self.keeper is None:
            return
        for shard in self.shards:
            if self.keeper.awaits(shard, NAME):
                self.writer.flush_then(partial(self.keeper.flushed, shard, NAME))

"""The newest step of every entity, held until the end: what a replay brings into stores and topics before a live run goes on.

Promises one write a group and shard, of what stands at the end; memory is proportional to the entities. Within a shard the later row of an
entity is the newer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bytewax.operators import StatefulBatchLogic

from operators.messages import End, Rows
from sinks.stores import as_steps, step_tables
from sinks.writer import newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from headrace.plan.model import Plan
    from sinks.kafka import TopicStep
    from sinks.online import OnlineStore

HELD_ROWS = 262_144


class NewestStep(StatefulBatchLogic[Rows | End, Any, None]):
    """The step of one shard."""

    def __init__(self, plan: Plan, stores: Sequence[OnlineStore]) -> None:
        self.tables = step_tables(plan)
        self.stores = stores
        self.held: dict[int, list[pa.RecordBatch]] = {}
        self.rows: dict[int, int] = {}

    def on_batch(self, values: list[Rows | End]) -> tuple[Iterable[Any], bool]:
        """Hold rows; write what stands behind the last slice."""
        for value in values:
            if isinstance(value, Rows):
                self._hold(value)
            elif value.last:
                for group, held in self.held.items():
                    self._write(group, newest(self.tables[group], held))
                self.held = {}
        return [], False

    def _shaped(self, rows: Rows) -> pa.RecordBatch:
        """What is held of rows."""
        return as_steps(self.tables[rows.group], rows.batch)

    def _write(self, group: int, batch: pa.RecordBatch) -> None:
        for store in self.stores:
            store.write(self.tables[group], batch)

    def _hold(self, rows: Rows) -> None:
        table = self.tables[rows.group]
        held = self.held.setdefault(rows.group, [])
        held.append(self._shaped(rows))
        self.rows[rows.group] = self.rows.get(rows.group, 0) + rows.batch.num_rows
        if self.rows[rows.group] >= HELD_ROWS:
            held[:] = [newest(table, held)]
            # entities that are many are looked through less often
            self.rows[rows.group] = min(held[0].num_rows, HELD_ROWS // 2)

    def snapshot(self) -> None:
        """A replay keeps its own checkpoints."""
        return


class NewestMessages(NewestStep):
    """The same for the topics of `step`; the caller flushes its producer."""

    def __init__(self, plan: Plan, step: TopicStep) -> None:
        super().__init__(plan, [])
        self.step = step

    def _shaped(self, rows: Rows) -> pa.RecordBatch:
        return rows.batch

    def _write(self, group: int, batch: pa.RecordBatch) -> None:
        self.step.on_batch([Rows(0, group, batch)])

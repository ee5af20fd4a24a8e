"""finish: features from cells, for rows of events, steps and probes alike.

Promises that the same function makes a feature in the flow, in the point-in-time look-up and in the service. A step also keeps the cells
that its unfinished features need, under `_cell:<id>`, so that `finish_lookup` can complete them at the asker's instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.arrow import by_name, nulls, one_batch
from operators.evaluate import compile_finish
from operators.kernels import tables as t
from operators.messages import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.arrow import Column
    from headrace.plan.model import GroupPlan, Plan

CELL = "_cell:"
REQUEST = "r:"


def kept_cells(group: GroupPlan) -> list[str]:
    """Ids of the cells that a step keeps for features that are finished at the look-up."""
    wanted = {c for f in group.features if not f.static for c in f.cells}
    return [c.id for c in group.cells if c.id in wanted]


class Finisher:
    """The features of one group over batches of cells."""

    def __init__(self, group: GroupPlan, mode: int) -> None:
        self.group, self.mode = group, mode
        self.ids = frozenset(cell.id for cell in group.cells)
        self.kept = kept_cells(group) if mode == t.STEPS else []
        self._finish = compile_finish(group.features, pa.schema([(c.id, c.type) for c in group.cells]), group.requests)

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, int]]:
        """A batch with the cells replaced by features; what failed and what is null, counted by `group.feature`."""
        given, group = by_name(batch), self.group
        requests = {n: given[REQUEST + n] if REQUEST + n in given else nulls(batch.num_rows, kind) for n, kind in group.requests}
        now = given.pop("_now") if self.mode == t.PROBES else given["time"]
        columns, failures = self._finish(batch, now, requests)
        made = {name: column for name, column in given.items() if name not in self.ids and not name.startswith(REQUEST)}
        counts = {f"failed {group.name}.{name}": n for name, n in failures.items()}
        for feature, column in zip(group.features, columns, strict=True):
            made[feature.name] = column
            if missing := column.null_count:
                counts[f"null {group.name}.{feature.name}"] = missing
        made |= {CELL + cell: given[cell] for cell in self.kept}
        return pa.RecordBatch.from_arrays(list(made.values()), list(made)), counts


def finish_lookup(group: GroupPlan, step: pa.RecordBatch, now: Column, requests: Mapping[str, Column]) -> pa.RecordBatch:
    """The features of standing steps for askers at `now`.

    `step` is a batch of steps, one a row, with the features and `_cell:` columns that the flow wrote, all null where no step stands;
    `now` is timestamp[us, UTC]. Features that stand in the step are passed on; the others are finished.
    """
    late = [f for f in group.features if not f.static]
    columns = {f.name: step.column(f.name) for f in group.features if f.static}
    if late:
        wanted = kept_cells(group)
        types = {c.id: c.type for c in group.cells}
        cells = pa.RecordBatch.from_arrays([step.column(CELL + c).cast(types[c]) for c in wanted], wanted)
        values, _ = compile_finish(late, cells.schema, group.requests)(cells, now, requests)
        columns |= {f.name: v for f, v in zip(late, values, strict=True)}
    return pa.RecordBatch.from_arrays([columns[f.name] for f in group.features], [f.name for f in group.features])


FEW_ROWS = 8_192
"""Up to so many rows, those of several shards are finished as one batch: what a call costs counts then, and copying does not."""


class Finish:
    """The `finish` step of a flow: finishes the rows of every group; counts go with the rows."""

    def __init__(self, plan: Plan, mode: int) -> None:
        self.finishers = [Finisher(group, mode) for group in plan.groups]

    def __call__(self, rows: Rows) -> Rows:
        """The finished rows, with what was counted."""
        batch, counts = self.finishers[rows.group](rows.batch)
        return Rows(rows.slice, rows.group, batch, counts)

    def all(self, items: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Items of several shards by their keys, with the rows among them finished."""
        rows = [item for _, item in items if isinstance(item, Rows)]
        together: dict[int, list[Rows]] = {}
        if len(rows) > 1 and sum(each.batch.num_rows for each in rows) <= FEW_ROWS:
            for each in rows:
                together.setdefault(each.group, []).append(each)
        done = {id(each): one for its in together.values() for each, one in zip(its, self._together(its), strict=True)}
        return [(key, (done.get(id(item)) or self(item)) if isinstance(item, Rows) else item) for key, item in items]

    def _together(self, rows: list[Rows]) -> list[Rows]:
        """Rows of one group."""
        schema = rows[0].batch.schema
        if len(rows) == 1 or any(each.batch.schema != schema for each in rows):
            return [self(each) for each in rows]
        whole = self(Rows(rows[0].slice, rows[0].group, one_batch([each.batch for each in rows])))
        found, start = [], 0
        for each in rows:
            # what was counted is told once
            batch, counts = whole.batch.slice(start, each.batch.num_rows), {} if start else whole.counts
            found.append(Rows(each.slice, each.group, batch, counts))
            start += each.batch.num_rows
        return found

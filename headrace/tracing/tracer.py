"""From an entity and an instant to its trace.

It promises that what is computed here comes from the log and the plan alone, and that the flow is asked the same question, through a spine
of one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.describe import text as shown
from headrace.describe import window_text
from headrace.entities import parse_entity
from headrace.getting import STAMP, complete, look_up, request_values, spine_of
from headrace.plan import build
from headrace.plan.explaining import bare, cell_text
from headrace.times import parse_time
from headrace.tracing.events import events_of
from headrace.tracing.model import CellTrace, FeatureTrace, Trace
from headrace.tracing.values import bounds_of, states_of, value_of
from headrace.types import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.archive import Log
    from headrace.groups import FeatureGroup
    from headrace.plan.model import Cell, FeaturePlan, Plan
    from headrace.repository import Repository
    from headrace.tracing.events import Event
    from replay.run import Run


def trace(
    repository: Repository,
    group: str,
    entity: str | Mapping[str, Any],
    at: Any = None,
    feature: str | None = None,
    before: bool = False,
    requests: Mapping[str, Any] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> Trace:
    """Why the features of an entity are what they are, at an instant.

    Args:
        repository: where the group and the archive are.
        group: its name.
        entity: a text as `headrace.entities.parse_entity` reads it, or values by the names of the group's Keys.
        at: the asker's instant: ISO text, `-1d`, a datetime; without it the newest arrival in the log.
        feature: one feature; a template's name stands for all of it. All features where it is None.
        before: what stood just before the instant.
        requests: what the asker brings for the group's request columns.
        watch: is told of the run that asks the flow before it starts.

    Raises `UnknownName` for a group, feature or Key that is not there, `DataError` where the archive holds nothing of a source.
    """
    from replay.tables import archive_logs

    found = repository.groups[group]
    wanted = parse_entity(found.keys, entity, f"group '{group}'") if isinstance(entity, str) else entity
    asked = None if at is None else parse_time(at, "at")
    brought = request_values(found, requests or {})
    return trace_group(found, archive_logs(repository, [found]), wanted, asked, feature, before, brought, watch)


def trace_group(
    group: FeatureGroup,
    logs: Mapping[str, Log],
    entity: Mapping[str, Any],
    asked_us: int | None = None,
    feature: str | None = None,
    before: bool = False,
    requests: Mapping[str, Any] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> Trace:
    """The same over logs, with values in place of texts and the instant in microseconds."""
    from replay.run import MODES, Run
    from replay.spine import Spine

    names = list(group.features) if feature is None else list(group[feature].features)
    wanted = complete(group, entity)
    brought = request_values(group, requests or {})
    if asked_us is None:
        asked_us = max((rows.max_arrival_us for log in logs.values() for rows in log.row_groups()), default=0)
    plan = build([group])
    spine = Spine(spine_of(plan, [wanted], asked_us, brought), "_at", plan, before)
    run = Run(plan, logs, MODES["probes"], spine, bounds=(None, asked_us + 1))
    if watch is not None:
        watch(run)
    (row,) = look_up(run)
    upto_us = asked_us - before
    events = events_of(run, wanted, upto_us)
    accepted = [event.time_us for event in events if not event.rejected and event.time_us is not None]
    newest, passed = max(accepted, default=None), _passed(run, upto_us)
    instant_us = max([each for each in (newest, passed) if each is not None], default=asked_us)
    tracer = _Tracer(plan, events, instant_us, asked_us, brought)
    features = [tracer.feature(each, row[each.name]) for each in plan.groups[0].features if each.name in names]
    return Trace(group.name, wanted, asked_us, instant_us, instant_us != newest, bool(accepted), tuple(events), tuple(features))


def _passed(run: Run, upto_us: int) -> int | None:
    """The newest refresh instant that the clock has passed when all up to an instant of log time is read."""
    from operators.kernels.tables import MIN64

    if not run.course.slices:
        return None
    clocks = run.facts.of(run.course.slices[-1].number).facts.clocks
    found = int(clocks[0].passed(np.array([upto_us]))[0])
    return None if found == MIN64 else found


class _Tracer:
    """The cells and features of one entity at one instant."""

    def __init__(self, plan: Plan, events: Sequence[Event], instant_us: int, asked_us: int, requests: Mapping[str, Any]) -> None:
        self.plan, self.events, self.instant_us, self.asked_us = plan, events, instant_us, asked_us
        self.group = plan.groups[0]
        self.requests = {name: pa.array([requests[name]], kind) for name, kind in self.group.requests}
        self.derived = {each.id: each.expr for source in plan.sources for each in source.derived}
        self.cells: dict[str, CellTrace] = {}

    def feature(self, feature: FeaturePlan, flow: Any) -> FeatureTrace:
        """The feature over its cells, computed here; `flow` is what the flow says."""
        from operators.evaluate import compile_finish

        cells = [self.cell(cell) for cell in self.group.cells if cell.id in feature.cells]
        batch = pa.RecordBatch.from_arrays(
            [*(_array(each) for each in cells), pa.nulls(1)], [*(each.cell.id for each in cells), "_"]
        )
        now = pa.array([self.asked_us], pa.int64()).cast(STAMP)
        (column,), _ = compile_finish([feature], batch.schema, self.group.requests)(batch, now, self.requests)
        expression = bare(feature.expr)
        return FeatureTrace(
            name=feature.name,
            type=type_name(feature.type),
            expression=shown(expression, {each.cell.id: each.text for each in cells}),
            inserted=shown(expression, {each.cell.id: _inserted(each) for each in cells}),
            cells=tuple(cells),
            value=column[0].as_py(),
            flow=flow,
        )

    def cell(self, cell: Cell) -> CellTrace:
        """The cell with its window and events; computed once."""
        if cell.id not in self.cells:
            track = self.plan.tracks[cell.track]
            mine = [event for event in self.events if event.source == track.source]
            states = states_of(cell, track.where, mine, self.instant_us)
            after, upto = bounds_of(cell, self.instant_us)
            window = cell.window
            self.cells[cell.id] = CellTrace(
                cell=cell,
                text=cell_text(self.plan, cell),
                window=window_text(window.size_us, window.rows, window.delay_us),
                source=track.source,
                where=None if track.where is None else shown(self.derived[track.where]),
                input=None if cell.input is None else shown(bare(self.derived[cell.input])),
                after_us=after,
                upto_us=upto,
                events=tuple(mine),
                states=tuple(states),
                value=value_of(cell, states, mine),
            )
        return self.cells[cell.id]


def _array(cell: CellTrace) -> pa.Array[Any]:
    if cell.cell.kind == "last_time":
        return pa.array([cell.value], pa.int64()).cast(cell.cell.type)
    return pa.array([cell.value], cell.cell.type)


def _inserted(cell: CellTrace) -> str:
    """The cell's value where its text stood."""
    from headrace.texts import shown as value_text

    return value_text(_array(cell)[0].as_py())

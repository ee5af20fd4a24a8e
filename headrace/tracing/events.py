"""The events of one entity in a log, with what the log makes of each.

It promises every record of the entity up to an instant of log time, in the order of its events (event time, then place), those that were
rejected among them with the reason; and for each what the plan derives of it. It relies on the replay's own course for what is late and
what is a duplicate: both depend on records of others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive import ARRIVAL, OFFSET, PARTITION
from headrace.arrow import pc
from headrace.showing import equals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headrace.plan.model import SourcePlan
    from replay.run import Run
    from replay.slices import Part

Numbers = np.ndarray[Any, np.dtype[np.int64]]
REASONS = {1: "no event time", 2: "too late", 3: "too far ahead"}


@dataclass(frozen=True, slots=True)
class Event:
    """One record: instants in microseconds, its place, why it was rejected ("" where it was not), and the derived values by id."""

    source: str
    time_us: int | None
    arrival_us: int
    partition: int
    offset: int
    rejected: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> tuple[int, int, str, int, int]:
        """The order of an entity's events."""
        time = self.arrival_us if self.time_us is None else self.time_us
        return time, self.arrival_us, self.source, self.partition, self.offset


def events_of(run: Run, entity: Mapping[str, Any], upto_us: int) -> list[Event]:
    """The entity's records with an arrival up to and at `upto_us`, in order; `run` is a replay of one group over its logs."""
    plan = run.plan
    duplicates = _duplicates(run)
    parts = {part.number: part for slice_ in run.course.slices for part in slice_.parts}
    found: list[Event] = []
    for source in plan.sources:
        columns = dict(zip(plan.keys[0].columns[source.name], plan.keys[0].names, strict=True))
        key = {column: entity[name] for column, name in columns.items()}
        tables: list[pa.Table] = []
        reasons: list[str] = []
        for part in (each for each in parts.values() if each.source == source.name):
            for table, rejected in _records(run, source, part, key, upto_us, duplicates.get(part.number)):
                tables.append(table)
                reasons += rejected
        if tables:
            found += _events(source, pa.concat_tables(tables), reasons)
    return sorted(found, key=lambda event: event.order)


def _duplicates(run: Run) -> dict[int, Numbers]:
    """By row group, the rows that repeat an event within its lateness."""
    from replay.facts import LogFacts

    if not any(source.unique for source in run.plan.sources):
        return {}
    # the run's own facts are forgotten slice by slice
    facts = LogFacts(run.plan, run.course, run.logs, run.mode, run.options.checkpoint_slices)
    found: dict[int, Numbers] = {}
    for slice_ in run.course.slices:
        for part, rows in facts.of(slice_.number).duplicates.items():
            found[part] = np.union1d(found[part], rows) if part in found else rows
    return found


def _records(
    run: Run, source: SourcePlan, part: Part, key: Mapping[str, Any], upto_us: int, duplicates: Numbers | None
) -> Iterator[tuple[pa.Table, list[str]]]:
    """The entity's rows in one row group, with why each was rejected."""
    from operators.kernels import judge
    from operators.keys import words_of

    log = run.logs[source.name]
    batch = log.read(part.group, list(dict.fromkeys([*key, source.time, ARRIVAL])))
    arrivals = words_of(batch.column(ARRIVAL))
    mine = np.flatnonzero(equals(batch, key) & (arrivals <= upto_us))
    if not len(mine):
        return
    times = batch.column(source.time)
    valid = pc.is_valid(times).to_numpy(zero_copy_only=False).astype(np.uint8)
    verdict = np.empty(len(arrivals), np.uint8)
    verdicts: Any = judge.judge   # compiled, it has no types
    verdicts(words_of(times), valid, arrivals, source.lateness_us, source.max_ahead_us, part.newest_us, verdict)
    reasons = [REASONS.get(int(each), "") for each in verdict[mine]]
    if duplicates is not None:
        again = np.isin(mine, duplicates)
        reasons = [reason or ("duplicate" if twice else "") for reason, twice in zip(reasons, again.tolist(), strict=True)]
    rows = log.read(part.group, [*source.columns, PARTITION, OFFSET, ARRIVAL])
    yield pa.table(rows.take(pa.array(mine, pa.int64()))), reasons


def _events(source: SourcePlan, table: pa.Table, reasons: list[str]) -> Iterator[Event]:
    from operators.evaluate import compile_rows

    batch = table.select(list(source.columns)).combine_chunks().to_batches()[0]
    derived, _ = compile_rows([(each.expr, each.type) for each in source.derived], batch.schema)(batch)
    columns = {each.id: column.to_pylist() for each, column in zip(source.derived, derived, strict=True)}
    times = table.column(source.time).cast(pa.int64()).to_pylist()
    places = [table.column(name).cast(pa.int64()).to_pylist() for name in (ARRIVAL, PARTITION, OFFSET)]
    for row, (arrival, partition, offset) in enumerate(zip(*places, strict=True)):
        values = {name: column[row] for name, column in columns.items()}
        yield Event(source.name, times[row], arrival, partition, offset, reasons[row], values)

"""Features of the newest events, for people: what `headrace preview` prints. Writes nothing.

It promises the rows that a replay of rows of events would write, the newest of them. It relies on the replay for every value, and reads no
more of the log than the windows of these rows need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.arrow import pc
from headrace.entities import parse_value
from headrace.errors import unknown
from headrace.plan import build
from headrace.showing import equals, rows_of
from headrace.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headrace.archive import Log
    from headrace.groups import FeatureGroup
    from headrace.repository import Repository

@dataclass(frozen=True, slots=True)
class Preview:
    """The newest rows, and how many there were from the first instant on."""

    table: pa.Table
    found: int


def preview(
    repository: Repository,
    group: str,
    n: int = 20,
    key: Mapping[str, Any] | None = None,
    from_: Any = None,
    to: Any = None,
    watch: Callable[[Any], None] | None = None,
) -> Preview:
    """The newest `n` rows of events of a group.

    Args:
        repository: where the group and the archive are.
        group: its name.
        n: how many rows.
        key: the entity, by the names of the group's Keys; some of several will do. Texts are read as the Keys' types.
        from_: the first event time; without it as far back as `n` rows take.
        to: the event time before which rows are shown.
        watch: is told of the run before it starts, to show how far it is.

    Returns:
        rows as `Repository.replay(group)` has them, in the order of their places.

    Raises `UnknownName` for a group or Key that is not there, `DataError` where the archive holds nothing of a source.
    """
    from replay.run import MODES, Run, in_memory, output_schema
    from replay.tables import archive_logs

    found = repository.groups[group]
    entity = _entity(found, key or {})
    logs = archive_logs(repository, [found])
    stop = None if to is None else parse_time(to, "to")
    plan, mode = build([found]), MODES["events"]
    start = parse_time(from_, "from_") if from_ is not None else _far_enough(found, logs, entity, n, stop)
    if start is None:
        return Preview(output_schema(plan, 0, mode).empty_table(), 0)
    run = Run(plan, logs, mode, bounds=(start, stop), with_place=True)
    if watch is not None:
        watch(run)
    table = in_memory(run).tables[group]
    if entity and table.num_rows:
        batch = table.combine_chunks().to_batches()[0]
        table = pa.table(batch.filter(pa.array(equals(batch, entity))))
    return Preview(table.slice(max(0, table.num_rows - n)), table.num_rows)


def _entity(group: FeatureGroup, key: Mapping[str, Any]) -> dict[str, Any]:
    types = {each.name: each.arrow_type for each in group.keys}
    for name in key:
        if name not in types:
            raise unknown("Key", name, f"group '{group.name}'", types)
    return {name: parse_value(value, types[name], f"Key '{name}'") if isinstance(value, str) else value for name, value in key.items()}


def _far_enough(group: FeatureGroup, logs: Mapping[str, Log], entity: Mapping[str, Any], n: int, stop: int | None) -> int | None:
    """An event time from which there are `n` rows, where the log has so many; None where it has no row."""
    times: list[int] = []
    for source in group.sources:
        columns = group.key_columns[source.name]
        column_of = dict(zip((key.name for key in group.keys), columns, strict=True))
        # twice as many, since some can be too late for a row of their own, or lack a key
        rows = rows_of(logs[source.name], 2 * n, {column_of[name]: value for name, value in entity.items()}, (None, stop))
        for name in (source.time, *columns):
            rows = rows.filter(pc.is_valid(rows.column(name)))
        times += rows.column(source.time).cast(pa.int64()).to_numpy().tolist()
    return sorted(times)[max(0, len(times) - 2 * n)] if times else None

"""Rows of a log, for people: what `headrace show` prints.

It promises rows in the order of their places, with all columns of the source and the place itself, and to read no more row groups than are
needed for the rows that are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive import ARRIVAL, OFFSET, PARTITION, FileLog, Folder, Layout
from headrace.arrow import pc
from headrace.entities import parse_value
from headrace.errors import unknown
from headrace.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headrace.archive import Log, RowGroup
    from headrace.repository import Repository
    from headrace.source import Source


def show(
    repository: Repository,
    source: str,
    n: int = 20,
    key: Mapping[str, Any] | None = None,
    from_: Any = None,
    to: Any = None,
) -> pa.Table:
    """Up to `n` rows of a source's log: the newest ones, or with `from_` the first ones from that instant on.

    Args:
        repository: where the source and its archive are.
        source: its name.
        n: how many rows.
        key: values that columns have, by the columns' names or those of Keys; texts are read as the columns' types.
        from_: the first arrival that is shown: ISO text, `-1d`, `yesterday`, a datetime.
        to: the arrival before which rows are shown.

    Returns:
        the source's columns, then `_partition`, `_offset`, `_arrival`, by arrival, partition and offset.

    Raises `UnknownName` for a source, column or Key that is not there, `InvalidValue` for a value that its column cannot have.
    """
    found = repository.sources[source]
    wanted = key_columns(found, key or {})
    bounds = (None if from_ is None else parse_time(from_, "from_"), None if to is None else parse_time(to, "to"))
    return rows_of(log_of(repository, found), n, wanted, bounds, newest=from_ is None)


def archive_of(repository: Repository) -> Folder:
    """The repository's archive, with the options of its file system."""
    return Folder(repository.config.archive_uri, repository.config.archive.options)


def log_of(repository: Repository, source: Source) -> FileLog:
    """The archived log of a source; it may hold nothing yet."""
    return FileLog(archive_of(repository), Layout.of(source.base))


def key_columns(source: Source, key: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `key` by the source's columns, which are named themselves or by a Key that they hold."""
    columns = {field.name: field.type for field in source.fields}
    by_key = {held.name: column for column, held in source.keys.items()}
    found = {}
    for name, value in key.items():
        column = name if name in columns else by_key.get(name)
        if column is None:
            raise unknown("column or Key", name, f"source '{source.name}'", [*columns, *(each for each in by_key if each not in columns)])
        found[column] = parse_value(value, columns[column], f"column '{column}'") if isinstance(value, str) else value
    return found


def rows_of(
    log: Log, n: int, key: Mapping[str, Any], bounds: tuple[int | None, int | None] = (None, None), *, newest: bool = True
) -> pa.Table:
    """The newest or the first `n` rows of a log that have these values, with an arrival in `[first, stop)` µs."""
    parts: list[pa.Table] = []
    count = 0
    edge: int | None = None
    for group in _in_turn(log.row_groups(), bounds, newest):
        # groups of several partitions overlap: what is left can still hold a row that comes before the last that was taken
        if edge is not None and (group.max_arrival_us < edge if newest else group.min_arrival_us > edge):
            break
        part = _matching(log, group, key, bounds)
        if part.num_rows:
            parts.append(part)
            count += part.num_rows
            if count >= n:
                arrivals = np.concatenate([each.column(ARRIVAL).cast(pa.int64()).to_numpy() for each in parts])
                edge = int(np.sort(arrivals)[-n if newest else n - 1]) if n else 0
    if not parts or n <= 0:
        return log.schema.empty_table()
    joined = pa.concat_tables(parts).sort_by([(ARRIVAL, "ascending"), (PARTITION, "ascending"), (OFFSET, "ascending")])
    return joined.slice(max(0, joined.num_rows - n)) if newest else joined.slice(0, n)


def _in_turn(groups: Sequence[RowGroup], bounds: tuple[int | None, int | None], newest: bool) -> Iterator[RowGroup]:
    first, stop = bounds
    inside = [
        group
        for group in groups
        if group.rows and (first is None or group.max_arrival_us >= first) and (stop is None or group.min_arrival_us < stop)
    ]
    if newest:
        return iter(sorted(inside, key=lambda group: -group.max_arrival_us))
    return iter(sorted(inside, key=lambda group: group.min_arrival_us))


def _matching(log: Log, group: RowGroup, key: Mapping[str, Any], bounds: tuple[int | None, int | None]) -> pa.Table:
    first, stop = bounds
    if key:
        # most groups of a log hold nothing of an entity: its columns are read before the others
        names = list(dict.fromkeys([*key, ARRIVAL]))
        if not np.any(_mask(log.read(group, names), key, first, stop)):
            return log.schema.empty_table()
    batch = log.read(group)
    return pa.table(batch.filter(pa.array(_mask(batch, key, first, stop))))


def _mask(batch: pa.RecordBatch, key: Mapping[str, Any], first: int | None, stop: int | None) -> Any:
    arrivals = batch.column(ARRIVAL).cast(pa.int64()).to_numpy()
    mask = np.ones(batch.num_rows, bool)
    if first is not None:
        mask &= arrivals >= first
    if stop is not None:
        mask &= arrivals < stop
    return mask & equals(batch, key)


def equals(batch: pa.RecordBatch, key: Mapping[str, Any]) -> Any:
    """Which rows have these values, by column; None stands for null."""
    mask = np.ones(batch.num_rows, bool)
    for name, value in key.items():
        column = batch.column(name)
        try:
            sought = pa.scalar(value, column.type)
        except (pa.ArrowInvalid, OverflowError):
            return np.zeros(batch.num_rows, bool)   # a value that the column's type cannot hold
        same = pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, sought), fill_value=False)
        mask &= same.to_numpy(zero_copy_only=False)
    return mask


def bounds_text(log: Log) -> str:
    """From when to when a log's rows arrived, in words."""
    groups = [group for group in log.row_groups() if group.rows]
    if not groups:
        return "which is empty"
    first, last = min(group.min_arrival_us for group in groups), max(group.max_arrival_us for group in groups)
    return f"which arrived from {format_time(first)} to {format_time(last)}"

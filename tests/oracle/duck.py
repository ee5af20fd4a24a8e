"""The rows of events asked of DuckDB: correlated sub-queries on event time, place and arrival.

It promises the same cells as `rows`, by other means, for the aggregates of `SUPPORTED` and filters that are columns. It takes the accepted
events and the lost cells from the Python side; every window, order and value is DuckDB's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from tests.oracle.accepting import events
from tests.oracle.rows import rows_of_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.oracle.model import Feature, Group, Log

ORDER = "x.time, x.arrival, x.topic, x.part, x.place"
AGGREGATES = {
    "sum": "sum({})",
    "mean": "avg({})",
    "min": "min({})",
    "max": "max({})",
    "var": "var_samp({})",
    "std": "stddev_samp({})",
    "n_unique": "nullif(count(distinct {}), 0)",
    "count": "count({})",
    "last_time": "max(time)",
}
LISTS = {"first", "last", "last_n", "lag"}
SUPPORTED = {*AGGREGATES, *LISTS, "time_since_last"}


def duckdb_rows(log: Log, group: Group, types: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """The cells of every event's row, in the order of places. `types` are the DuckDB types of the value columns."""
    accepted = events(log, group.sources)
    if not accepted:
        return []
    names = ["id", "key", "time", "arrival", "topic", "part", "place", *types]
    kinds = ["bigint", "varchar", "bigint", "bigint", "varchar", "int", "bigint", *types.values()]
    with duckdb.connect() as base:
        base.execute(f"create table events ({', '.join(f'{name} {kind}' for name, kind in zip(names, kinds, strict=True))})")
        base.executemany(
            f"insert into events values ({', '.join('?' * len(names))})",
            [
                [i, repr(x.key), x.at, x.arrival, x.topic, x.partition, x.offset, *(x.values.get(name) for name in types)]
                for i, x in enumerate(accepted)
            ],
        )
        cells = _ask(base, group)
    lost = [row.lost for row in rows_of_events(log, group)]
    return [
        tuple(None if f.name in gone else cell for f, cell in zip(group.features, row, strict=True))
        for row, gone in zip(cells, lost, strict=True)
    ]


def _ask(base: duckdb.DuckDBPyConnection, group: Group) -> list[tuple[Any, ...]]:
    """One scalar sub-query for each distinct frame; it returns a struct of the aggregates over it."""
    frames: dict[str, list[int]] = {}
    for i, feature in enumerate(group.features):
        frames.setdefault(_frame(feature), []).append(i)
    found: dict[int, list[Any]] = {}
    for frame, numbers in frames.items():
        packed = ", ".join(f"c{i} := {_aggregate(group.features[i])}" for i in numbers)
        structs = base.execute(f"select (select struct_pack({packed}) from {frame}) from events e order by id").fetchall()
        found |= {i: [struct[f"c{i}"] for (struct,) in structs] for i in numbers}
    return list(zip(*(found[i] for i in range(len(group.features))), strict=True))


def _frame(feature: Feature) -> str:
    """Bounds, then the newest rows, then what is excluded."""
    window = feature.window
    upper = f"e.time - {window.delay}"
    bounds = [
        f"x.topic = '{feature.source}'",
        "x.key = e.key",
        f"({ORDER}) <= ({ORDER.replace('x.', 'e.')})",
        "x.arrival <= e.arrival",
        f"x.time {'<=' if window.closed in {'right', 'both'} else '<'} {upper}",
    ]
    if window.size is not None:
        bounds.append(f"x.time {'>=' if window.closed in {'left', 'both'} else '>'} {upper} - {window.size}")
    if feature.where is not None:
        bounds.append(f"x.{feature.where}")
    descending = ORDER.replace(",", " desc,") + " desc"
    newest = "" if window.rows is None else f" order by {descending} limit {window.rows}"
    excluded = {"": "true", "row": "x.id <> e.id", "instant": "x.time <> e.time"}[window.exclude]
    return f"(select x.* from events x where {' and '.join(bounds)}{newest}) x where {excluded}"


def _aggregate(feature: Feature) -> str:
    if feature.kind == "time_since_last":
        return "(e.time - max(x.time)) / 1000000"
    if feature.kind not in LISTS:
        column = "*" if feature.input is None else f"x.{feature.input}" + "::int" * (feature.input == "b" and feature.kind == "mean")
        return AGGREGATES[feature.kind].format(column)
    kept = f" filter (where x.{feature.input} is not null)" if feature.ignore_nulls else ""
    items = f"list(x.{feature.input} order by {ORDER}){kept}"
    match feature.kind:
        case "first":
            return f"{items}[1]"
        case "last":
            return f"{items}[-1]"
        case "last_n":
            return f"{items}[-{feature.n}:]"
        case _:
            return f"{items}[-{feature.n + 1}]"

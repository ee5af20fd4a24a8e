"""From the oracle's neutral description to the project's own definitions and tables, and back.

It promises the same group and the same log in both languages; it computes nothing. The oracle's key is the column `k`, and as a text `name`;
the event time is `ts`, a record's number in the log `id`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import headrace as hr
from tests.oracle.strategies import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.oracle.lookups import Probe
    from tests.oracle.model import Feature, Group, Log, Source, Window

UTC_US = pa.timestamp("us", tz="UTC")
USER = hr.Dimension("user")
NUMBER, NAME = hr.Key("k", USER, "int64"), hr.Key("name", USER, "string")
KEYS: dict[str, list[hr.Key]] = {"a number": [NUMBER], "a text": [NAME], "both": [NAME, NUMBER]}
COLUMN_TYPES: dict[str, pa.DataType] = {
    "k": pa.int64(),
    "name": pa.string(),
    "ts": UTC_US,
    "id": pa.int64(),
    "x": pa.float64(),
    "i": pa.int64(),
    "s": pa.string(),
    "b": pa.bool_(),
    "tag": pa.string(),
}
SCHEMA = pa.schema(COLUMN_TYPES)


def _span(us: int) -> timedelta:
    return timedelta(microseconds=us)


def source_of(name: str, described: Source) -> hr.Source:
    """A source of the project."""
    return hr.Source(
        name,
        schema=SCHEMA,
        time="ts",
        keys=[NUMBER, NAME],
        unique=described.unique,
        lateness=_span(described.lateness),
        max_ahead=_span(described.max_ahead),
        idle=_span(described.idle),
    )


def group_of(log: Log, group: Group, *, numbered: bool = False, keyed: str = "a number", name: str = "g") -> hr.FeatureGroup:
    """A group of the project; `numbered` adds the number of the row's own record, as `id_<source>`."""
    sources = {topic: source_of(topic, log.sources[topic]) for topic in group.sources}
    features: dict[str, Any] = {feature.name: expression_of(sources[feature.source], feature) for feature in group.features}
    if numbered:
        features |= {f"id_{topic}": source["id"] for topic, source in sources.items()}
    return hr.FeatureGroup(name, key=KEYS[keyed], features=features, refresh=_span(group.refresh))


def expression_of(source: hr.Source, feature: Feature) -> hr.Expression:
    """One feature as an expression."""
    if callable(feature.where):
        msg = "a callable filter has no expression"
        raise TypeError(msg)
    if feature.kind == "own":
        return source[feature.input or ""]
    seen = source if feature.where is None else source.filter(source[feature.where])
    if feature.kind == "decay_count":
        return seen.decayed_count(half_life=_span(feature.half_life))
    if feature.kind == "decay_sum":
        return seen[feature.input or ""].decayed_sum(half_life=_span(feature.half_life))
    if feature.kind == "time_since_last":
        found = seen.time_since_last()
        return found if _is_ever(feature.window) else found.over(window_of(feature.window))
    on = seen if feature.input is None else seen[feature.input]
    arguments: dict[str, Any] = {}
    if feature.kind in {"last_n", "lag"}:
        arguments["n"] = feature.n
    if feature.ignore_nulls:
        arguments["ignore_nulls"] = True
    found = getattr(on, feature.kind)(**arguments)
    assert isinstance(found, hr.Expression)
    return found.over(window_of(feature.window))


def _is_ever(window: Window) -> bool:
    return window.size is None and window.rows is None and window.delay == 0 and not window.exclude


def window_of(window: Window) -> hr.Window:
    """A window of the project."""
    size = "ever" if window.size is None and window.rows is None else None
    return hr.window(
        size if window.size is None else _span(window.size),
        rows=window.rows,
        closed=window.closed,
        exclude=window.exclude or None,
        delay=_span(window.delay),
    )


def tables_of(log: Log, sources: Iterable[str]) -> Mapping[str, pa.Table]:
    """The log of these sources as one table each, with the places of its records; `id` numbers the records of the whole log."""
    found = {}
    for topic in sources:
        mine = [(i, record) for i, record in enumerate(log.records) if record.topic == topic]
        columns: dict[str, Any] = {
            **_keys([r.key for _, r in mine]),
            "ts": pa.array([r.time for _, r in mine], pa.int64()).cast(UTC_US),
            "id": pa.array([i for i, _ in mine], pa.int64()),
        }
        columns |= {name: pa.array([r.values.get(name) for _, r in mine], SCHEMA.field(name).type) for name in COLUMNS}
        columns["_arrival"] = pa.array([r.arrival for _, r in mine], pa.int64()).cast(UTC_US)
        columns["_partition"] = pa.array([r.partition for _, r in mine], pa.int32())
        columns["_offset"] = pa.array([r.offset for _, r in mine], pa.int64())
        found[topic] = pa.table(columns)
    return found


def spine_of(probes: Sequence[Probe]) -> pa.Table:
    """Probes as a spine with the time column `at`."""
    return pa.table({**_keys([p.key for p in probes]), "at": pa.array([p.time for p in probes], pa.int64()).cast(UTC_US)})


def _keys(keys: Sequence[Any]) -> dict[str, pa.Array[Any]]:
    """The key's columns; an entity's text is longer than eight bytes for some and shorter for others."""
    return {"k": pa.array(keys, pa.int64()), "name": pa.array([None if k is None else "é" * 3 * k for k in keys], pa.string())}


def keys_of(table: pa.Table) -> list[Any]:
    """The oracle's keys of the rows, from whichever columns there are."""
    if "k" in table.column_names:
        return table.column("k").to_pylist()
    return [len(name or "") // 3 for name in table.column("name").to_pylist()]


def cells_of(table: pa.Table, group: Group) -> list[tuple[Any, ...]]:
    """The group's features, row by row, as plain values."""
    columns = [table.column(feature.name).to_pylist() for feature in group.features]
    return list(zip(*columns, strict=True)) if columns else []


def instants(table: pa.Table, name: str) -> list[int]:
    """A timestamp column as microseconds."""
    values = table.column(name).cast(UTC_US).cast(pa.int64()).to_pylist()
    return [value for value in values if value is not None]

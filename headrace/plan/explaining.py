"""The plan as one would draw it: sources → stored variables, and who shares them → windows → features.

`describe` gives it as plain data that JSON can hold, `explain` as text, `lineage` says from which columns each feature comes. Sizes are
estimates of `headrace.plan.sizes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.describe import text as shown
from headrace.describe import window_text
from headrace.durations import format_duration
from headrace.plan.sizes import track_size
from headrace.types import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.plan.model import Cell, FeaturePlan, GroupPlan, Plan


def explain(plan: Plan) -> str:
    """The plan as a tree of lines.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> group = hr.FeatureGroup("activity", key=buyer, features={"mean": (clicks["price"].sum() / clicks.count()).over(["1h", "1d"])})
    >>> print(explain(hr.plan.build([group])))
    source clicks: reads buyer_id, price, ts; time ts, lateness 1h
    └─ stored by buyer_id: every event; keeps "price"; for activity; about 128 bytes an entity, 24 an event for 1d1h
       ├─ 1h: sum("price"), count() → mean_1h
       └─ 1d: sum("price"), count() → mean_1d
    group activity: key buyer_id, refresh 1m, about 128 bytes an entity
    ├─ mean_1h: float64 = sum("price") over [1h] / count() over [1h]; from clicks.price
    └─ mean_1d: float64 = sum("price") over [1d] / count() over [1d]; from clicks.price
    """
    found = describe(plan)
    lines: list[str] = []
    for source in found["sources"]:
        unique = f", unique {source['unique']}" if source["unique"] else ""
        lines.append(
            f"source {source['name']}: reads {', '.join(source['columns'])}; "
            f"time {source['time']}, lateness {format_duration(source['lateness_us'])}{unique}"
        )
        lines += _branches([(_stored_line(each), [_window_line(window) for window in each["windows"]]) for each in source["stored"]])
    for group in found["groups"]:
        lines.append(
            f"group {group['name']}: key {', '.join(group['key'])}, refresh {format_duration(group['refresh_us'])}, "
            f"about {group['bytes_an_entity']} bytes an entity"
        )
        lines += _branches([(_feature_line(each), []) for each in group["features"]])
    return "\n".join(lines)


def describe(plan: Plan) -> dict[str, Any]:
    """The same as plain data: sources with their stored variables and windows, groups with their features."""
    return {
        "sources": [
            {
                "name": source.name,
                "time": source.time,
                "columns": list(source.columns),
                "unique": source.unique,
                "lateness_us": source.lateness_us,
                "max_ahead_us": source.max_ahead_us,
                "idle_us": source.idle_us,
                "stored": [_stored(plan, at) for at, track in enumerate(plan.tracks) if track.source == source.name],
            }
            for source in plan.sources
        ],
        "groups": [_group(plan, group) for group in plan.groups],
    }


def lineage(plan: Plan) -> dict[str, dict[str, list[str]]]:
    """By group and feature, the columns that its values come from, as `source.column`; keys and event times are not told.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> group = hr.FeatureGroup("activity", key=buyer, features={"high": clicks.count(where=clicks["price"] > 9).over("1h")})
    >>> lineage(hr.plan.build([group]))
    {'activity': {'high': ['clicks.price']}}
    """
    return {group.name: {feature.name: _columns(plan, group, feature) for feature in group.features} for group in plan.groups}


def cell_text(plan: Plan, cell: Cell, *, window: bool = True) -> str:
    """What a cell is, as in a definition: `sum("price") where … over [7d]`."""
    track = plan.tracks[cell.track]
    expressions = _derived(plan, track.source)
    inner = [] if cell.input is None else [shown(bare(expressions[cell.input]))]
    if cell.own:
        return inner[0]
    inner += [str(cell.n)] if cell.n else []
    inner += [f"half-life {format_duration(cell.half_life_us)}"] if cell.half_life_us else []
    inner += ["ignoring nulls"] if cell.ignore_nulls else []
    made = f"{cell.kind}({', '.join(inner)})"
    if not window:
        return made
    where = f" where {shown(expressions[track.where])}" if track.where else ""
    return f"{made}{where} over [{_window(cell)}]"


def _stored(plan: Plan, at: int) -> dict[str, Any]:
    track, size = plan.tracks[at], track_size(plan, at)
    expressions = _derived(plan, track.source)
    windows: dict[str, dict[str, list[str]]] = {}
    for group in plan.groups:
        for cell in group.cells:
            if cell.track == at:
                name = "the newest event's own" if cell.own else _window(cell)
                entry = windows.setdefault(name, {"aggregates": [], "features": []})
                entry["aggregates"] = _union(entry["aggregates"], [cell_text(plan, cell, window=False)])
                entry["features"] = _union(entry["features"], [f.name for f in group.features if cell.id in f.cells])
    return {
        "key": list(plan.keys[track.key].names),
        "key_columns": list(plan.keys[track.key].columns[track.source]),
        "where": shown(expressions[track.where]) if track.where else None,
        "inputs": [shown(bare(expressions[each])) for each in track.inputs],
        "groups": [group.name for group in plan.groups if any(cell.track == at for cell in group.cells)],
        "windows": [{"window": name, **entry} for name, entry in windows.items()],
        "bytes_an_entity": size.entity_bytes,
        "bytes_an_event": size.event_bytes,
        "keeps_us": size.keeps_us,
    }


def _group(plan: Plan, group: GroupPlan) -> dict[str, Any]:
    names = {cell.id: cell_text(plan, cell) for cell in group.cells}
    tracks = dict.fromkeys(cell.track for cell in group.cells)
    return {
        "name": group.name,
        "digest": group.digest,
        "key": list(plan.keys[group.key].names),
        "sources": list(group.sources),
        "refresh_us": group.refresh_us,
        "bytes_an_entity": sum(track_size(plan, track).entity_bytes for track in tracks),
        "features": [
            {
                "name": feature.name,
                "type": type_name(feature.type),
                "expression": shown(bare(feature.expr), names),
                "in_the_step": feature.static,
                "columns": _columns(plan, group, feature),
            }
            for feature in group.features
        ],
    }


def _columns(plan: Plan, group: GroupPlan, feature: FeaturePlan) -> list[str]:
    found: list[str] = []
    for cell in group.cells:
        if cell.id in feature.cells:
            track = plan.tracks[cell.track]
            expressions = _derived(plan, track.source)
            for each in (track.where, cell.input):
                if each is not None:
                    found = _union(found, (f"{track.source}.{column.name}" for column in expressions[each].find_all(exp.Column, bfs=False)))
    return found


def _derived(plan: Plan, source: str) -> dict[str, exp.Expression]:
    return {derived.id: derived.expr for derived in plan.source(source).derived}


def bare(node: exp.Expression) -> exp.Expression:
    """A tree without the packing of nested values, which is how they are kept and not what they are."""

    def plain(each: exp.Expression) -> exp.Expression:
        return each.expressions[0] if each.key == "call" and each.this in {"pack", "unpack"} else each

    found: exp.Expression = node.copy().transform(plain, copy=False)
    return found


def _window(cell: Cell) -> str:
    w = cell.window
    return window_text(w.size_us, w.rows, w.delay_us, w.closed, w.exclude)


def _union(names: list[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*names, *more]))


def _stored_line(stored: dict[str, Any]) -> str:
    which = f"events where {stored['where']}" if stored["where"] else "every event"
    inputs = f"; keeps {', '.join(stored['inputs'])}" if stored["inputs"] else ""
    shared = f"; {'shared by' if len(stored['groups']) > 1 else 'for'} {', '.join(stored['groups'])}"
    size = f"; about {stored['bytes_an_entity']} bytes an entity"
    if stored["bytes_an_event"]:
        keeps = "ever" if stored["keeps_us"] is None else format_duration(stored["keeps_us"])
        size += f", {stored['bytes_an_event']} an event for {keeps}"
    return f"stored by {', '.join(stored['key'])}: {which}{inputs}{shared}{size}"


def _window_line(window: dict[str, Any]) -> str:
    return f"{window['window']}: {', '.join(window['aggregates'])} → {', '.join(window['features'])}"


def _feature_line(feature: dict[str, Any]) -> str:
    origin = f"; from {', '.join(feature['columns'])}" if feature["columns"] else ""
    late = "" if feature["in_the_step"] else "; finished at the look-up"
    return f"{feature['name']}: {feature['type']} = {feature['expression']}{origin}{late}"


def _branches(items: list[tuple[str, list[str]]]) -> list[str]:
    lines: list[str] = []
    for at, (line, below) in enumerate(items):
        last = at == len(items) - 1
        lines.append(f"{'└─' if last else '├─'} {line}")
        for inner, child in enumerate(below):
            lines.append(f"{'   ' if last else '│  '}{'└─' if inner == len(below) - 1 else '├─'} {child}")
    return lines

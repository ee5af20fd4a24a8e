"""The digest of a group: what is computed, not how it was written.

It holds the group's name, Key, refresh; of each source its name, event time, key columns, lateness, clock, and the columns that are read
with their types; the features in order, with windows in microseconds. Not in it: Dimensions, domains, descriptions, topics, the order of
sources and of columns that are not read. A changed digest means other values, and state that must be built anew.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.forms import structure
from headrace.schemas import described
from headrace.types import type_name

if TYPE_CHECKING:
    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.source import Source

VERSION = 1
"""Counts changes of the meaning of equal definitions."""


def group_digest(group: FeatureGroup) -> str:
    """sha256 in hexadecimal of the group's content."""
    return hashlib.sha256(json.dumps(group_content(group), separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def group_content(group: FeatureGroup) -> dict[str, Any]:
    """What the digest is of, as plain data."""
    return {
        "version": VERSION,
        "name": group.name,
        "keys": [[key.name, key.type] for key in group.keys],
        "refresh_us": group.refresh_us,
        "sources": [_source_content(source, group) for source in sorted(group.sources, key=lambda source: source.name)],
        "features": [[name, structure(each.node), type_name(each.type)] for name, each in group.features.items()],
    }


def track_digest(plan: Plan, track: int) -> str:
    """sha256 of stored variable number `track`: what its state can be kept under, whichever groups share it."""
    found = plan.tracks[track]
    source, key = plan.source(found.source), plan.keys[found.key]
    expressions = {derived.id: [structure(derived.expr), type_name(derived.type)] for derived in source.derived}
    content = {
        "version": VERSION,
        "source": [source.name, source.time, source.unique, source.lateness_us, source.max_ahead_us, source.idle_us],
        "key": [[type_name(type_) for type_ in key.types], key.columns[found.source]],
        "where": None if found.where is None else expressions[found.where],
        "inputs": [expressions[each] for each in found.inputs],
    }
    return hashlib.sha256(json.dumps(content, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def plan_digest(plan: Plan) -> str:
    """sha256 of all groups of a plan, in its order."""
    return hashlib.sha256(json.dumps([[group.name, group.digest] for group in plan.groups]).encode()).hexdigest()


def _source_content(source: Source, group: FeatureGroup) -> dict[str, Any]:
    read = {column.name for each in group.features.values() for column in each.node.find_all(exp.Column) if column.table == source.name}
    columns = group.key_columns[source.name]
    read |= {source.time, *columns} | ({source.unique} if source.unique else set())
    return {
        "name": source.name,
        "time": source.time,
        "keys": list(columns),
        "unique": source.unique,
        "lateness_us": source.lateness_us,
        "max_ahead_us": source.max_ahead_us,
        "idle_us": source.idle_us,
        "columns": {name: type_ for name, type_ in described(source.fields).items() if name in read},
    }

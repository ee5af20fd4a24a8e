"""Whether a run may go on with the state that is there: what its folder says of itself, beside what is asked for.

Promises that a state of another definition, topic or loaded history is not gone on with, in words that say which; nor one that is damaged.
A store that does not answer is an error: what is in it may be whole. Where the state is made anew from is left to `starting`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from headrace.errors import StorageError, Unreachable
from operators.shard import FEW_SHARDS

from .checkpoints import META

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.groups import FeatureGroup
    from sources.partition import Place

    from .checkpoints import Checkpoints, Complete


def what_is_kept(
    groups: Sequence[FeatureGroup],
    shards: int = FEW_SHARDS,
    topics: Mapping[str, str] | None = None,
    loaded: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a folder of checkpoints says of itself: of which definitions, topics and loaded rows (where these end) its states are made."""
    told: dict[str, Any] = {"groups": {group.name: group.digest for group in groups}, "shards": shards}
    return told | {name: dict(value) for name, value in (("topics", topics), ("loaded", loaded)) if value is not None}


def told_by(checkpoints: Checkpoints) -> dict[str, Any]:
    """What the folder of the checkpoints says of itself; nothing where that cannot be read, which `check` says then."""
    try:
        told = json.loads(checkpoints.folder.content(META) or "{}")
    except ValueError:
        return {}
    is_told = isinstance(told, dict) and all(isinstance(told.get(name, {}), dict) for name in ("topics", "loaded"))
    return told if is_told else {}


def made_of_other(checkpoints: Checkpoints, told: Mapping[str, Any], kept: Mapping[str, Any]) -> str | None:
    """Why a state is not that of the topics and loaded rows that there are now."""
    where = f"the state in {checkpoints.folder.uri}"
    for source, topic in told.get("topics", {}).items():
        asked = kept["topics"].get(source, topic)
        if asked != topic:
            return f"{where} is of the topic '{topic}', and source '{source}' has the topic '{asked}' now"
    for source, ends in told.get("loaded", {}).items():
        if any(ends.get(partition) != end for partition, end in kept["loaded"].get(source, {}).items()):
            return f"rows were loaded into the log of '{source}' since {where} was made"
    return None


def places_of_unused(checkpoints: Checkpoints, told: Mapping[str, Any], topics: Mapping[str, str]) -> dict[tuple[str, int], Place]:
    """Where a state that is not used stands in the topics that are read; empty where that cannot be read."""
    try:
        complete = checkpoints.newest()
    except Unreachable:
        raise
    except (StorageError, ValueError, KeyError, TypeError):
        return {}
    same = {name for name, topic in topics.items() if told.get("topics", topics).get(name) == topic}
    return {} if complete is None else {name: place for name, place in complete.by_name().items() if name[0] in same}


def checkpoint_of(checkpoints: Checkpoints, what: Mapping[str, Any]) -> tuple[Complete | None, str | None]:
    """The checkpoint that is gone on with, or why one that is there is not; neither where there is none."""
    try:
        checkpoints.check(what)
        return checkpoints.newest(with_files=True), None
    except Unreachable:
        raise   # it may be whole, and is not to be made anew
    except (StorageError, ValueError, KeyError) as error:
        return None, str(error)

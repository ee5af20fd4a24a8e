"""Entities with which an online store is behind: the newest checkpoint of a run stands for their newest events, and the store does not.

Steps are flushed before a checkpoint counts, so a store that was looked at behind one has, of every entity, a step that has seen at least
what the checkpoint stands for. Promises to claim nothing of a checkpoint that was written while a run was catching up, since rows wait in
front of the state then, and to say why where nothing can be claimed. Steps that come of the clock alone are not asked for: one of them may
stand at another place live than in a replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.archive import archived_ends
from headrace.errors import StorageError
from operators.kernels.tables import MIN64
from operators.keys import words_of
from operators.live_clock import MAX64
from sinks.online import ARRIVAL, N

from .checkpoints import Checkpoints
from .kept import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headrace.archive import FileLog
    from headrace.groups import FeatureGroup
    from headrace.repository import Repository
    from sinks.online import OnlineStore, StepTable
    from sinks.sampled import Newest
    from sinks.standing import Entity

    from .checkpoints import Complete


@dataclass(frozen=True, slots=True)
class Behind:
    """An entity of which a store has not seen the newest event that the log had at the checkpoint.

    `log_us` is the arrival of that event, and `log_n` how many events are in its step; `online_us` and `online_n` are those of the step in
    the store, None where there is none.
    """

    entity: dict[str, Any]
    online_us: int | None
    online_n: int | None
    log_us: int
    log_n: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What a store can be asked for by checkpoint `number`: steps that saw nothing from the arrival `before_us` on; or why for nothing."""

    number: int | None
    before_us: int
    reason: str | None


def newest_checkpoints(repository: Repository, group: FeatureGroup) -> list[Complete] | str:
    """The newest checkpoint of every run that computes the group as it is defined now, or why none can be read."""
    found = []
    try:
        for checkpoints in _states(repository, group.name):
            groups = told_by(checkpoints).get("groups")
            if isinstance(groups, dict) and groups.get(group.name) == group.digest and (newest := checkpoints.newest()) is not None:
                found.append(newest)
    except (StorageError, ValueError, KeyError, TypeError) as error:
        return f"its state cannot be read: {error}"
    return found or f"there is no checkpoint of a run of it in {repository.config.state_uri}"


def _states(repository: Repository, group: str) -> Iterator[Checkpoints]:
    """The folders of the runs that compute a group, in every version."""
    config = repository.config
    for name in Checkpoints(config.state_uri, config.state.options).folder.folders():
        groups = name.rpartition(".")[2]
        if group in groups.split("+") and name == config.named(groups):
            uri = f"{config.state_uri}/{name}"
            for version in Checkpoints(uri, config.state.options).folder.folders():
                yield Checkpoints(f"{uri}/{version}", config.state.options)


def basis(checkpoints: Sequence[Complete] | str, logs: Mapping[str, FileLog]) -> Basis:
    """What the checkpoint that stands for most of these logs lets a store be asked for."""
    if isinstance(checkpoints, str):
        return Basis(None, MIN64, checkpoints)
    return max((_stands_for(complete, logs) for complete in checkpoints), key=lambda one: one.before_us)


def _stands_for(complete: Complete, logs: Mapping[str, FileLog]) -> Basis:
    def nothing(reason: str) -> Basis:
        return Basis(None, MIN64, f"checkpoint {complete.number} {reason}")

    if complete.held is None:
        return nothing("was written by an older version")
    if complete.held:
        return nothing("was written while the run was catching up")
    places, before = complete.by_name(), MAX64
    for source, log in logs.items():
        for partition, end in archived_ends(log).items():
            place = places.get((source, partition))
            if place is None or place.arrival_us == MIN64:
                return nothing(f"has seen nothing of partition {partition} of source '{source}'")
            if place.offset < end.offset:
                before = min(before, place.arrival_us)
    return Basis(complete.number, before, None)


def behind(store: OnlineStore, table: StepTable, newest: Mapping[Entity, Newest]) -> list[Behind]:
    """Those of some entities of the log, with their newest events, that the store has not seen."""
    columns = zip(*newest, strict=True) if newest else [()] * len(table.keys)
    keys = [pa.array(list(column), field.type) for column, field in zip(columns, table.keys, strict=True)]
    steps = store.read(table, pa.RecordBatch.from_arrays(keys, schema=table.keys))
    known, *places = steps.column(N).is_valid().to_pylist(), *(words_of(steps.column(name)).tolist() for name in (ARRIVAL, N))
    found = []
    for (entity, log), is_known, at_us, n in zip(newest.items(), known, *places, strict=True):
        if not is_known or (at_us, n) < log:
            online = (at_us, n) if is_known else (None, None)
            found.append(Behind(dict(zip(table.keys.names, entity, strict=True)), *online, *log))
    return found

"""Entities with which an online store is behind: what the newest checkpoint of a run had told, and the store does not know.

Steps are flushed before a checkpoint counts, so a store that was looked at behind one has at least the events which the checkpoint stands
for. Promises to claim nothing of a checkpoint that was written while a run was catching up, since rows wait in front of the state then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.archive import archived_ends
from headrace.errors import StorageError, Unreachable
from headrace.running.checkpoints import Checkpoints
from headrace.running.kept import told_by
from operators.kernels.tables import MIN64
from operators.keys import words_of
from sinks.online import N

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headrace.archive import Log
    from headrace.groups import FeatureGroup
    from headrace.repository import Repository
    from headrace.running.checkpoints import Complete
    from sinks.online import OnlineStore, StepTable
    from sinks.standing import Entity

MAX64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Behind:
    """An entity of which a store knows fewer events than the log had at the checkpoint; `online` is None where it has no step at all."""

    entity: dict[str, Any]
    online: int | None
    log: int


def newest_checkpoint(repository: Repository, group: FeatureGroup) -> Complete | None:
    """The checkpoint that stands for most, of the runs that compute the group as it is defined now; None where there is none to be read.

    Raises `Unreachable` where the state's folder does not answer.
    """
    found = []
    for checkpoints in _states(repository, group.name):
        try:
            if told_by(checkpoints).get("groups", {}).get(group.name) == group.digest:
                found.append(checkpoints.newest())
        except Unreachable:
            raise
        except (StorageError, ValueError, KeyError, TypeError):
            continue   # it is for `headrace run` to say what is wrong with it
    counting = [complete for complete in found if complete is not None]
    return max(counting, key=lambda complete: sum(place.offset for place in complete.by_name().values()), default=None)


def _states(repository: Repository, group: str) -> Iterator[Checkpoints]:
    """The folders of the runs that compute a group, in every version."""
    config = repository.config
    root = Checkpoints(config.state_uri, config.state.options).folder
    for name in root.folders():
        project, _, groups = name.rpartition(".")
        if group in groups.split("+") and name == config.named(groups) and project:
            for version in root.child(name).folders():
                yield Checkpoints(f"{config.state_uri}/{name}/{version}", config.state.options)


def told_before(complete: Complete, logs: Mapping[str, Log]) -> int:
    """The arrival (µs) before which everything in these logs was told by the checkpoint; the least int64 where nothing is known to be."""
    if complete.held != 0:
        return MIN64
    places, before = complete.by_name(), MAX64
    for source, log in logs.items():
        for partition, end in archived_ends(log).items():   # type: ignore[arg-type]   # the logs of an archive are files
            place = places.get((source, partition))
            if place is None:
                return MIN64
            if place.offset < end.offset:
                before = min(before, place.arrival_us)
    return before


def behind(store: OnlineStore, table: StepTable, events: Mapping[Entity, int]) -> list[Behind]:
    """Those of some entities of the log, with their events, that the store knows less of."""
    columns = zip(*events, strict=True) if events else [()] * len(table.keys)
    keys = [pa.array(list(column), field.type) for column, field in zip(columns, table.keys, strict=True)]
    known = store.read(table, pa.RecordBatch.from_arrays(keys, schema=table.keys)).column(N)
    found = []
    for (entity, log), n, is_known in zip(events.items(), words_of(known).tolist(), known.is_valid().to_pylist(), strict=True):
        if not is_known or n < log:
            found.append(Behind(dict(zip(table.keys.names, entity, strict=True)), n if is_known else None, log))
    return found

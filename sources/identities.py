"""The identities that a reader has seen: duplicates of `unique` sources are dropped where they are read.

Promises that of events with one identity within the lateness the first that is read goes on, over all partitions of the reader; what it has
seen can be kept as entries and taken up again. An event that reaches two processes by partitions of each is not recognised: producers that
repeat a message repeat its key, and so its partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from operators.unique import Unique

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from headrace.plan.model import Plan
    from operators.kernels.tables import Array

Entry = tuple[str, object, int, int]
"""Source, identity, event time (µs), partition."""


class Identities:
    """Those of one reader; `partitions` are the ones that it reads, as (source, partition)."""

    def __init__(self, plan: Plan, partitions: Iterable[tuple[str, int]]) -> None:
        self.columns = {s.name: s.unique for s in plan.sources if s.unique is not None}
        read = [name for name, _ in partitions]
        self.unique = {name: Unique(plan.source(name).lateness_us, read.count(name)) for name in self.columns}

    def take_up(self, entries: Iterable[Entry]) -> None:
        """Know what was seen before."""
        for source, identity, time_us, partition in entries:
            if source in self.unique:
                self.unique[source].is_new(identity, time_us, partition)

    def fresh(self, source: str, batch: pa.RecordBatch, times: Array, partition: int, seen: list[Entry]) -> Array | None:
        """The rows of a batch that are no duplicates, None for all of them; what is new is added to `seen`."""
        column = self.columns.get(source)
        if column is None:
            return None
        unique = self.unique[source]
        identities, instants = batch.column(column).to_pylist(), times.tolist()
        new = [unique.is_new(one, at, partition) for one, at in zip(identities, instants, strict=True)]
        first = zip(identities, instants, new, strict=True)
        seen += [(source, one, at, partition) for one, at, is_new in first if is_new and one is not None]
        return None if all(new) else np.flatnonzero(new)


def remembered(entries: Sequence[Entry], lateness_us: Mapping[str, int]) -> list[Entry]:
    """The entries that an event still to come can be a duplicate of."""
    newest: dict[tuple[str, int], int] = {}
    for source, _, time_us, partition in entries:
        newest[source, partition] = max(newest.get((source, partition), time_us), time_us)
    oldest: dict[str, int] = {}
    for (source, _), time_us in newest.items():
        oldest[source] = min(oldest.get(source, time_us), time_us)
    return [entry for entry in entries if entry[2] >= oldest[entry[0]] - 2 * lateness_us.get(entry[0], 0)]


def entries_of(source: str, unique: Unique) -> list[Entry]:
    """What a replay has seen, as entries."""
    return [(source, identity, time_us, 0) for identity, times in unique.kept.items() for time_us in times]

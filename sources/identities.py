"""The identities that a reader has seen: duplicates of `unique` sources are dropped where they are read.

Promises that of events with one identity within the lateness the first that is read goes on, over all partitions of the source, since
one reader has all of them (`readers_of`); what it has seen can be kept as entries and taken up again. In a replay the first by place goes
on: of two that differ and lie in different partitions, within the moment by which these are read apart, that may be the other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from operators.unique import Unique

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

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


def readers_of(partitions: Collection[tuple[str, int]], readers: int, unique: Collection[str]) -> dict[tuple[str, int], int]:
    """Which of so many readers has each partition (source, partition): in turns, and all of a source that is `unique` to one of them."""
    found: dict[tuple[str, int], int] = {}
    whole = {source: number % readers for number, source in enumerate(sorted({source for source, _ in partitions} & set(unique)))}
    load = [sum(name[0] in whole and whole[name[0]] == reader for name in partitions) for reader in range(readers)]
    for name in sorted(partitions):
        reader = whole.get(name[0])
        if reader is None:
            reader = load.index(min(load))
            load[reader] += 1
        found[name] = reader
    return found


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

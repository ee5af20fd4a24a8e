"""The contract of an online store: the newest step of every entity, for whoever asks.

A store keeps one step for each (table, entity); a table is one version of a group, told apart by the group's digest, so that a changed
definition fills a table of its own beside the running one. It promises that a step never replaces a newer one, newer by (arrival, n, time):
writes may come twice, late, and from several writers. How a value is finished at the asker's instant is left to the caller, how bytes lie
to each store.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from headrace.errors import ConfigError, StorageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME, ARRIVAL, N = "_time", "_arrival", "_n"
"""The columns of a step besides keys and values: the instant, the newest arrival that it has seen, how many events are in it."""

_TIMESTAMP = pa.timestamp("us", tz="UTC")
SCHEMES = ("lmdb",)


class NoStore(StorageError):
    """There is no store at this address yet, and whoever asked only reads."""


@dataclass(frozen=True)
class StepTable:
    """One version of a group as a store has it: `keys` and `values` are the columns' names and types."""

    group: str
    digest: str
    keys: pa.Schema
    values: pa.Schema

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of a batch of steps: keys, `_time`, `_arrival`, `_n`, values."""
        place = [pa.field(TIME, _TIMESTAMP), pa.field(ARRIVAL, _TIMESTAMP), pa.field(N, pa.int64())]
        return pa.schema([*self.keys, *place, *self.values])


class OnlineStore(Protocol):
    """One store, opened by its URL.

    Order: `declare`, `write` and `flush` as often as wanted, in any order over tables, then `close` once. Every method blocks, may be
    called from any thread of the process that opened the store, and raises `StorageError` where the store fails; a write that raised may
    have taken effect in part and may be repeated.
    """

    def declare(self, table: StepTable) -> None:
        """Makes a table known, to which nothing may be written for long; does nothing where it is."""
        ...

    def write(self, table: StepTable, batch: pa.RecordBatch) -> int:
        """Takes steps and says how many of them stand now.

        The batch has the columns of `table.schema` by name and stays the caller's; of several steps of one entity the newest counts. When
        it returns, readers see the steps, but until `flush` a crash of the machine may undo it.
        """
        ...

    def flush(self) -> None:
        """Returns when everything written before would survive a crash of the machine. Called at an epoch's end."""
        ...

    def read(self, table: StepTable, keys: pa.RecordBatch) -> pa.RecordBatch:
        """The newest step of each entity in `keys` (the key columns by name), in that order.

        The columns are those of `table.schema`; where an entity has no step, everything but its keys is null.
        """
        ...

    def scan(self, table: StepTable, batch_rows: int = 65_536) -> Sequence[pa.RecordBatch]:
        """All entities of a table as they stood at one instant, in the order of the store."""
        ...

    def tables(self) -> list[StepTable]:
        """The tables that have been written or declared, by group, the newest last."""
        ...

    def close(self) -> None:
        """Frees what the store holds; a second call does nothing."""
        ...


def open_store(url: str, *, read_only: bool = False) -> OnlineStore:
    """The store at `url`; `read_only` for those that never write, which then make no store where there is none.

    Raises `ConfigError` for a kind of store that does not exist, `StorageError` for one that cannot be opened, `NoStore` for one to read
    that is not there.
    """
    scheme, slashes, rest = url.partition("://")
    if not slashes or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        text = f"there is no online store for '{url}'{did_you_mean(scheme, SCHEMES)}; there are: {known}"
        raise ConfigError(text, url=url)
    from sinks.lmdb import LmdbStore

    return LmdbStore(rest, read_only=read_only)

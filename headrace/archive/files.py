"""One file of a log: what its footer says of it, in memory and as an entry of a manifest.

It promises that `LogFile.of_footer` and `LogFile.of_entry` give the same for the same file: one that stands in a manifest need not be
opened before its rows are read. Which files there are is left to `headrace.archive.days`, reading them to `headrace.archive.log`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.archive.folder import failures
from headrace.archive.formats import pq
from headrace.archive.layout import ARRIVAL, OFFSET, VERSION, day_end_us
from headrace.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.archive.folder import Folder


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group: consecutive places of one partition, at most `ROWS_PER_GROUP` rows in what we write.

    Arrivals never decrease from one group of a partition to the next. The event times are None where all are null. Bounds are included,
    in microseconds. `timely`: every row is known to have arrived at its event time.
    """

    path: str
    index: int
    partition: int
    rows: int
    first_offset: int
    min_arrival_us: int
    max_arrival_us: int
    min_time_us: int | None
    max_time_us: int | None
    timely: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of an archive, by its footer.

    `first_offset` to `last_offset` are the offsets that it accounts for: in a file from a topic those of dead letters too, so that it may
    hold fewer rows, or none. `dense`: offsets have no holes; `arrival_is_time`: in every row. `facts` are the footer's, without their
    prefix. `metadata` is None until the file was opened.
    """

    name: str
    partition: int
    first_offset: int
    last_offset: int
    rows: int
    size_bytes: int
    facts: dict[str, str]
    groups: tuple[RowGroup, ...]
    metadata: Any = field(default=None, compare=False, repr=False)

    @property
    def dense(self) -> bool:
        """Whether every offset is a row."""
        return self.last_offset - self.first_offset + 1 == self.rows

    @property
    def arrival_is_time(self) -> bool:
        """Whether the arrival of every row is its event time."""
        return self.facts["arrival"] == "time"

    @property
    def loaded(self) -> bool:
        """Whether it came of a load; a file from a topic lies in the folder of its day."""
        return day_end_us(self.name.partition("/")[0]) is None

    @property
    def first_arrival_us(self) -> int:
        """The arrival of its first offset."""
        return int(self.facts["first_arrival_us"])

    @property
    def last_arrival_us(self) -> int:
        """The arrival of its last offset."""
        return int(self.facts["last_arrival_us"])

    @property
    def place(self) -> tuple[int, bool, int]:
        """What files are sorted by: in each partition what was loaded precedes what came from the topic."""
        return self.partition, not self.loaded, self.first_offset

    def entry(self, folder: str) -> dict[str, Any]:
        """What a manifest in `folder` says of it."""
        groups = [[g.rows, g.first_offset, g.min_arrival_us, g.max_arrival_us, g.min_time_us, g.max_time_us] for g in self.groups]
        name = self.name.removeprefix(f"{folder}/")
        return {
            "name": name,
            "partition": self.partition,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
            "rows": self.rows,
            "bytes": self.size_bytes,
            "facts": self.facts,
            "groups": groups,
        }

    @classmethod
    def of_entry(cls, folder: str, entry: dict[str, Any]) -> LogFile:
        """The file that an entry of the manifest in `folder` stands for; raises KeyError or TypeError where it is none."""
        name, partition = f"{folder}/{entry['name']}", int(entry["partition"])
        groups = tuple(
            RowGroup(name, index, partition, rows, offset, first, last, earliest, latest, timely=entry["facts"]["arrival"] == "time")
            for index, (rows, offset, first, last, earliest, latest) in enumerate(entry["groups"])
        )
        bounds = entry["first_offset"], entry["last_offset"]
        return cls(name, partition, *bounds, entry["rows"], entry["bytes"], entry["facts"], groups)

    @classmethod
    def of_footer(cls, folder: Folder, name: str) -> LogFile:
        """The file `name` of a source's folder; raises `StorageError` where it is not one of a log."""
        path = folder.path(name)
        try:
            with folder.open(name) as opened:
                metadata: Any = pq.read_metadata(opened)
                size_bytes = opened.size()
        except failures() as error:
            raise StorageError(f"{path} is not a readable Parquet file: {error}", path=path) from error
        facts = {
            key.decode().removeprefix("headrace."): value.decode()
            for key, value in (metadata.metadata or {}).items()
            if key.startswith(b"headrace.")
        }
        if facts.get("version") != VERSION:
            found = f"version {facts['version']}" if "version" in facts else "no version"
            raise StorageError(f"{path} was not written by this release of headrace: found {found}, reads version {VERSION}", path=path)
        partition = int(facts["partition"])
        groups = tuple(_row_groups(name, metadata, partition, facts))
        bounds = int(facts["first_offset"]), int(facts["last_offset"])
        return cls(name, partition, *bounds, metadata.num_rows, size_bytes, facts, groups, metadata)


def _row_groups(name: str, metadata: Any, partition: int, facts: Mapping[str, str]) -> list[RowGroup]:
    time = facts["time"]
    at = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    found = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        arrival, offset = group.column(at[ARRIVAL]).statistics, group.column(at[OFFSET]).statistics
        times = group.column(at[time]).statistics if time in at else None
        known = bool(times is not None and times.has_min_max)
        found.append(
            RowGroup(
                path=name,
                index=index,
                partition=partition,
                rows=group.num_rows,
                first_offset=int(offset.min),
                min_arrival_us=arrival.min_raw,
                max_arrival_us=arrival.max_raw,
                min_time_us=int(times.min_raw) if times is not None and known else None,
                max_time_us=int(times.max_raw) if times is not None and known else None,
                timely=facts["arrival"] == "time",
            )
        )
    return found

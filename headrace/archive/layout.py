"""How the rows of a source lie in its log: columns, names of files, keys of the footer.

A log's columns are those of the source's schema, then `_partition` int32, `_offset` int64 and `_arrival` timestamp[us, UTC]. A file holds
consecutive places of one partition and is called `<partition>-<first offset>.parquet`, so that names sort by place. What was loaded lies in
the source's folder itself; what was archived from a topic in `date=YYYY-MM-DD/hour=HH` below it, the hour in which its rows arrived. It
promises that `file_name` and `place_of` are inverse; `VERSION` changes when a reader of today could not read tomorrow's files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.source import Source

PARTITION, OFFSET, ARRIVAL = "_partition", "_offset", "_arrival"
TIMESTAMP = pa.timestamp("us", tz="UTC")
PLACE_FIELDS = (
    pa.field(PARTITION, pa.int32(), nullable=False),
    pa.field(OFFSET, pa.int64(), nullable=False),
    pa.field(ARRIVAL, TIMESTAMP, nullable=False),
)
VERSION = "1"
ROWS_PER_GROUP = 131_072
GROUPS_PER_FILE = 32
DEAD = "_dead"
"""The folder of a source's dead letters."""
DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
_NAME = re.compile(r"(?:.*/)?(\d{5,})-(\d{20})\.parquet")
_DAY = re.compile(r"date=(-?\d{4,}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the archive needs to know of a source.

    `units[column]` is the unit (`s`, `ms`, `us`, `ns`) of integers in a timestamp column; `sorted_by` are the columns that get
    statistics besides the places: the event time and the keys.
    """

    name: str
    schema: pa.Schema
    time: str
    units: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source) -> Layout:
        """The layout of a Source."""
        units = {field.name: field.unit for field in source.fields if field.unit}
        return cls(source.name, source.base.schema, source.time, units, tuple(source.keys))

    def __post_init__(self) -> None:
        taken = [name for name in self.schema.names if name in {PARTITION, OFFSET, ARRIVAL}]
        if taken:
            text = f"source '{self.name}' has a column '{taken[0]}', a name that the log uses for itself; rename the column"
            raise InvalidName(text, column=taken[0], source=self.name)

    @property
    def log_schema(self) -> pa.Schema:
        """The columns of the log: the source's, then the place."""
        return pa.schema([*self.schema, *PLACE_FIELDS])

    @property
    def arrival_can_be_time(self) -> bool:
        """Whether `_arrival` could be a copy of the event time."""
        return bool(self.schema.field(self.time).type == TIMESTAMP)


def file_name(partition: int, first_offset: int) -> str:
    """The name of the file that starts at this place.

    >>> file_name(3, 1200)
    '00003-00000000000000001200.parquet'
    """
    return f"{partition:05d}-{first_offset:020d}.parquet"


def place_of(name: str) -> tuple[int, int] | None:
    """Partition and first offset of a file of the log, None for any other file.

    >>> place_of("00003-00000000000000001200.parquet"), place_of("notes.parquet")
    ((3, 1200), None)
    """
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def hour_folder(arrival_us: int) -> str:
    """The folder, in that of the source, of rows that arrived in this hour.

    >>> hour_folder(1_709_362_800_000_000)
    'date=2024-03-02/hour=07'
    """
    day, _, hour = str(np.datetime64(arrival_us, "us").astype("datetime64[h]")).partition("T")
    return f"date={day}/hour={hour}"


def day_folder(arrival_us: int) -> str:
    """The folder of the day of this arrival.

    >>> day_folder(1_709_362_800_000_000)
    'date=2024-03-02'
    """
    return hour_folder(arrival_us).partition("/")[0]


def day_end_us(folder: str) -> int | None:
    """The instant at which the day of a folder ends, None for a folder that is no day's.

    >>> day_end_us("date=2024-03-01"), day_end_us("_dead")
    (1709337600000000, None)
    """
    found = _DAY.fullmatch(folder)
    return int(np.datetime64(found[1], "us").astype(np.int64)) + DAY_US if found else None

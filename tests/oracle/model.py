"""The neutral description that the oracle reads: sources, a log, a group of features.

It promises plain frozen data and the two orders (place; event time, then place). Times are int64 microseconds, UTC. It relies on nothing
of the project. What a value means is left to `windows` and `values`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

SECOND = 1_000_000
Place = tuple[int, str, int, int]
Order = tuple[int, Place]
Values = Mapping[str, Any]
Closed = Literal["right", "left", "both", "none"]
Exclude = Literal["", "row", "instant"]


@dataclass(frozen=True)
class Source:
    """A topic: how late its events may be, how far ahead, after what silence a partition is idle, which column is unique."""

    lateness: int = 3600 * SECOND
    max_ahead: int = 300 * SECOND
    idle: int = 60 * SECOND
    unique: str | None = None


@dataclass(frozen=True)
class Record:
    """One record of a log. `time` and `key` may be null; a composite key is a tuple, null as soon as one part is."""

    arrival: int
    topic: str
    partition: int
    offset: int
    time: int | None
    key: Hashable
    values: Values

    @property
    def place(self) -> Place:
        """The total order of the log."""
        return (self.arrival, self.topic, self.partition, self.offset)

    @property
    def at(self) -> int:
        """The event time of a record that has one."""
        if self.time is None:
            msg = f"the record at {self.place} has no event time"
            raise ValueError(msg)
        return self.time

    @property
    def order(self) -> Order:
        """The order of an entity's events: event time, then place."""
        return (self.at, self.place)

    @property
    def has_key(self) -> bool:
        """Whether the record belongs to an entity."""
        parts = self.key if isinstance(self.key, tuple) else (self.key,)
        return all(part is not None for part in parts)


@dataclass(frozen=True)
class Log:
    """The sources and their records, in the order of places; arrivals never fall within a partition."""

    sources: Mapping[str, Source]
    records: tuple[Record, ...]

    def __post_init__(self) -> None:
        newest: dict[tuple[str, int], Record] = {}
        for record in self.records:
            before = newest.get((record.topic, record.partition))
            if before is not None and not (before.offset < record.offset and before.arrival <= record.arrival):
                msg = f"offset and arrival must rise within a partition: {before.place}, {record.place}"
                raise ValueError(msg)
            newest[record.topic, record.partition] = record
        if [record.place for record in self.records] != sorted(record.place for record in self.records):
            msg = "records must stand in the order of places"
            raise ValueError(msg)


def make_log(sources: Mapping[str, Source], records: list[Record]) -> Log:
    """A log of the records, put in the order of places."""
    return Log(sources, tuple(sorted(records, key=lambda record: record.place)))


@dataclass(frozen=True)
class Window:
    """`(t - delay - size, t - delay]`, the newest `rows` events, or both; neither bound is ever. `closed` and `exclude`: rows of events only."""

    size: int | None = None
    rows: int | None = None
    closed: Closed = "right"
    exclude: Exclude = ""
    delay: int = 0


@dataclass(frozen=True)
class Feature:
    """One aggregate over one window of one source's events.

    `where` is a bool column's name or a callable on the values; null does not pass. `kind` is one of `values.KINDS`, or "own": the column
    `input` outside an aggregate, which stands in the group's longest window.
    """

    name: str
    source: str
    kind: str
    input: str | None = None
    window: Window = Window()
    where: str | Callable[[Values], bool | None] | None = None
    n: int = 0
    half_life: int = 0
    ignore_nulls: bool = False

    @property
    def span(self) -> int | None:
        """Size and delay of its window, None where time does not bound it."""
        return None if self.window.size is None else self.window.size + self.window.delay

    @property
    def has_window(self) -> bool:
        """A column of its own, a decayed aggregate and a time since the last event of all have none."""
        if self.kind == "time_since_last":
            return self.window != Window()
        return self.kind not in {"own", "decay_sum", "decay_count"}

    def passes(self, record: Record) -> bool:
        """Whether the filter lets the record in."""
        if self.where is None:
            return True
        verdict = record.values[self.where] if isinstance(self.where, str) else self.where(record.values)
        return verdict is True


@dataclass(frozen=True)
class Group:
    """Features of one key over one or more sources, and the interval of its refresh instants."""

    features: tuple[Feature, ...]
    refresh: int = 60 * SECOND

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that its features read."""
        return tuple(dict.fromkeys(feature.source for feature in self.features))

    @property
    def longest(self) -> int | None:
        """The longest size + delay of all that its features look back on, None when one of them looks back for ever or there is none."""
        spans = [feature.span for feature in self.features if feature.kind != "own"]
        if any(feature.kind == "own" for feature in self.features):
            spans.append(self.own_span)
        return _longest(spans)

    @property
    def own_span(self) -> int | None:
        """The longest window, in which a column outside an aggregate stands; None for ever. What has no window does not count."""
        return _longest([feature.span for feature in self.features if feature.has_window])


def _longest(spans: list[int | None]) -> int | None:
    bounded = [span for span in spans if span is not None]
    return max(bounded) if bounded and len(bounded) == len(spans) else None

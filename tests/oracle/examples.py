"""Short hands for logs that are written down by a person: seconds in, a log out.

It promises nothing but brevity; instants are seconds after 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracle.model import SECOND, Feature, Group, Log, Record, Source, Window, make_log

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

MINUTE = 60 * SECOND


def event(
    arrival: float,
    time: float | None = None,
    *,
    key: Hashable = 1,
    topic: str = "a",
    partition: int = 0,
    x: float | None = 1.0,
    **values: Any,
) -> Record:
    """A record whose event time is its arrival unless said otherwise; `log_of` gives it its offset."""
    at = int((arrival if time is None else time) * SECOND)
    return Record(int(arrival * SECOND), topic, partition, -1, at, key, {"x": x, **values})


def log_of(records: Sequence[Record], **sources: Source) -> Log:
    """A log of the records, whose offsets follow the order in which they are written; sources that are not named have the defaults."""
    numbered = [
        Record(r.arrival, r.topic, r.partition, offset, r.time, r.key, r.values)
        for offset, r in enumerate(records)
    ]  # fmt: skip
    return make_log({topic: sources.get(topic, Source()) for topic in {r.topic for r in records}}, numbered)


def count(size: float | None = None, *, topic: str = "a", rows: int | None = None, delay: float = 0, **window: Any) -> Feature:
    """A count of all events in a window of `size` seconds."""
    shape = Window(None if size is None else int(size * SECOND), rows, delay=int(delay * SECOND), **window)
    return Feature("n", topic, "count", None, shape)


def group_of(*features: Feature, refresh: float = 60) -> Group:
    """A group with these features."""
    return Group(features, int(refresh * SECOND))


def seconds(instant: int) -> float:
    """Microseconds as seconds."""
    return instant / SECOND

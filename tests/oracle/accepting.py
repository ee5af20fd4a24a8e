"""What is late, ahead, null or seen before: a function of each partition's own log.

It promises, for every record, whether it is accepted or the reason why not, by the chapter "What is late". Null keys are no matter of the
log: `events` leaves them out for a group.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.model import Log, Record

NULL_TIME, TOO_FAR_AHEAD, TOO_LATE = "null time", "too far ahead", "too late"
DUPLICATE, NULL_KEY = "duplicate", "null key"
DEAD = (NULL_TIME, TOO_FAR_AHEAD, TOO_LATE)


@dataclass(frozen=True)
class Verdict:
    """`reasons` stands beside the log's records: None for an accepted one."""

    reasons: tuple[str | None, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many records were refused, by reason."""
        return Counter(reason for reason in self.reasons if reason is not None)


def accept(log: Log) -> Verdict:
    """Judge every record: dead by its partition's log, then dropped as a duplicate, then without an entity."""
    newest: dict[tuple[str, int], int] = {}
    taken: dict[str, list[Record]] = {name: [] for name in log.sources}
    reasons = []
    for record in log.records:
        reason = _dead(log, record, newest.get((record.topic, record.partition)))
        if reason is None:
            where = (record.topic, record.partition)
            newest[where] = max(newest.get(where, record.at), record.at)
            if _seen_before(log, record, taken[record.topic]):
                reason = DUPLICATE
            else:
                taken[record.topic].append(record)
                reason = None if record.has_key else NULL_KEY
        reasons.append(reason)
    return Verdict(tuple(reasons))


def events(log: Log, sources: Iterable[str]) -> list[Record]:
    """The accepted events of these sources that belong to an entity, in the order of places."""
    wanted = set(sources)
    reasons = accept(log).reasons
    return [record for record, reason in zip(log.records, reasons, strict=True) if reason is None and record.topic in wanted]


def _dead(log: Log, record: Record, newest: int | None) -> str | None:
    """`newest`: the newest event time earlier in the same partition's log, of records that have a time and are not too far ahead."""
    source = log.sources[record.topic]
    if record.time is None:
        return NULL_TIME
    if record.time > record.arrival + source.max_ahead:
        return TOO_FAR_AHEAD
    if newest is not None and record.time < newest - source.lateness:
        return TOO_LATE
    return None


def _seen_before(log: Log, record: Record, taken: list[Record]) -> bool:
    source = log.sources[record.topic]
    if source.unique is None or record.values[source.unique] is None:
        return False
    return any(
        other.values[source.unique] == record.values[source.unique] and abs(other.at - record.at) <= source.lateness for other in taken
    )

"""Log time and the clock: which refresh instants are passed, and at which log time.

It promises a timeline that depends on the log alone. Between two records log time passes continuously, microsecond by microsecond: a
partition is active while its last record is at most `idle` old; when it falls idle the smallest newest event time is taken again without
it; when all are idle since s, the clock advances at log time's pace from there. Within one arrival the records are read in the order of their places; refresh instants are
passed behind all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.oracle.accepting import DEAD, accept

if TYPE_CHECKING:
    from tests.oracle.model import Group, Log, Place, Record


@dataclass(frozen=True)
class Passed:
    """The refresh instant `instant` was passed when log time was `arrival`: after every event of that arrival, before every later one."""

    instant: int
    arrival: int


@dataclass
class Timeline:
    """The clock's way through a log.

    `before[place]` is the clock when log time has reached the record at that place, which is not read yet; None while no event time was seen.
    """

    passes: list[Passed] = field(default_factory=list)
    before: dict[Place, int | None] = field(default_factory=dict)


@dataclass
class _Partition:
    idle: int
    last: int
    newest: int | None = None

    def idle_after(self) -> int:
        """The last log time at which this partition is active, if no other record comes."""
        return self.last + self.idle


def timeline(log: Log, group: Group) -> Timeline:
    """The clock of a group: over the partitions of its sources."""
    dead = [reason in DEAD for reason in accept(log).reasons]
    mine = [(record, gone) for record, gone in zip(log.records, dead, strict=True) if record.topic in group.sources]
    run = _Run(group.refresh, min((record.at for record, gone in mine if not gone), default=0))
    for record, gone in mine:
        run.silence(record.arrival)
        run.line.before[record.place] = run.clock
        run.read(log, record, dead=gone)
    return run.line


class _Run:
    def __init__(self, refresh: int, oldest: int) -> None:
        """`oldest` is the log's oldest event time: refresh instants before it change nothing and are not listed."""
        self.refresh, self.oldest = refresh, oldest
        self.partitions: dict[tuple[str, int], _Partition] = {}
        self.log_time: int | None = None
        self.clock: int | None = None
        self.line = Timeline()

    def silence(self, until: int) -> None:
        """Let log time pass up to `until`, the arrival of the next record, without a record."""
        if self.log_time is None:
            return
        falls = sorted({p.idle_after() for p in self.partitions.values() if self.log_time <= p.idle_after() < until})
        for fall in falls:
            self.settle(fall + 1)
        last_fall = max(p.idle_after() for p in self.partitions.values())
        if last_fall < until and self.clock is not None:
            self._advance(self.clock + until - last_fall, until, pace=True)

    def read(self, log: Log, record: Record, *, dead: bool) -> None:
        """Count the record for its partition's activity and, unless it is dead, its event time, at most as its arrival."""
        partition = self.partitions.setdefault((record.topic, record.partition), _Partition(log.sources[record.topic].idle, record.arrival))
        partition.last = record.arrival
        if not dead:
            time = min(record.at, record.arrival)
            partition.newest = time if partition.newest is None else max(partition.newest, time)
        self.log_time = record.arrival
        self.settle(record.arrival)

    def settle(self, log_time: int) -> None:
        """Take the smallest newest event time of the partitions that are active at `log_time`."""
        active = [p.newest for p in self.partitions.values() if p.newest is not None and log_time <= p.idle_after()]
        if active:
            self._advance(min(active), log_time, pace=False)

    def _advance(self, clock: int, log_time: int, *, pace: bool) -> None:
        """Move the clock to `clock`, reached at `log_time`: in one leap, or a microsecond of clock for each of log time."""
        since = self.oldest - 1 if self.clock is None else self.clock
        first = (since // self.refresh + 1) * self.refresh
        for instant in range(first, clock + 1, self.refresh):
            self.line.passes.append(Passed(instant, log_time - (clock - instant) if pace else log_time))
        self.clock = clock if self.clock is None else max(self.clock, clock)

"""What a running flow says of itself: one line for a person, one record for a program.

Promises the same numbers in both; rates are those since the last call of `Teller.now`. Times are seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.running.job import RunWorker

LATE = ("too late", "no event time", "too far ahead")


class Teller:
    """Tells of one worker."""

    def __init__(self, worker: RunWorker) -> None:
        self.worker = worker
        self._at, self._rows = time.monotonic(), 0

    def now(self) -> dict[str, Any]:
        """The numbers: rates since the last call."""
        watch = self.worker.watch
        at, rows = time.monotonic(), watch.rows
        rate = (rows - self._rows) / max(1e-9, at - self._at)
        self._at, self._rows = at, rows
        counts = dict(watch.counts)
        lag = self.lag()
        return {
            "rows": rows,
            "rows_per_s": round(rate, 1),
            "lag": sum(lag.values()),
            "caught_up": watch.caught_up,
            "event_to_online_s": None if watch.delays.last_s is None else round(watch.delays.last_s, 4),
            "steps": sum(watch.steps.values()),
            "entities": watch.entities,
            "state_bytes": watch.state_bytes,
            "late": sum(n for name, n in counts.items() if name.startswith(LATE)),
            "undecodable": sum(n for name, n in counts.items() if name.startswith("undecodable")),
            "duplicates": sum(n for name, n in counts.items() if name.startswith("duplicate")),
            "null_keys": sum(n for name, n in counts.items() if name.startswith("null key")),
            "failed": sum(n for name, n in counts.items() if name.startswith("failed")),
            "checkpoint": watch.checkpoint,
            "trouble": self.trouble(),
        }

    def lag(self) -> dict[tuple[str, int], int]:
        """Messages that wait in Kafka, by topic and partition."""
        lag: dict[tuple[str, int], int] = {}
        for reader in list(self.worker.readers):
            lag |= reader.lag
        return lag

    def trouble(self) -> str | None:
        """What goes wrong and is tried again."""
        consumers = [reader.consumer for reader in self.worker.readers if reader.consumer is not None]
        told = [self.worker.watch.trouble, self.worker.keeper.trouble, *(consumer.trouble for consumer in consumers)]
        return next((text for text in told if text), None)


def line(found: dict[str, Any]) -> str:
    """One line for a person.

    >>> line({"rows_per_s": 20000.4, "rows": 1_200_000, "lag": 0, "caught_up": True, "event_to_online_s": 0.0123, "entities": 86000,
    ...       "state_bytes": 31_000_000, "late": 3, "undecodable": 0, "trouble": None})
    '20,000/s, 1,200,000 rows, caught up, event → online 12 ms, 86,000 entities in 31 MB, 3 late'
    """
    told = [f"{found['rows_per_s']:,.0f}/s", f"{found['rows']:,} rows"]
    told.append("caught up" if found["caught_up"] and not found["lag"] else f"{found['lag']:,} behind")
    if found["event_to_online_s"] is not None:
        told.append(f"event → online {found['event_to_online_s'] * 1000:,.0f} ms")
    told.append(f"{found['entities']:,} entities in {_size(found['state_bytes'])}")
    told += [f"{found[what]:,} {word}" for what, word in (("late", "late"), ("undecodable", "undecodable")) if found[what]]
    if found["trouble"]:
        told.append(f"TROUBLE: {found['trouble']}")
    return ", ".join(told)


def _size(size_bytes: int) -> str:
    for unit, per in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= per:
            return f"{size_bytes / per:,.1f} {unit}".replace(".0 ", " ")
    return f"{size_bytes} bytes"

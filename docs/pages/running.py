"""A worker that runs nothing and has something to tell of everything, for the pages of metrics and log lines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from headrace.running.telling import LATE, numbers_of
from headrace.running.watch import Watch

SOURCE = ("messages", "rows", "undecodable", "duplicate", "tombstone", "loaded already", "null key", *LATE)
"""What is counted by source."""
FEATURE = ("failed", "null")
"""What is counted by feature."""


class Worker:
    """A worker of one source, one group and one partition."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.watch.counted({f"{what} clicks": 1 for what in SOURCE} | {f"{what} buyers.rate": 1 for what in FEATURE} | {"overflow": 1})
        self.watch.steps["buyers"] = self.watch.stored["buyers"] = 1
        self.watch.checkpoint = {"number": 1, "seconds": 0.1, "at": 0.0}
        partition = SimpleNamespace(place=SimpleNamespace(arrival_us=0))
        reader = SimpleNamespace(lag={("clicks", 0): 1}, topics={"clicks": "clicks"}, partitions={("clicks", 0): partition})
        reader.consumer = SimpleNamespace(trouble=None)
        self.readers, self.producer = [reader], None
        compaction = SimpleNamespace(states=1, seconds=0.1, written_bytes=1)
        self.keeper = SimpleNamespace(written_bytes=1, journal_rows=1, compaction=compaction, trouble=None)

    def numbers(self) -> dict[str, Any]:
        """What is known of it."""
        return numbers_of(self)   # type: ignore[arg-type]

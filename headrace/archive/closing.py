"""Closes the days of an archived log that nothing more can come to: each gets its manifest.

It promises that a day is closed when every partition has published what arrived in it and gone beyond. Partitions that are silent at their
ends count as gone beyond an hour after the day by the wall clock; should a message with an old timestamp come all the same, the day is
opened again before its file is published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.archive.layout import HOUR_US, day_end_us

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.archive.log import FileLog


class Closing:
    """What one writer knows of the days of its log."""

    def __init__(self, log: FileLog) -> None:
        self.log = log
        self._closed: set[str] = set()

    def opened(self, day: str) -> None:
        """A file was published in a day; it has no manifest now."""
        self._closed.discard(day)

    def close(self, reached: Mapping[int, int | None], at_end: bool, now_us: int) -> list[str]:
        """Close what can be closed; `reached` is, by partition, the arrival that nothing unpublished lies before, None for not known.

        `at_end` says that every partition is read to its end and all of it is published.
        """
        found = [max(arrival or 0, now_us - HOUR_US) if at_end else arrival for arrival in reached.values()]
        bounds = [arrival for arrival in found if arrival is not None]
        if not bounds or len(bounds) < len(found):
            return []
        newly = []
        for day in self.log.days.names():
            ends_us = day_end_us(day)
            if day in self._closed or ends_us is None or ends_us > min(bounds):
                continue
            if self.log.days.manifest(day) is None:
                if not self.log.days.close(day):
                    continue
                newly.append(day)
            self._closed.add(day)
        return newly

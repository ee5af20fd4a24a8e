"""Rests for a process that works beside the flow: processors it leaves to the flow anyway, caches and memory it does not.

Whoever walks through tens of megabytes makes everybody's memory slower on the same chip. At full speed a flow that is half busy falls
behind for as long as that takes; with a rest behind every few milliseconds it is a little slower, and does not.
"""

from __future__ import annotations

import time

LEAST_S, MOST_S = 0.001, 0.25
RESTS = 16.0
"""The rest of a process is so many times as long as the work before it."""


def never() -> None:
    """No rest."""


class Pace:
    """The pace of this process: with rests, unless it `hurries`."""

    def __init__(self, rests: float = RESTS) -> None:
        self.rests = rests
        self.hurries = False
        self.rested_s = time.monotonic()

    def begin(self, *, hurries: bool) -> None:
        """Work begins here, behind a time without."""
        self.hurries, self.rested_s = hurries, time.monotonic()

    def rest(self) -> None:
        """Called between short pieces of work."""
        worked_s = time.monotonic() - self.rested_s
        if worked_s < LEAST_S:
            return
        if not self.hurries:
            time.sleep(min(MOST_S, self.rests * worked_s))
        self.rested_s = time.monotonic()

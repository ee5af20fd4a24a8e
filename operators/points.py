"""The records of a partition that the clock has to see: few of them, and the clock is the same.

A live reader tells every shard how far it is. It promises that a clock which walks the points instead of all records passes the same
refresh instants at the same places, and knows of the same silences: a point stands where the newest event time reaches another multiple of
the grid, on both sides of a silence, at least every `idle`, and at the end of every batch. Times are int64 microseconds.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from operators.kernels.tables import MIN64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operators.kernels.tables import Array


def grid_of(refreshes_us: Iterable[int]) -> int:
    """The distance that divides every refresh: where a clock passes an instant of any of them, it passes one of the grid.

    >>> grid_of([60_000_000, 90_000_000])
    30000000
    """
    return gcd(*refreshes_us)


class Points:
    """The points of one partition, batch after batch."""

    def __init__(self, grid_us: int, idle_us: int, max_ahead_us: int) -> None:
        self.grid_us, self.idle_us, self.max_ahead_us = grid_us, idle_us, max_ahead_us
        self.newest = MIN64
        self.told = MIN64

    def of(self, times: Array, has_time: Array | None, arrivals: Array) -> tuple[Array, Array, Array]:
        """The points of a batch that is not empty, as arrivals, newest event times, and whether one is known (bytes)."""
        counted = times <= arrivals + self.max_ahead_us
        if has_time is not None:
            counted &= has_time
        newest = np.maximum.accumulate(np.where(counted, np.minimum(times, arrivals), MIN64))
        np.maximum(newest, self.newest, out=newest)
        chosen = np.zeros(len(times), bool)
        chosen[0] = chosen[-1] = True
        cell = newest // self.grid_us
        chosen[1:] |= cell[1:] != cell[:-1]
        # a silence stands between two points; within a busy stretch no two points are so far apart that they look like one
        beat = arrivals // max(1, self.idle_us)
        apart = np.flatnonzero(beat[1:] != beat[:-1])
        chosen[apart] = chosen[apart + 1] = True
        self.newest, self.told = int(newest[-1]), int(arrivals[-1])
        found = newest[chosen]
        return arrivals[chosen], np.where(found == MIN64, 0, found), (found != MIN64).astype(np.uint8)

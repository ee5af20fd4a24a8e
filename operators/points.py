"""The records of a partition that the clock has to see: few of them, and the clock is the same.

A live reader tells every shard how far it is. It promises that a clock which walks the points instead of all records passes the same
refresh instants at the same places, and knows of the same silences: a point stands where the newest event time reaches another multiple of
the grid, on both sides of a silence, at least every `idle`, and at the end of every batch. Times are int64 microseconds.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from operators.kernels import judge
from operators.kernels.tables import MIN64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from operators.kernels.tables import Array


def grid_of(refreshes_us: Iterable[int]) -> int:
    """The distance that divides every refresh: where a clock passes an instant of any of them, it passes one of the grid.

    >>> grid_of([60_000_000, 90_000_000])
    30000000
    """
    return gcd(*refreshes_us)


class Points:
    """The points of the partitions of one source, batch after batch."""

    def __init__(self, grid_us: int, idle_us: int, max_ahead_us: int) -> None:
        self.grid_us, self.idle_us, self.max_ahead_us = grid_us, max(1, idle_us), max_ahead_us
        self.newest: dict[int, int] = {}

    def of(self, ordinals: Sequence[int], ends: Array, times: Array, has_time: Array, arrivals: Array) -> tuple[Array, Array, Array, Array]:
        """The points of rows that belong to these partitions up to `ends`.

        As ordinals, arrivals, newest event times, and whether one is known (bytes).
        """
        rows = len(times)
        newest = np.array([self.newest.get(ordinal, MIN64) for ordinal in ordinals], np.int64)
        ordinal, arrival, found = (np.empty(rows, np.int64) for _ in range(3))
        known = np.empty(rows, np.uint8)
        count = judge.points(
            times, has_time, arrivals, ends, np.array(ordinals, np.int64), self.grid_us, self.idle_us, self.max_ahead_us, newest,
            ordinal, arrival, found, known,
        )  # fmt: skip
        self.newest.update(zip(ordinals, newest.tolist(), strict=True))
        return ordinal[:count], arrival[:count], found[:count], known[:count]

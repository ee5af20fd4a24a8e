"""The clock of a set of sources as a function of log time.

`Clock.walk` takes the records of a stretch of the log in the order of their places and returns the stretch's `Pieces`: the clock is
piecewise `value + slope * (log time - at)`, slope 1 where every partition is silent. It promises that the pieces depend on the log alone,
not on how the records were cut into stretches. Refresh instants are multiples of `refresh_us` since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operators.kernels import judge
from operators.kernels.tables import MIN64

if TYPE_CHECKING:
    from headrace.plan.model import Plan
    from operators.kernels.tables import Array


@dataclass(frozen=True, slots=True)
class Pieces:
    """The clock over a stretch of log time; the first piece starts before it. Times are int64 microseconds."""

    at: Array
    value: Array
    slope: Array
    refresh_us: int

    def clock(self, log_time: Array) -> Array:
        """The clock when everything up to and at each log time has been read; the smallest int64 before the first record."""
        if not len(self.at):
            return np.full(len(log_time), MIN64, np.int64)
        i = np.searchsorted(self.at, log_time, side="right") - 1
        known = i >= 0
        i = np.maximum(i, 0)
        value = self.value[i] + self.slope[i] * (log_time - self.at[i])
        clock: Array = np.where(known, value, MIN64)
        return clock

    def passed(self, log_time: Array) -> Array:
        """The newest refresh instant that the clock has passed at each log time, or the smallest int64."""
        clock = self.clock(log_time)
        passed: Array = np.where(clock == MIN64, MIN64, clock // self.refresh_us * self.refresh_us)
        return passed

    def arrival(self, instants: Array) -> Array:
        """The log time at which the clock passed each refresh instant; instants are passed within the stretch."""
        top = self.value + self.slope * np.append(np.diff(self.at) - 1, 2**62)[: len(self.at)]
        i = np.searchsorted(np.maximum.accumulate(top), instants, side="left")
        i = np.minimum(i, len(self.at) - 1)
        arrival: Array = np.maximum(self.at[i], self.at[i] + self.slope[i] * (instants - self.value[i]))
        return arrival


class Clock:
    """The clock over the partitions of some sources, moved forward stretch by stretch."""

    def __init__(self, idle_us: Array, lateness_us: Array, refresh_us: int) -> None:
        """Both arrays are by partition, in the order of (topic, partition)."""
        self.idle, self.lateness, self.refresh_us = idle_us, lateness_us, refresh_us
        self.last = np.full(len(idle_us), MIN64, np.int64)
        self.newest = np.full(len(idle_us), MIN64, np.int64)
        self.state = np.full(3, MIN64, np.int64)
        self.carried = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def walk(self, arrivals: Array, times: Array, partitions: Array, counted: Array) -> tuple[Pieces, Array]:
        """The pieces of this stretch, and a byte for each record: whether it lies more than its lateness behind the clock.

        `counted` is 0 for a record without time or too far ahead of its arrival: it is a sign of life, but moves nothing.
        """
        room = 3 * len(arrivals) + 2 * len(self.last) + 4
        at, value, slope = (np.empty(room, np.int64) for _ in range(3))
        early = np.zeros(len(arrivals), np.uint8)
        count = judge.walk(
            arrivals, times, partitions, counted, self.idle, self.last, self.newest, self.state, self.refresh_us, self.lateness,
            at, value, slope, early,
        )  # fmt: skip
        pieces = Pieces(
            np.concatenate([self.carried[0], at[:count]]), np.concatenate([self.carried[1], value[:count]]),
            np.concatenate([self.carried[2], slope[:count]]), self.refresh_us,
        )  # fmt: skip
        self.carried = (pieces.at[-1:].copy(), pieces.value[-1:].copy(), pieces.slope[-1:].copy())
        return pieces, early

    @property
    def now(self) -> int:
        """The clock at the last record, the smallest int64 before the first."""
        return int(self.state[0])

    def freeze(self) -> dict[str, Array]:
        """The clock as plain arrays."""
        return {
            "last": self.last.copy(), "newest": self.newest.copy(), "state": self.state.copy(),
            "at": self.carried[0], "value": self.carried[1], "slope": self.carried[2],
        }  # fmt: skip

    def thaw(self, frozen: dict[str, Array]) -> None:
        """Go on from what `freeze` copied."""
        self.last, self.newest, self.state = frozen["last"].copy(), frozen["newest"].copy(), frozen["state"].copy()
        self.carried = (frozen["at"], frozen["value"], frozen["slope"])


def clock_sets(plan: Plan) -> list[tuple[tuple[str, ...], int]]:
    """The distinct (sources, refresh) of the plan's groups.

    Each has a clock of its own, so that a group's values do not depend on its company.
    """
    return list(dict.fromkeys((group.sources, group.refresh_us) for group in plan.groups))

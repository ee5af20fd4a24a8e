"""The identities that a source has shown lately: what `unique` drops.

An event is a duplicate when an earlier event in the log with the same value was kept and their event times differ by at most the
lateness. A null is nobody's duplicate. State is proportional to the events within twice the lateness.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from operators.kernels.tables import Array


class Unique:
    """Kept identities of one source, asked in the order of places."""

    def __init__(self, lateness_us: int, partitions: int) -> None:
        self.lateness_us, self.partitions = lateness_us, partitions
        self.kept: dict[object, list[int]] = {}
        self.newest: dict[int, int] = {}
        self.swept = 0

    def is_new(self, identity: object, time_us: int, partition: int) -> bool:
        """Whether the event of a partition is kept; it is remembered if it is."""
        self.newest[partition] = max(self.newest.get(partition, time_us), time_us)
        if identity is None:
            return True
        times = self.kept.get(identity)
        if times is not None and any(abs(time_us - kept) <= self.lateness_us for kept in times):
            return False
        if times is None:
            self.kept[identity] = [time_us]
        else:
            times.append(time_us)
        self.swept += 1
        if self.swept > len(self.kept) // 2 + 10_000:
            self._sweep()
        return True

    def _sweep(self) -> None:
        """Forget what no accepted event can be a duplicate of: an accepted event is at most the lateness behind its partition's newest."""
        self.swept = 0
        if len(self.newest) < self.partitions:
            return
        bound = min(self.newest.values()) - 2 * self.lateness_us
        self.kept = {k: kept for k, times in self.kept.items() if (kept := [t for t in times if t >= bound])}

    def freeze(self) -> dict[str, Array]:
        """The identities as a plain array of bytes."""
        return {"kept": np.frombuffer(pickle.dumps((self.kept, self.newest, self.swept)), np.uint8)}

    def thaw(self, frozen: dict[str, Array]) -> None:
        """Go on from what `freeze` copied; it was written by this program and is read from its own folder."""
        self.kept, self.newest, self.swept = pickle.loads(frozen["kept"].tobytes())

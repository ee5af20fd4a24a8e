"""Words that grow where they lie: of millions of them none is copied when there is room for more.

Many words have a private mapping of their own, which the kernel enlarges by what it notes of its pages: microseconds, where a copy of a
few hundred megabytes takes a good part of a second and as much memory again. Promises the words that were used, and undefined ones behind
them, which take memory only once they are written. Where the platform cannot enlarge a mapping, or somebody still looks at the words, they
are copied, and who looks keeps the old ones.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from operators.kernels.tables import Array

MAPPED_BYTES = 1 << 20
"""From so many bytes on it is a mapping."""
WORD = 8
NOTHING = np.zeros(0, np.int64)


class Words:
    """Some int64 words, `array`: of which no view may be kept while they are enlarged."""

    __slots__ = ("_mapping", "array")

    def __init__(self, first: Array, size: int) -> None:
        """`size` words, of which the first are copied from `first`."""
        self._mapping: Any = None
        self.array = NOTHING
        self._take(size)
        self.array[: len(first)] = first

    def enlarge(self, size: int, used: int) -> None:
        """Have `size` words; the first `used` stay what they are."""
        if self._mapping is not None and self._stretched(WORD * size):
            return
        before = self.array
        self._take(size)
        self.array[:used] = before[:used]

    def _take(self, size: int) -> None:
        if WORD * size < MAPPED_BYTES or not hasattr(mmap, "MAP_PRIVATE"):
            self.array = np.empty(size, np.int64)
            return
        self._mapping = mmap.mmap(-1, WORD * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._look()

    def _stretched(self, size_bytes: int) -> bool:
        self.array = NOTHING
        try:
            self._mapping.resize(size_bytes)
        except (BufferError, SystemError):   # there is a view; there is no way here
            return False
        finally:
            self._look()
        return True

    def _look(self) -> None:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._mapping.madvise(mmap.MADV_HUGEPAGE)
        self.array = np.frombuffer(self._mapping, np.int64)

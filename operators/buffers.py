"""Memory for what is written, used again once nobody holds it.

A page that a process touches for the first time is cleared by the kernel, which costs as much as the roll-up's own work on it. `take`
gives arrays on memory that was given before and that nothing refers to any more: neither an array nor an Arrow buffer. It relies on
CPython's count of references. One pool a process, for all its threads; it keeps at most `LIMIT_BYTES` for later.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from operators.kernels.tables import Array

LIMIT_BYTES = 256 << 20
SMALLEST_BYTES = 1 << 16
UNUSED = 3
"""References to a piece of memory that only the pool holds: the list's, the loop's, and that of the count itself."""


class Buffers:
    """Pieces of memory of a few sizes."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.pieces: dict[int, list[Array]] = {}
        self.bytes = 0
        self.lock = threading.Lock()

    def take(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of undefined content; its memory is the caller's until the last reference to it is gone."""
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        if size < SMALLEST_BYTES:
            return np.empty(shape, kind)
        # sizes in steps of an eighth, so that batches of nearly one length share their pieces
        step = 1 << (size.bit_length() - 4)
        room = -(-size // step) * step
        array: Array = self._piece(room)[:size].view(kind).reshape(shape)
        return array

    def _piece(self, room: int) -> Array:
        with self.lock:
            pieces = self.pieces.setdefault(room, [])
            for piece in pieces:
                if sys.getrefcount(piece) == UNUSED:
                    return piece
            fresh = np.empty(room, np.uint8)
            if self.bytes + room > self.limit_bytes:
                self._drop()
            if self.bytes + room <= self.limit_bytes:
                pieces.append(fresh)
                self.bytes += room
            return fresh

    def _drop(self) -> None:
        """Forget every piece: those in use go back when they are done, and other sizes get their turn."""
        self.pieces = {room: [] for room in self.pieces}
        self.bytes = 0


OUTPUT = Buffers()
"""What the roll-ups of this process write into."""

"""Memory for what is written, used again once nobody holds it.

A page that a process touches for the first time is cleared by the kernel, which costs as much as the roll-up's own work on it. `take`
gives arrays on memory that was given before and that nothing refers to any more: neither an array nor an Arrow buffer. It relies on
CPython's count of references. One pool a process, for all its threads; it keeps at most `LIMIT_BYTES` for later.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from operators.kernels.tables import Array

LIMIT_BYTES = 512 << 20
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
        size = math.prod(shape) * kind.itemsize
        if size < SMALLEST_BYTES:
            return np.empty(shape, kind)
        # powers of two, so that batches of any length share few pieces: what of a piece is never written to takes no memory
        array: Array = self._piece(1 << (size - 1).bit_length())[:size].view(kind).reshape(shape)
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

_zeros: list[Array] = [np.zeros(SMALLEST_BYTES, np.uint8)]
_ones: list[Array] = [np.ones(SMALLEST_BYTES, np.uint8)]


def joined(parts: list[Array]) -> Array:
    """One array of several of one type; a single one is not copied."""
    if len(parts) == 1:
        return parts[0]
    out = OUTPUT.take((sum(len(p) for p in parts),), parts[0].dtype)
    np.concatenate(parts, out=out)
    return out


def filled(rows: int, value: int) -> Array:
    """So many times a whole number."""
    out = OUTPUT.take((rows,), np.int64)
    out.fill(value)
    return out


def ones(rows: int) -> Array:
    """So many bytes of 1, that are everybody's: nobody may write to them."""
    if rows > len(_ones[0]):
        _ones[0] = np.ones(2 * rows, np.uint8)
    return _ones[0][:rows]


def zeros(rows: int, columns: int = 1) -> Array:
    """A matrix of zero bytes, columns × rows, that is everybody's: nobody may write to it."""
    size = rows * columns
    if size > len(_zeros[0]):
        _zeros[0] = np.zeros(2 * size, np.uint8)
    return _zeros[0][:size].reshape(columns, rows)

"""Texts of a shard: every different string or bytes value once, named by a number.

State holds the numbers; what is written holds the texts again, so that the numbers never show. A hash table finds a text's number; numbers
are given in the order of first appearance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from operators.kernels import intern

if TYPE_CHECKING:
    from operators.kernels.tables import Array


class Texts:
    """The different texts of one key's state in one shard."""

    def __init__(self) -> None:
        self.count = 0
        self.slots = np.full(64, -1, np.int64)
        self.offsets = np.zeros(33, np.int64)
        self.data = np.zeros(256, np.uint8)

    def numbers(self, offsets: Array, data: Array, valid: Array) -> Array:
        """The number of each text, new ones added; 0 where `valid` is 0. `offsets` has one more entry than there are rows."""
        out = np.zeros(len(valid), np.int64)
        need = self.count + len(valid) + 1
        if need > len(self.offsets):
            self.offsets = np.resize(self.offsets, max(need, 2 * len(self.offsets)))
        used = int(self.offsets[self.count])
        more = int(offsets[-1] - offsets[0]) if len(offsets) else 0
        if used + more > len(self.data):
            self.data = np.resize(self.data, max(used + more, 2 * len(self.data)))
        size = len(self.slots)
        while 2 * need > size:
            size *= 2
        if size > len(self.slots):
            self.slots = np.full(size, -1, np.int64)
            intern.index(self.slots, self.offsets, self.data, self.count)
        self.count = intern.intern(offsets, data, valid, self.slots, self.offsets, self.data, self.count, out)
        return out

    def keep(self, used: Array) -> Array:
        """Forget the texts whose `used` byte is 0; returns the new number of each old one."""
        numbers = np.cumsum(used, dtype=np.int64) - 1
        lengths = np.diff(self.offsets[: self.count + 1])[used != 0]
        offsets = np.zeros(len(lengths) + 33, np.int64)
        np.cumsum(lengths, out=offsets[1 : len(lengths) + 1])
        mask = np.repeat(used != 0, np.diff(self.offsets[: self.count + 1]))
        data = self.data[: int(self.offsets[self.count])][mask]
        self.count, self.offsets = len(lengths), offsets
        self.data = np.concatenate([data, np.zeros(256, np.uint8)])
        size = 64
        while 2 * (self.count + 1) > size:
            size *= 2
        self.slots = np.full(size, -1, np.int64)
        intern.index(self.slots, self.offsets, self.data, self.count)
        return numbers

    def gather(self, numbers: Array) -> tuple[Array, Array]:
        """`(offsets, data)` of the texts with these numbers, as int32 offsets and bytes."""
        lengths = self.offsets[numbers + 1] - self.offsets[numbers]
        offsets = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(int(offsets[-1]), np.uint8)
        intern.gather(numbers, self.offsets, self.data, offsets, data)
        return offsets, data

    def standing(self) -> dict[str, Array]:
        """The texts as plain arrays that change with them."""
        return {"text_offsets": self.offsets[: self.count + 1], "text_data": self.data[: int(self.offsets[self.count])]}

    @classmethod
    def thaw(cls, frozen: dict[str, Array]) -> Texts:
        """The texts that `freeze` copied."""
        self = cls()
        self.count = len(frozen["text_offsets"]) - 1
        self.offsets = np.concatenate([frozen["text_offsets"], np.zeros(32, np.int64)])
        self.data = np.concatenate([frozen["text_data"], np.zeros(256, np.uint8)])
        size = 64
        while 2 * (self.count + 1) > size:
            size *= 2
        self.slots = np.full(size, -1, np.int64)
        intern.index(self.slots, self.offsets, self.data, self.count)
        return self

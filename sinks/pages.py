"""The pages of a mapped file, made ready to be written before anybody waits for that.

What was brought to the disk is protected: the next write to each of its pages is a fault that asks the file system, which takes ten times
as long as the write. Linux does so beforehand for who asks (5.14 and later,
https://man7.org/linux/man-pages/man2/madvise.2.html#MADV_POPULATE_WRITE). Nothing is written by it, though the pages count as changed, and
go to the disk with the next sync; where it cannot be done nothing is.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAPS = Path("/proc/self/maps")
_POPULATE_WRITE = 23
PORTION_BYTES = 1 << 20
"""So much in one call: whoever takes or gives back memory meanwhile waits for its end."""


def make_writable(path: Path, size: int) -> bool:
    """Make the first `size` bytes ready wherever this process has the file mapped to write; whether that was done.

    Takes some microseconds a page, without the interpreter. Nobody may unmap the file meanwhile.
    """
    done = False
    try:
        maps = list(_mapped(path))
    except OSError:   # another system, or the file is gone: its map is as good as before
        return False
    for start, stop in maps:
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        used = min(stop, start + size)
        for at in range(start, used, PORTION_BYTES):
            if advise(at, min(PORTION_BYTES, used - at), _POPULATE_WRITE):
                return False
            done = True
    return done


def _mapped(path: Path) -> Iterator[tuple[int, int]]:
    """Where this process has the beginning of a file mapped to write."""
    file = path.stat()
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
    for line in _MAPS.read_bytes().splitlines():
        range_, rights, offset, its_device, inode, *_ = line.decode(errors="replace").split(maxsplit=5)
        if (its_device, int(inode), int(offset, 16)) == (device, file.st_ino, 0) and rights.startswith("rw"):
            start, stop = (int(word, 16) for word in range_.split("-"))
            yield start, stop

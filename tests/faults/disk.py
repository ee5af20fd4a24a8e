"""A small disk that a test fills and frees.

Promises that a full disk stays full: what others free while it is, is taken at once. It relies on root, who may mount a tmpfs.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE_BYTES = 4096
AGAIN_S = 0.01


class Disk:
    """The disk that is mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"
        self._freed = threading.Event()
        self._thread: threading.Thread | None = None

    def fill(self, left_bytes: int = 0) -> None:
        """Take all of it but about `left_bytes`, and what becomes free from now on."""
        self._freed.clear()
        self._take()
        if left_bytes:
            with self._filler.open("r+b") as file:
                file.truncate(max(0, self._filler.stat().st_size - left_bytes))
            return
        self._thread = threading.Thread(target=self._keep, name="full-disk", daemon=True)
        self._thread.start()

    def free(self) -> None:
        """Give it back."""
        self._freed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._filler.unlink(missing_ok=True)

    def _keep(self) -> None:
        while not self._freed.wait(AGAIN_S):
            self._take()

    def _take(self) -> None:
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while file.write(bytes(PAGE_BYTES)):
                pass


@contextlib.contextmanager
def mounted(path: Path, size_mb: int) -> Iterator[Disk]:
    """A disk of so many MB while it is entered; raises `PermissionError` where none can be mounted."""
    path.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(f"no small disk can be mounted: {done.stderr.strip()}")
    disk = Disk(path)
    try:
        yield disk
    finally:
        disk.free()
        subprocess.run(["umount", "--lazy", str(path)], check=True)

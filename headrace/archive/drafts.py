"""Files that are being written and have no name yet: a hidden folder in that of a source, or one of this machine's for a remote archive.

It promises that what a process left behind when it was killed is removed by the next one, and nothing that a living process still writes:
a draft is locked by its writer for as long as that lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import StorageError

if TYPE_CHECKING:
    from headrace.archive.folder import Folder

NAME = ".drafts"


class Draft:
    """One new, empty file, locked until `close`, which removes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        with contextlib.suppress(OSError):   # a file system without locks
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Remove the draft; what has got a name of its own by then stays."""
        self.path.unlink(missing_ok=True)
        os.close(self._handle)


class Drafts:
    """The drafts for one source's folder; on its disk where that is local, so that a draft can be given its name by a link."""

    def __init__(self, folder: Folder) -> None:
        self.path = Path(folder.uri) / NAME if folder.local else Path(tempfile.gettempdir()) / f"headrace-drafts-{os.getuid()}"

    def new(self) -> Draft:
        """A draft; raises `StorageError`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return Draft(self.path / f"{uuid.uuid4().hex}.parquet")
        except OSError as error:
            raise StorageError(f"cannot write to {self.path}: {error.strerror}", path=str(self.path)) from error

    def tidy(self) -> int:
        """Remove the drafts of those who are gone; how many."""
        removed = 0
        for path in self.path.glob("*.parquet") if self.path.is_dir() else ():
            try:
                handle = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue   # its writer lives
            else:
                path.unlink(missing_ok=True)
                removed += 1
            finally:
                os.close(handle)
        return removed

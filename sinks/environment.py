"""One LMDB environment a folder and process, shared by everything in the process that opens the folder.

LMDB must not be opened twice by one process, and its map may only grow while the process has no transaction: so all transactions of a
process take turns. It promises that a change runs again when the map was too small for it, and that a map which another process enlarged is
followed. Writes go to the map itself, which saves a copy of every page; the disk's room for all of it is taken beforehand, so that a full
disk is an error and not the end of the process. What stands in it is left to `sinks.lmdb`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import lmdb

from headrace.errors import StorageError
from sinks.online import NoStore
from sinks.pages import make_writable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")
MAP_BYTES = 1 << 18
READERS = 510
FULL_BYTES = 1 << 16
HOT_BYTES = 1 << 26
"""Behind a sync a map that is no larger is made ready to be written again, if there were as many writes before it as there are pages."""


class Environment:
    """The environment of one folder; `of` gives it, `release` as often gives it back."""

    _open: dict[Path, Environment] = {}  # noqa: RUF012
    _opening = threading.Lock()

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self.folder = folder
        self._file = folder / "data.mdb"
        self.read_only = read_only
        self._users = 0
        self._turn = threading.Lock()
        self._mapped = threading.Lock()
        self._writes = 0
        self._lmdb = self._opened()

    @classmethod
    def of(cls, folder: Path, *, read_only: bool) -> Environment:
        """The environment of `folder`, made where it is not there unless `read_only`."""
        with cls._opening:
            place = folder.resolve()
            found = cls._open.get(place)
            if found is None:
                found = cls._open[place] = cls(place, read_only=read_only)
            elif found.read_only and not read_only:
                found.allow_writing()
            found._users += 1
            return found

    def release(self) -> None:
        """Closes the environment once all its users have released it."""
        with self._opening:
            self._users -= 1
            if not self._users:
                del self._open[self.folder]
                with self._turn, self._mapped:
                    self._lmdb.close()

    def allow_writing(self) -> None:
        """Opens it again, to write."""
        with self._turn, self._mapped:
            self._lmdb.close()
            self.read_only = False
            self._lmdb = self._opened()

    def change(self, work: Callable[[Any], T], writes: int = 1) -> T:
        """Runs `work`, which writes about so often, in a transaction; again, where the map was full."""
        with self._turn:
            while True:
                try:
                    with self._begin(write=True) as transaction:
                        done = work(transaction)
                    self._writes += writes
                    return done
                except lmdb.MapFullError:
                    self._enlarge(2 * self._lmdb.info()["map_size"])
                except lmdb.Error as error:
                    raise self._failed(error) from error

    def look(self, work: Callable[[Any], T]) -> T:
        """Runs `work` in a transaction that reads; its values are copies."""
        with self._turn:
            try:
                with self._begin(write=False) as transaction:
                    return work(transaction)
            except lmdb.Error as error:
                raise self._failed(error) from error

    def sync(self) -> None:
        """Brings everything to the disk, while others may write; a second call without a change in between does nothing."""
        with self._mapped:
            writes, self._writes = self._writes, 0
            if not writes:
                return
            try:
                self._lmdb.sync(True)
            except lmdb.Error as error:
                self._writes += writes
                raise self._failed(error) from error
            pages = self._lmdb.info()["last_pgno"] + 1
            size = pages * self._lmdb.stat()["psize"]
            if writes >= pages and size <= HOT_BYTES:
                # nearly all of them are about to be written to again, by a flow that would wait for each
                make_writable(self._file, size)

    def _begin(self, *, write: bool) -> Any:
        try:
            return self._lmdb.begin(write=write)
        except lmdb.MapResizedError:
            self._enlarge(0)   # another process made it larger: take its size
            return self._lmdb.begin(write=write)

    def _opened(self) -> Any:
        if self.read_only and not self._file.exists():
            text = f"there is no online store at {self.folder}: headrace replay --online or headrace run fills it"
            raise NoStore(text, folder=str(self.folder))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / "lock.mdb").exists():
                # LMDB maps its lock without asking for room, and dies where there is none
                with tempfile.TemporaryFile(dir=self.folder) as room:
                    os.posix_fallocate(room.fileno(), 0, FULL_BYTES)
            with self._alone():
                size = max(MAP_BYTES, self._file.stat().st_size if self._file.exists() else 0)
                # no sync a transaction: the flow flushes at the end of an epoch, and a replay fills the store again
                opened = lmdb.open(
                    str(self.folder), map_size=size, readonly=self.read_only, sync=False, metasync=False, writemap=True, max_readers=READERS
                )
                self._take_room(size)
            opened.reader_check()   # places of readers that died
        except (OSError, lmdb.Error) as error:
            raise self._failed(error) from error
        return opened

    def _enlarge(self, size: int) -> None:
        """Map at least so many bytes, and never less than another process has."""
        try:
            with self._mapped, self._alone():
                size = max(size, self._file.stat().st_size)
                self._take_room(size)
                self._lmdb.set_mapsize(size)
        except (OSError, lmdb.Error) as error:
            raise self._failed(error) from error

    def _take_room(self, size: int) -> None:
        """Have the disk's room for a map of `size` bytes: a write to a page that has none would end the process."""
        if not self.read_only:
            with self._file.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time opens or enlarges: a map is cut to its size when it is opened, and another may write behind that."""
        if self.read_only:
            yield
            return
        with (self.folder / "size.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _failed(self, error: Exception) -> StorageError:
        text = f"the online store at {self.folder} failed: {error}"
        # LMDB calls a write that was cut short an input/output error
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self.folder).free < FULL_BYTES:
                text += " (no space left on its disk)"
        return StorageError(text, folder=str(self.folder))

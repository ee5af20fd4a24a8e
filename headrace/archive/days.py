"""Which files a log has: those of loads in the source's folder, and day by day those of its topic.

    clicks/00000-….parquet                            loaded
    clicks/date=2024-03-02/hour=07/00003-….parquet    from the topic, partition 3, arrived in this hour
    clicks/date=2024-03-02/_manifest.json             where it stands, exactly the files of that day, with what their footers say

It promises that a day with a manifest costs its reader one small file, and any other day a listing and the footers of new files. It relies
on writers to remove the manifest of a day before they change anything in it; a manifest that cannot be read counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from headrace.archive.files import LogFile
from headrace.archive.layout import day_end_us, place_of
from headrace.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.archive.folder import Folder

A = TypeVar("A")
B = TypeVar("B")
MANIFEST = "_manifest.json"
FORMAT = 1
_THREADS = 16


class Days:
    """The files of one source's folder. Remembers what it has read; may be used from several threads."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._files: dict[str, LogFile] = {}
        self._closed: dict[str, tuple[bytes, list[LogFile]]] = {}

    def files(self) -> list[LogFile]:
        """All files that are there now, in no order."""
        names = [name for name in self.folder.names() if place_of(name)]
        found: list[LogFile] = []
        for manifest, there in each(self._day, self.names()):
            found += manifest or ()
            names += there
        return found + self._read(names)

    def names(self) -> list[str]:
        """The folders of days, sorted."""
        return [name for name in self.folder.folders() if day_end_us(name) is not None]

    def files_of(self, day: str) -> list[LogFile]:
        """The files that lie in the folder of a day, whatever its manifest says."""
        return self._read(self._listed(day))

    def manifest(self, day: str) -> list[LogFile] | None:
        """What the manifest of a day says; None where there is none."""
        text = self.folder.child(day).content(MANIFEST)
        if text is None:
            return None
        known = self._closed.get(day)
        if known is None or known[0] != text:
            try:
                told = json.loads(text)
                if told["format"] != FORMAT:
                    return None
                known = text, [LogFile.of_entry(day, entry) for entry in told["files"]]
            except (ValueError, KeyError, TypeError):
                return None
            self._closed[day] = known
        return known[1]

    def close(self, day: str) -> bool:
        """Write the manifest of a day that will not change; False where somebody changed the day meanwhile."""
        files = sorted(self.files_of(day), key=lambda file: file.place)
        text = json.dumps({"format": FORMAT, "files": [file.entry(day) for file in files]}, separators=(",", ":"))
        folder = self.folder.child(day)
        draft = self.folder.draft(".json")
        try:
            with draft.open("w") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(f"cannot write {folder.path(MANIFEST)}: {error.strerror}", path=folder.path(MANIFEST)) from error
        folder.replace(draft, MANIFEST)
        if {file.name for file in files} == set(self._listed(day)):
            return True
        self.open(day)
        return False

    def open(self, day: str) -> None:
        """Remove the manifest of a day, before anything in it changes."""
        self.folder.child(day).remove(MANIFEST)

    def prune(self, day: str) -> None:
        """Remove the empty folders of a day; a store of objects has none."""
        if self.folder.local:
            path = Path(self.folder.path(day))
            for folder in [*path.glob("hour=*"), path]:
                with contextlib.suppress(OSError):   # not empty, or somebody has just used it
                    folder.rmdir()

    def _day(self, day: str) -> tuple[list[LogFile] | None, list[str]]:
        manifest = self.manifest(day)
        return manifest, self._listed(day) if manifest is None else []

    def _listed(self, day: str) -> list[str]:
        return [f"{day}/{name}" for name in self.folder.child(day).tree() if place_of(name)]

    def _read(self, names: Sequence[str]) -> list[LogFile]:
        new = [name for name in names if name not in self._files]
        self._files.update({file.name: file for file in each(lambda name: LogFile.of_footer(self.folder, name), new)})
        return [self._files[name] for name in names]


def each(work: Callable[[A], B], things: Sequence[A]) -> list[B]:
    """The results in order, worked out in threads: most of it is waiting for a store."""
    if len(things) < 2:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(min(_THREADS, len(things))) as pool:
        return list(pool.map(work, things))

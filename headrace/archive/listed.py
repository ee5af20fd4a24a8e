"""A log as it stood when it was listed first: its archive may go on meanwhile.

It promises the same files however often it is asked, at the price of one listing; which they are is left to `FileLog`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.archive.folder import Folder
from headrace.archive.log import FileLog

if TYPE_CHECKING:
    from headrace.archive.files import LogFile


class Listed(FileLog):
    """A log whose files are those of the first call."""

    def __init__(self, log: FileLog) -> None:
        super().__init__(Folder(log.folder.uri.rsplit("/", 1)[0], log.folder.options), log.layout)
        self._listed: list[LogFile] | None = None

    def files(self) -> list[LogFile]:
        """The files of the first call."""
        if self._listed is None:
            self._listed = super().files()
        return self._listed

"""The dead letters of a load: JSON lines, one a row that is not in the log.

It promises that the file appears whole, once the last row is known. What is done with dead letters is left to people.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from headrace.archive.folder import Folder
    from headrace.archive.parts import DeadRow


class DeadLetters:
    """`add` as rows are found, then `publish`; `close` in any case. `count` says how many there are."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.count = 0
        self._folder = folder
        self._name = name
        self._path: Path | None = None
        self._file: IO[str] | None = None

    def add(self, file: str, rows: Sequence[DeadRow]) -> None:
        """Takes the dead rows of a file."""
        if rows and self._file is None:
            self._path = self._folder.draft(".jsonl")
            self._file = self._path.open("w", encoding="utf-8")
        if self._file is not None:
            letters = ({"file": file, "row": row.row, "column": row.column, "reason": row.reason, "record": row.record} for row in rows)
            self._file.writelines(json.dumps(letter, ensure_ascii=False) + "\n" for letter in letters)
        self.count += len(rows)

    def publish(self) -> str | None:
        """Gives the file its name and returns its address; None where there are no dead rows."""
        if self._file is None or self._path is None:
            return None
        self._file.close()
        # where the name is taken, this very load was interrupted before: its dead rows are the same
        self._folder.publish(self._path, self._name)
        self._file = self._path = None
        return self._folder.path(self._name)

    def close(self) -> None:
        """Drops what was not published."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

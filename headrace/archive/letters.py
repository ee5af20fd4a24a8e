"""The dead letters of a source: what is not in its log, or is there and counts for nothing, with the reason and the bytes.

    clicks/_dead/date=2024-03-02/….jsonl   of messages, by the day of their arrival: topic, partition, offset, reason, key, value
    clicks/_dead/load-….jsonl              of a load: file, row, reason, record
    clicks/_dead/retried/….jsonl           which were tried again

It promises that what `add` was given is on the disk when `flush` returns, and that a message which was written twice, by a flow that began
again or by two flows, is listed once. What is done with a letter is left to `headrace.lettering`.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from headrace.archive.days import each
from headrace.archive.layout import DEAD, day_folder
from headrace.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from headrace.archive.folder import Folder

RETRIED = "retried"
FLUSH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Of a message: its topic, partition and offset, the arrival, and key and value as they came. Of a row of a loaded file: `topic` and
    `arrival_us` are None, `file` is its name, `partition` -1, `offset` the row, `value` the record as a text.
    """

    topic: str | None
    partition: int
    offset: int
    reason: str
    column: str | None
    key: bytes | None
    value: bytes | None
    arrival_us: int | None = None
    file: str | None = None

    @property
    def place(self) -> str:
        """What people call it by: partition/offset, or file/row."""
        return f"{self.partition if self.file is None else self.file}/{self.offset}"

    @property
    def identity(self) -> tuple[str, int, int]:
        """What tells it from any other of its source."""
        return self.topic or f"file {self.file}", self.partition, self.offset

    @property
    def in_log(self) -> bool:
        """Whether the message could be read and is archived all the same: a replay judges it again."""
        return self.column is None and self.reason in JUDGED


JUDGED = frozenset({"no event time", "too late", "too far ahead of its arrival"})
"""The reasons of messages that were read well and do not count."""


class LetterBox:
    """The dead letters of one source; may be used from several threads."""

    def __init__(self, folder: Folder) -> None:
        """`folder` is the source's in the archive."""
        self.folder = folder.child(DEAD)
        self.count = 0
        self._waiting: list[Letter] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, letters: Sequence[Letter]) -> None:
        """Take letters of messages; blocks where many wait, to write them."""
        with self._lock:
            self._waiting += letters
            self.count += len(letters)
            self._bytes += sum(200 + len(letter.value or b"") for letter in letters)
            full = self._bytes > FLUSH_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what waits; it is durable then. Raises `StorageError`, and keeps what it could not write."""
        with self._lock:
            days: dict[str, list[Letter]] = {}
            for letter in self._waiting:
                days.setdefault(day_folder(letter.arrival_us or 0), []).append(letter)
            for day, letters in days.items():
                self._write(day, [_told(letter) for letter in letters])
            self._waiting, self._bytes = [], 0

    def letters(self) -> list[Letter]:
        """All of them that were not tried again, messages by place, then rows of files."""
        return [letter for letter, retried in self.all() if not retried]

    def all(self) -> list[tuple[Letter, bool]]:
        """All of them, and whether they were tried again."""
        found: dict[tuple[str, int, int], Letter] = {}
        retried: set[tuple[str, int, int]] = set()
        names = [name for name in self.folder.tree() if name.endswith(".jsonl")]
        for name, text in zip(names, each(self.folder.content, names), strict=True):
            for line in (text or b"").splitlines():
                entry = json.loads(line)
                if name.startswith(f"{RETRIED}/"):
                    retried.add((entry["of"], entry["partition"], entry["offset"]))
                else:
                    letter = _read(entry)
                    found.setdefault(letter.identity, letter)
        ordered = sorted(found.values(), key=lambda letter: (letter.file is not None, letter.identity))
        return [(letter, letter.identity in retried) for letter in ordered]

    def mark(self, letters: Iterable[Letter]) -> None:
        """Note durably that these were tried again."""
        marks = [dict(zip(("of", "partition", "offset"), letter.identity, strict=True)) for letter in letters]
        if marks:
            self._write(RETRIED, marks)

    def _write(self, child: str, entries: Sequence[Mapping[str, Any]]) -> None:
        name = f"{uuid.uuid4().hex}.jsonl"
        draft = self.folder.draft(".jsonl")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(f"cannot write {self.folder.path(child)}: {error.strerror}", path=self.folder.path(child)) from error
        self.folder.child(child).publish(draft, name)


class Raw(Protocol):
    """Messages as `sources.consumer` gives them."""

    topic: str
    partition: int
    offsets: Any
    timestamps_us: Any
    values: list[bytes | None]
    keys: list[bytes | None]


def letter_of(raw: Raw, index: int, reason: str, column: str | None, arrival_us: int) -> Letter:
    """The letter of message number `index`."""
    return Letter(raw.topic, raw.partition, int(raw.offsets[index]), reason, column, raw.keys[index], raw.values[index], arrival_us)


def _told(letter: Letter) -> dict[str, Any]:
    """A letter of a message as JSON: bytes as the text that they are, in base64 where they are none."""
    told = {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "arrival_us": letter.arrival_us,
        "reason": letter.reason,
        "column": letter.column,
    }
    for name, data in (("key", letter.key), ("value", letter.value)):
        try:
            told[name] = None if data is None else data.decode()
        except UnicodeDecodeError:
            told[f"{name}_base64"] = base64.b64encode(data or b"").decode()
    return told


def _read(entry: dict[str, Any]) -> Letter:
    if "file" in entry:
        record = str(entry["record"]).encode()
        return Letter(None, -1, entry["row"], entry["reason"], entry["column"], None, record, file=entry["file"])
    data: dict[str, bytes | None] = {}
    for name in ("key", "value"):
        coded, text = entry.get(f"{name}_base64"), entry.get(name)
        data[name] = base64.b64decode(coded) if coded is not None else None if text is None else text.encode()
    place = entry["topic"], entry["partition"], entry["offset"]
    return Letter(*place, entry["reason"], entry["column"], data["key"], data["value"], entry["arrival_us"])

"""A topic that is made up, and its log as the archive's own parts write it, without a broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import headrace as hr
from headrace.archive import FileLog, Folder, Layout, archived_ends
from headrace.archive.append import Appender, Rolling
from headrace.archive.letters import LetterBox
from operators.decode import Decoder
from operators.intake import Intake, Skipped
from tests.kafka.messages import raw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from headrace.archive import End
    from operators.intake import Chunk
    from sources.consumer import RawBatch

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 1_709_337_600_000_000   # 2024-03-02
DAY = "date=2024-03-02"
CLICKS = hr.Source("clicks", schema={"uid": "int64", "item": "string", "ts": "timestamp[us]"}, time="ts")
LAYOUT = Layout.of(CLICKS)


def click(number: int, time_us: int | None) -> bytes:
    """A message."""
    return json.dumps({"uid": number, "item": f"i{number}", "ts": time_us}).encode()


def clicks(times_us: Sequence[int], first: int = 0, partition: int = 0) -> RawBatch:
    """Clicks that arrive when they happen, numbered by their offsets."""
    found = raw([click(first + at, time_us) for at, time_us in enumerate(times_us)], times_us, first, topic="clicks")
    found.partition = partition
    return found


def intake(ends: dict[int, End] | None = None, skip_upto_us: int | None = None, source: hr.Source = CLICKS) -> Intake:
    """The intake of one partition."""
    return Intake(source, Decoder(Layout.of(source)), ends or {}, skip_upto_us, Skipped())


def chunks(batches: Sequence[RawBatch], *arguments: Any) -> list[Chunk]:
    """What the intake makes of the batches of one partition."""
    return list(intake(*arguments).on_batch(list(batches))[0])


class Writer:
    """One partition's writer, as a process that archives has it."""

    def __init__(self, archive: Path | str, partition: int = 0, rolling: Rolling | None = None) -> None:
        self.log = FileLog(archive, LAYOUT)
        self.box = LetterBox(self.log.folder)
        self.ends = archived_ends(self.log)
        start = self.ends[partition].offset if partition in self.ends else None
        self.appender = Appender(self.log, "clicks", partition, start, self.box, rolling or Rolling())
        self.intake = intake(self.ends)

    def take(self, *batches: RawBatch) -> Writer:
        """Append what comes."""
        for chunk in self.intake.on_batch(list(batches))[0]:
            self.appender.append(chunk)
        return self

    def publish(self) -> str | None:
        """End the open file."""
        return self.appender.publish()


def archived(archive: Path | str, *batches: RawBatch, partition: int = 0) -> FileLog:
    """The log with these messages in one more file each hour; a log object that has read nothing yet."""
    Writer(archive, partition).take(*batches).publish()
    return FileLog(archive, LAYOUT)


def folder_of(archive: Path | str) -> Folder:
    """The source's folder in an archive."""
    return Folder(archive).child("clicks")


def history(path: Path, *times_us: int) -> Path:
    """A file of clicks that can be loaded."""
    path.write_bytes(b"".join(click(number, time_us) + b"\n" for number, time_us in enumerate(times_us)))
    return path

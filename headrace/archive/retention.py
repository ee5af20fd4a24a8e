"""Removes the oldest files of a log.

It promises that each partition loses whole files from its beginning alone, so that nothing is missing in the middle, and keeps its last,
which says where its topic goes on. Interrupted anywhere, it leaves a log that is right and goes on when run again. A reader that has
listed a file before it was removed finds it gone and says so.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from headrace.archive.layout import DEAD, day_end_us

if TYPE_CHECKING:
    from headrace.archive.files import LogFile
    from headrace.archive.log import FileLog


def expired(files: list[LogFile], before_us: int) -> list[LogFile]:
    """The files whose newest row arrived before an instant and that nothing older stays before, without the last of a partition."""
    found = []
    for _, each in groupby(files, key=lambda file: file.partition):
        for file in list(each)[:-1]:
            if file.last_arrival_us >= before_us:
                break
            found.append(file)
    return found


def remove_before(log: FileLog, before_us: int) -> list[str]:
    """Remove the files whose newest row arrived before an instant, and dead letters of days before it; the names of the files."""
    gone = expired(log.files(), before_us)
    days = sorted({file.name.partition("/")[0] for file in gone if not file.loaded})
    closed = [day for day in days if log.days.manifest(day) is not None]
    for day in days:
        log.days.open(day)
    for file in gone:
        log.folder.remove(file.name)
    for day in days:
        log.days.prune(day)
    for day in closed:
        if log.days.files_of(day):
            log.days.close(day)
    dead = log.folder.child(DEAD)
    for day in dead.folders():
        ends_us = day_end_us(day)
        if ends_us is not None and ends_us <= before_us:
            for name in dead.child(day).names():
                dead.remove(f"{day}/{name}")
    return [file.name for file in gone]

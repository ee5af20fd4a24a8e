"""Where an archive begins: by its files, and in partitions of which it holds nothing yet by `_begun.json` in the folder of a source.

    {"format": 1, "partitions": {"2": 500}}

It promises that what Kafka drops later can be told from what it had dropped before: a partition that was empty when its topic was archived
first has no file to say so. The offsets are what nothing is missing before: Kafka's first one at that time, the one behind a gap that was
accepted, or behind messages that were left out since they had been loaded. A file that cannot be read counts for nothing: a gap is told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.archive.log import FileLog

NAME = "_begun.json"
FORMAT = 1


def begun(log: FileLog) -> dict[int, int] | None:
    """By partition the offset that nothing is missing before; None where the topic was never archived, or this was not written."""
    text = log.folder.content(NAME)
    if text is None:
        return None
    try:
        told = json.loads(text)
        return {int(partition): int(offset) for partition, offset in told["partitions"].items()} if told["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def begins(logs: Mapping[str, FileLog]) -> int | None:
    """The arrival (µs) before which not all is in these logs, since files were removed or Kafka had dropped messages; None where all is."""
    found = []
    for log in logs.values():
        first = {file.partition: file for file in reversed(log.files())}
        found += [file.first_arrival_us for file in first.values() if file.first_offset > 0]
    return max(found, default=None)


def begin(log: FileLog, offsets: Mapping[int, int]) -> None:
    """Say where it begins, in place of what was said; raises `StorageError`."""
    told = {"format": FORMAT, "partitions": {str(partition): offset for partition, offset in sorted(offsets.items())}}
    log.folder.put(NAME, [json.dumps(told).encode()], ".json")

"""Where an archived log ends: the archive is the offset store of its topic.

It promises, for each partition, the offset behind the last one that the archive accounts for, as a row or as a dead letter. What was loaded
has no offsets of Kafka and does not count; the arrival of its last row says which messages of the topic are in the log already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.archive.log import FileLog


@dataclass(frozen=True, slots=True)
class End:
    """The end of one partition: the next offset of Kafka, the arrival and the newest accepted event time behind the one before.

    `newest_us` is None where no event time was accepted yet. Both go on behind the last message, be it a row or a dead letter.
    """

    offset: int
    arrival_us: int
    newest_us: int | None


def archived_ends(log: FileLog) -> dict[int, End]:
    """The ends of the partitions of which something was archived."""
    found = {}
    for file in log.files():
        if not file.loaded:
            newest = file.facts.get("newest_us")
            found[file.partition] = End(file.last_offset + 1, file.last_arrival_us, int(newest) if newest else None)
    return found


def archived_offsets(log: FileLog) -> dict[int, int]:
    """The next offset of Kafka by partition, of the partitions of which something was archived."""
    return {partition: end.offset for partition, end in archived_ends(log).items()}


def last_loaded_arrival(log: FileLog) -> int | None:
    """The arrival of the newest row that was loaded; None where nothing was.

    A message of the topic that arrived up to then is history that was loaded: whoever reads the topic leaves it out.
    """
    return max((file.last_arrival_us for file in log.files() if file.loaded), default=None)


def loaded_ends(log: FileLog) -> dict[str, list[int | str]]:
    """By partition, as text, where the loaded rows end: the offset behind the last one, and the load that it came of.

    A load changes it, whatever it brings; rows that were removed from the beginning do not, until there are none: the partition is not in
    it then.
    """
    return {str(file.partition): [file.last_offset + 1, file.facts.get("load", "")] for file in log.files() if file.loaded}

"""What Kafka has dropped and is no gap all the same: it arrived up to the last row that was loaded, so that it is among these.

Promises to answer by the first message that is left in a partition, whose arrival is not before that of any that was dropped. Where none
is left nobody knows, and it is taken for missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sources.topics import Settings


def dropped_and_loaded(settings: Settings, topic: str, low: Mapping[int, int], loaded_us: int | None) -> set[int]:
    """The partitions of which everything before offset `low` arrived up to `loaded_us`, the arrival of the last loaded row."""
    from sources.topics import offsets_at

    if loaded_us is None or not low:
        return set()
    # a timestamp of Kafka has milliseconds: the next one is the first that is later for certain
    later = offsets_at(settings, topic, (loaded_us // 1_000 + 1) * 1_000)
    return {partition for partition, first in low.items() if later.get(partition, first) > first}

"""Partitions that a topic is given while a run reads it.

Promises that a run hears of them within `LOOK_S`, unless Kafka does not answer then, or the run is in trouble and could not end with a
checkpoint: they are looked for again.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

LOOK_S = 60.0


@contextlib.contextmanager
def looked_for(
    settings: Mapping[str, Any],
    topics: Mapping[str, str],
    known: Collection[tuple[str, int]],
    in_trouble: Callable[[], bool],
    found: Callable[[list[str]], None],
) -> Iterator[None]:
    """While it is entered, topics (by source) are looked at for partitions that are not `known`; `found` is told once, in sentences."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_S):
            told = _told(settings, topics, known)
            if told and not in_trouble() and not ended.is_set():
                with contextlib.suppress(StorageError):   # tried again, as all else
                    found(told)
                    return

    threading.Thread(target=look, name="headrace-partitions", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _told(settings: Mapping[str, Any], topics: Mapping[str, str], known: Collection[tuple[str, int]]) -> list[str]:
    from sources.consumer import partitions_of

    told = []
    for source, topic in topics.items():
        before = {p for name, p in known if name == source}
        try:
            now = set(partitions_of(settings, topic))
        except HeadraceError:
            continue   # who reads it says so
        if now - before:
            told.append(f"topic {topic} has {len(now)} partitions now, {len(before)} before")
    return told

"""A row of an event: what is asked first.

It promises one row for each accepted event of each of the group's sources, in the order of places: evaluated at the event's time over the
event itself and what stands before it in the order, among what has arrived by its arrival. A cell whose window would need more than is
kept (the event lies below clock - lateness) is null, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.oracle import values, windows
from tests.oracle.accepting import events
from tests.oracle.clock import timeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.model import Feature, Group, Log, Record


@dataclass(frozen=True)
class Row:
    """The features of a group for one event; `lost` names those that would have needed more than is kept."""

    event: Record
    values: tuple[Any, ...]
    lost: tuple[str, ...]


def rows_of_events(log: Log, group: Group) -> list[Row]:
    """Every event's row."""
    clock = timeline(log, group).before
    accepted = events(log, group.sources)
    return [_row(log, group, event, visible(event, accepted), clock[event.place]) for event in accepted]


def visible(event: Record, accepted: Iterable[Record]) -> list[Record]:
    """What the row of `event` sees."""
    return [x for x in accepted if x.key == event.key and x.order <= event.order and x.arrival <= event.arrival]


def _row(log: Log, group: Group, event: Record, seen: list[Record], clock: int | None) -> Row:
    lost = tuple(f.name for f in group.features if _is_lost(log, f, event, clock))
    cells = tuple(None if f.name in lost else _cell(group, f, event, seen) for f in group.features)
    return Row(event, cells, lost)


def _is_lost(log: Log, feature: Feature, event: Record, clock: int | None) -> bool:
    if feature.kind == "own" and feature.source == event.topic:
        return False
    return clock is not None and event.at < clock - log.sources[feature.source].lateness


def _cell(group: Group, feature: Feature, event: Record, seen: list[Record]) -> Any:
    if feature.kind != "own":
        return values.value(feature, windows.of_event(feature, seen, event), event.at)
    if feature.source == event.topic:
        return event.values[feature.input or ""]
    return values.value(feature, windows.own(feature, group, seen, event.at), event.at)

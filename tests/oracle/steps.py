"""A step: the values of an entity just after an instant; what is asked second.

It promises the steps of every entity in the order in which the log makes them: at each event, and at each passed refresh instant where the
content of a window has changed since the entity was last evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.oracle import values, windows
from tests.oracle.accepting import events
from tests.oracle.clock import Passed, timeline

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from tests.oracle.model import Feature, Group, Log, Place, Record


@dataclass(frozen=True)
class Step:
    """`values` as they stand at `time`; `frames` are the windows' events, from which a look-up finishes what depends on its own instant."""

    key: Hashable
    time: int
    arrival: int
    n: int
    values: tuple[Any, ...]
    frames: tuple[tuple[Record, ...], ...]


@dataclass
class _Entity:
    events: list[Record] = field(default_factory=list)
    newest: int = 0
    evaluated: int = 0

    def add(self, event: Record) -> None:
        self.newest = max(self.newest, event.at) if self.events else event.at
        self.events.append(event)


def steps(log: Log, group: Group) -> list[Step]:
    """Every step of every entity."""
    entities: dict[Hashable, _Entity] = {}
    refreshed: int | None = None
    made = []
    for item in _agenda(log, group):
        if isinstance(item, Passed):
            refreshed = item.instant
            for key, entity in entities.items():
                instant = max(entity.newest, refreshed)
                if _content_changed(group, entity.events, entity.evaluated, instant):
                    made.append(_evaluate(group, key, entity, instant, item.arrival))
        else:
            if item.key in entities and _freed(log, group, entities[item.key], refreshed):
                del entities[item.key]
            entity = entities.setdefault(item.key, _Entity())
            entity.add(item)
            instant = entity.newest if refreshed is None else max(entity.newest, refreshed)
            made.append(_evaluate(group, item.key, entity, instant, item.arrival))
    return made


def frame(group: Group, feature: Feature, seen: list[Record], instant: int) -> tuple[Record, ...]:
    """The events that a feature is computed from in a step at `instant`."""
    if feature.kind == "own":
        return tuple(windows.own(feature, group, seen, instant))
    return tuple(windows.of_step(feature, seen, instant))


def _agenda(log: Log, group: Group) -> Iterator[Record | Passed]:
    """Events and passed refresh instants; at one arrival the events come first."""
    passes = timeline(log, group).passes
    done = 0
    for event in events(log, group.sources):
        while done < len(passes) and passes[done].arrival < event.arrival:
            yield passes[done]
            done += 1
        yield event
    yield from passes[done:]


def _evaluate(group: Group, key: Hashable, entity: _Entity, instant: int, arrival: int) -> Step:
    entity.evaluated = instant
    frames = tuple(frame(group, f, entity.events, instant) for f in group.features)
    cells = tuple(values.value(f, window, instant) for f, window in zip(group.features, frames, strict=True))
    return Step(key, instant, arrival, len(entity.events), cells, frames)


def _content_changed(group: Group, seen: list[Record], since: int, until: int) -> bool:
    """Whether an event entered or left a window after `since`, up to and with `until`."""
    return any(_feature_changed(group, f, seen, since, until) for f in group.features)


def _feature_changed(group: Group, feature: Feature, seen: list[Record], since: int, until: int) -> bool:
    points = [point for point in windows.turning_points(feature, group, seen) if since < point <= until]
    return any(_places(group, feature, seen, point) != _places(group, feature, seen, since) for point in points)


def _places(group: Group, feature: Feature, seen: list[Record], instant: int) -> list[Place]:
    return [x.place for x in frame(group, feature, seen, instant)]


def _freed(log: Log, group: Group, entity: _Entity, refreshed: int | None) -> bool:
    """Whether the entity's windows are empty for good, so that its state is gone and its events count anew."""
    if refreshed is None or group.longest is None:
        return False
    return refreshed >= entity.newest + group.longest + max(log.sources[name].lateness for name in group.sources)

"""Which events a window holds.

It promises, for the events that the asker sees, the ones inside a feature's window at an instant t, oldest first. The bounds by time hold
first, then the newest `rows` by the order among those that pass the filter; what `exclude` names is taken out of that frame, as SQL does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.model import Feature, Group, Record


def of_event(feature: Feature, seen: Iterable[Record], row: Record) -> list[Record]:
    """The window of a row of an event, at the event's time; `closed` and `exclude` hold."""
    window = feature.window
    upper = row.at - window.delay
    frame = [x for x in _candidates(feature, seen) if x.at < upper or (x.at == upper and window.closed in {"right", "both"})]
    if window.size is not None:
        lower = upper - window.size
        frame = [x for x in frame if x.at > lower or (x.at == lower and window.closed in {"left", "both"})]
    frame = _newest(frame, window.rows)
    if window.exclude == "row":
        return [x for x in frame if x is not row]
    if window.exclude == "instant":
        return [x for x in frame if x.at != row.at]
    return frame


def of_step(feature: Feature, seen: Iterable[Record], instant: int) -> list[Record]:
    """The window of a step: `(t - delay - size, t - delay]`, nothing excluded."""
    window = feature.window
    upper = instant - window.delay
    frame = [x for x in _candidates(feature, seen) if x.at <= upper]
    if window.size is not None:
        frame = [x for x in frame if x.at > upper - window.size]
    return _newest(frame, window.rows)


def own(feature: Feature, group: Group, seen: Iterable[Record], instant: int) -> list[Record]:
    """The group's longest window; a column outside an aggregate is that of the newest event in it."""
    return [x for x in _candidates(feature, seen) if x.at <= instant and (group.own_span is None or x.at > instant - group.own_span)]


def turning_points(feature: Feature, group: Group, seen: Iterable[Record]) -> set[int]:
    """The instants at which an event enters the window of a step because of its delay, or leaves it."""
    events = _candidates(feature, seen)
    if feature.kind == "own":
        return set() if group.own_span is None else {x.at + group.own_span for x in events}
    window = feature.window
    entering = {x.at + window.delay for x in events}
    leaving = set() if window.size is None else {x.at + window.delay + window.size for x in events}
    return entering | leaving


def _candidates(feature: Feature, seen: Iterable[Record]) -> list[Record]:
    passing = [x for x in seen if x.topic == feature.source and feature.passes(x)]
    return sorted(passing, key=lambda x: x.order)


def _newest(frame: list[Record], rows: int | None) -> list[Record]:
    return frame if rows is None else frame[max(0, len(frame) - rows) :]

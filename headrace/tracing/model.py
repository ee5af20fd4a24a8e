"""What a trace is: features, the cells that they are made of, the events in the cells' windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.times import format_time

if TYPE_CHECKING:
    from headrace.plan.model import Cell
    from headrace.tracing.events import Event

_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class CellTrace:
    """One aggregate over one window.

    `text` and `window` are in words; the window is `(after_us, upto_us]`, without a first bound where that is None; `states` has what each
    of `events` is to it, in words of `headrace.tracing.values`; `input` is the derived value that it reads.
    """

    cell: Cell
    text: str
    window: str
    source: str
    where: str | None
    input: str | None
    after_us: int | None
    upto_us: int
    events: tuple[Event, ...]
    states: tuple[str, ...]
    value: Any

    @property
    def counts(self) -> dict[str, int]:
        """How many events are in each state."""
        return {state: self.states.count(state) for state in dict.fromkeys(self.states)}

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """The same as plain data, with the newest `most` events, all of them where it is None."""
        first = 0 if most is None else max(0, len(self.events) - most)
        return {
            "aggregate": self.text,
            "window": {
                "after": None if self.after_us is None else format_time(self.after_us),
                "upto": format_time(self.upto_us),
                "rows": self.cell.window.rows,
            },
            "source": self.source,
            "where": self.where,
            "input": self.input,
            "counts": self.counts,
            "events": [
                {
                    "time": None if event.time_us is None else format_time(event.time_us),
                    "arrival": format_time(event.arrival_us),
                    "partition": event.partition,
                    "offset": event.offset,
                    "value": event.values.get(self.cell.input or ""),
                    "state": event.rejected or state,
                }
                for event, state in zip(self.events[first:], self.states[first:], strict=True)
            ],
            "value": self.value,
        }


@dataclass(frozen=True, slots=True)
class FeatureTrace:
    """One feature: `value` was computed from the events here, `flow` by the flow."""

    name: str
    type: str
    expression: str
    inserted: str
    cells: tuple[CellTrace, ...]
    value: Any
    flow: Any

    @property
    def agrees(self) -> bool:
        """Whether the two are the same, floats to 1e-9 of their size."""
        return same(self.value, self.flow)

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "name": self.name,
            "type": self.type,
            "expression": self.expression,
            "value": self.value,
            "flow": self.flow,
            "agrees": self.agrees,
            "cells": [cell.as_dict(most) for cell in self.cells],
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """The features of one entity at one instant, with the events behind them.

    `asked_us` is the asker's instant, `instant_us` the one at which the step's windows end; `refreshed` says that it is a refresh instant
    and not the newest event's; `known` whether the entity has a step. `events` are all its records up to the asker's instant.
    """

    group: str
    entity: dict[str, Any]
    asked_us: int
    instant_us: int
    refreshed: bool
    known: bool
    events: tuple[Event, ...]
    features: tuple[FeatureTrace, ...]

    @property
    def differs(self) -> list[FeatureTrace]:
        """The features whose value is not what the flow says."""
        return [feature for feature in self.features if not feature.agrees]

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """The same as plain data, with the newest `most` events of each cell, all of them where it is None."""
        return {
            "group": self.group,
            "entity": self.entity,
            "asked": format_time(self.asked_us),
            "windows_end": format_time(self.instant_us) if self.known else None,
            "known": self.known,
            "events": sum(not event.rejected for event in self.events),
            "agrees": not self.differs,
            "features": [feature.as_dict(most) for feature in self.features],
        }


def same(one: Any, two: Any) -> bool:
    """Whether two values are the same, floats to 1e-9 of their size.

    >>> same([1.0, None], [1.0 + 1e-12, None]), same(float("nan"), float("nan")), same(1.0, None)
    (True, True, False)
    """
    if isinstance(one, float) and isinstance(two, float):
        return (math.isnan(one) and math.isnan(two)) or math.isclose(one, two, rel_tol=_CLOSE, abs_tol=1e-300)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[name], two[name]) for name in one)
    return bool(one == two)

"""Which events are in a window, and the value of an aggregate over them: by plain loops, for one cell at one instant.

It promises the rules of the step: the window is `(t - delay - size, t - delay]`, of these the newest `rows`; nothing is excluded. It shares
no code with the kernels, so that the two can be held against each other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.plan.model import Cell
    from headrace.tracing.events import Event

COUNTED, NULL, LEFT, WAITING, FILTERED, REJECTED = "counted", "null", "left", "waiting", "filtered", "rejected"
"""What an event is to a window. LEFT: it was in it. WAITING: it is newer than the delay lets in. NULL: it is in it, and the aggregate skips
its input, which is null. FILTERED: it does not pass. REJECTED: it is in no window at all."""

_KEEP_NULLS = frozenset({"first", "last", "last_n", "lag"})
_INT64 = 2**63


def bounds_of(cell: Cell, instant_us: int) -> tuple[int | None, int]:
    """The window's bounds at an instant, in microseconds: the first is not included (None: there is none), the second is."""
    last = instant_us - cell.window.delay_us
    return (None if cell.window.size_us is None else last - cell.window.size_us), last


def states_of(cell: Cell, where: str | None, events: Sequence[Event], instant_us: int) -> list[str]:
    """What each of an entity's events of the cell's source, in order, is to its window."""
    after, last = bounds_of(cell, instant_us)
    states: list[str] = []
    for event in events:
        if event.rejected or event.time_us is None:
            states.append(REJECTED)
        elif where is not None and event.values[where] is not True:
            states.append(FILTERED)
        elif event.time_us > last:
            states.append(WAITING)
        else:
            states.append(LEFT if after is not None and event.time_us <= after else COUNTED)
    if cell.window.rows is not None:
        inside = [at for at, state in enumerate(states) if state == COUNTED]
        for at in inside[: max(0, len(inside) - cell.window.rows)]:
            states[at] = LEFT
    if cell.input is not None and (cell.kind not in _KEEP_NULLS or cell.ignore_nulls):
        empty = [event.values.get(cell.input) is None for event in events]
        states = [NULL if state == COUNTED and null else state for state, null in zip(states, empty, strict=True)]
    return states


def value_of(cell: Cell, states: Sequence[str], all_events: Sequence[Event]) -> Any:
    """The aggregate over the events that count, of all the entity's events in order; a time is what the plan derived, a Python value."""
    events = [event for event, state in zip(all_events, states, strict=True) if state == COUNTED]
    values = [event.values[cell.input] for event in events] if cell.input is not None else [1] * len(events)
    if cell.kind == "count":
        return len(values)
    if not events:
        return None
    if cell.kind == "n_unique":
        return len({_same(value) for value in values})
    if cell.half_life_us:
        # what fades stands at the newest event's time, whether its input is null or not
        newest = max(event.time_us or 0 for event, state in zip(all_events, states, strict=True) if state in {COUNTED, NULL})
        return _decayed(cell, values, [newest - (event.time_us or 0) for event in events])
    return _VALUES[cell.kind](cell, values, events)


def _sum(_: Cell, values: Sequence[Any], __: Sequence[Event]) -> Any:
    if all(isinstance(value, int) for value in values):
        total = sum(values)
        return total if -_INT64 <= total < _INT64 else None
    return _float_sum(values)


def _float_sum(values: Sequence[float]) -> float | None:
    try:
        return math.fsum(values)
    except ValueError:
        return math.nan   # both infinities
    except OverflowError:
        return None


def _mean(_: Cell, values: Sequence[Any], __: Sequence[Event]) -> float | None:
    if all(isinstance(value, int) for value in values):
        return int(sum(values)) / len(values)
    total = _float_sum(values)
    return None if total is None else total / len(values)


def _var(cell: Cell, values: Sequence[Any], events: Sequence[Event]) -> float | None:
    if len(values) < 2:
        return None
    if not all(math.isfinite(value) for value in values):
        return math.nan
    mean = _mean(cell, values, events)
    squares = None if mean is None else _float_sum([(value - mean) ** 2 for value in values])
    return None if squares is None else squares / (len(values) - 1)


def _std(cell: Cell, values: Sequence[Any], events: Sequence[Event]) -> float | None:
    found = _var(cell, values, events)
    return None if found is None else math.sqrt(found)


def _rank(value: Any) -> tuple[bool, Any]:
    """NaN is above all."""
    return (True, 0.0) if isinstance(value, float) and math.isnan(value) else (False, value)


def _same(value: Any) -> Any:
    return "NaN" if isinstance(value, float) and math.isnan(value) else (type(value), value)


def _last_time(_: Cell, __: Sequence[Any], events: Sequence[Event]) -> int | None:
    return events[-1].time_us


def _decayed(cell: Cell, values: Sequence[Any], ages_us: Sequence[int]) -> float | None:
    """Each value fades by half in a half-life."""
    return _float_sum([value * 0.5 ** (age / cell.half_life_us) for value, age in zip(values, ages_us, strict=True)])


_VALUES: dict[str, Callable[[Cell, Sequence[Any], Sequence[Event]], Any]] = {
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "std": _std,
    "min": lambda _, values, __: min(values, key=_rank),
    "max": lambda _, values, __: max(values, key=_rank),
    "first": lambda _, values, __: values[0],
    "last": lambda _, values, __: values[-1],
    "last_n": lambda cell, values, _: list(values[-cell.n :]),
    "lag": lambda cell, values, _: values[-1 - cell.n] if len(values) > cell.n else None,
    "last_time": _last_time,
}

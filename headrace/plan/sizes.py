"""What a plan keeps, in bytes: an estimate before anything runs.

An entity costs its record: a few words for each stored variable, window and aggregate. An event costs its time, its order and one word for
each input while it is in the longest window of its stored variable, with delay and lateness. Texts and lists come on top of it, by their
length. It promises the order of magnitude; the roll-up's own layout is the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.plan.model import Cell, Plan

WORD_BYTES = 8
_TRACK_WORDS = 4   # where its events begin and end, how many there are
_WINDOW_WORDS = 2   # where the window begins, what leaves it next
_WORDS = {
    "count": 1, "sum": 3, "mean": 4, "min": 2, "max": 2, "var": 5, "std": 5, "first": 1, "last": 1, "n_unique": 2, "last_n": 0, "lag": 0,
    "last_time": 1, "decay_sum": 2, "decay_count": 2,
}  # fmt: skip
_PER_EVENT_BYTES = {"min": 12, "max": 12, "n_unique": 16}   # kept beside the events: candidates, values with their numbers
_EVENT_BYTES = 16   # event time and order


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes an entity, bytes an event that is kept, and for how long that is; None is for ever, 0 not at all."""

    entity_bytes: int
    event_bytes: int
    keeps_us: int | None


def track_size(plan: Plan, track: int) -> Size:
    """What stored variable number `track` costs with the aggregates of all groups.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> group = hr.FeatureGroup("activity", key=buyer, features={"spend": clicks["price"].sum().over(["1h", "1d"])})
    >>> track_size(hr.plan.build([group]), 0)
    Size(entity_bytes=112, event_bytes=24, keeps_us=90000000000)
    """
    cells = [cell for group in plan.groups for cell in group.cells if cell.track == track]
    windows = {cell.window for cell in cells}
    accumulators = {(cell.kind, cell.input, cell.window) for cell in cells}
    words = _TRACK_WORDS + _WINDOW_WORDS * len(windows) + sum(_WORDS[kind] for kind, _, _ in accumulators)
    keeping = [cell for cell in cells if _reads_events(cell)]
    event_bytes = 0
    if keeping:
        event_bytes = _EVENT_BYTES + WORD_BYTES * len(plan.tracks[track].inputs)
        event_bytes += sum(_PER_EVENT_BYTES.get(kind, 0) for kind, _, _ in {(cell.kind, cell.input, cell.window) for cell in keeping})
    return Size(words * WORD_BYTES, event_bytes, _keeps(plan, track, keeping))


def _reads_events(cell: Cell) -> bool:
    """Whether an event that left the window has to be known: not for what only grows, nor for the newest value."""
    return cell.window.size_us is not None or cell.window.rows is not None or cell.window.delay_us > 0


def _keeps(plan: Plan, track: int, cells: list[Cell]) -> int | None:
    if not cells:
        return 0
    spans = [None if (w := cell.window).size_us is None else w.size_us + w.delay_us for cell in cells]
    bounded = [span for span in spans if span is not None]
    return max(bounded) + plan.source(plan.tracks[track].source).lateness_us if len(bounded) == len(spans) else None

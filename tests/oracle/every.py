"""Every aggregate over every shape of window, and a log that is long enough to tell them apart.

It promises the same log for the same seed: two sources, three partitions each, arrivals out of the order of time, ties of both, null values and
silences. `every_feature(window)` are all aggregates on all inputs that they take; `SHAPES` are the windows.
"""

from __future__ import annotations

import math
import random
from typing import Any

from tests.oracle.model import SECOND, Closed, Exclude, Feature, Log, Record, Source, Window, make_log
from tests.oracle.strategies import START

CLOSED: tuple[Closed, ...] = ("right", "left", "both", "none")
EXCLUDE: tuple[Exclude, ...] = ("", "row", "instant")
TAKES: dict[str, tuple[str | None, ...]] = {
    "count": (None, "x", "i", "s", "b"),
    "sum": ("x", "i", "b"),
    "mean": ("x", "i", "b"),
    "var": ("x", "i"),
    "std": ("x", "i"),
    "min": ("x", "i", "s"),
    "max": ("x", "i", "s"),
    "first": ("x", "i", "s", "b"),
    "last": ("x", "i", "s", "b"),
    "n_unique": ("x", "i", "s", "b"),
    "last_n": ("x", "i", "s", "b"),
    "lag": ("x", "i", "s", "b"),
    "time_since_last": (None,),
}
KEEPS_NULLS = {"first", "last", "last_n", "lag"}

SHAPES: dict[str, Window] = {
    **{f"time, closed {closed}": Window(20 * SECOND, closed=closed) for closed in CLOSED},
    **{f"time, without the {exclude}": Window(20 * SECOND, exclude=exclude) for exclude in EXCLUDE[1:]},
    **{f"rows, without {exclude or 'nothing'}": Window(rows=4, exclude=exclude) for exclude in EXCLUDE},
    **{f"time and rows, closed {closed}": Window(20 * SECOND, 3, closed=closed) for closed in CLOSED},
    "time and rows, without the row": Window(20 * SECOND, 3, exclude="row"),
    "ever": Window(),
    "ever, without the row": Window(exclude="row"),
    "delayed": Window(20 * SECOND, delay=7 * SECOND),
    "delayed, closed none": Window(20 * SECOND, delay=7 * SECOND, closed="none"),
    "delayed ever": Window(delay=7 * SECOND),
    "delayed rows": Window(rows=3, delay=7 * SECOND),
    "delayed time and rows": Window(20 * SECOND, 2, delay=7 * SECOND),
}


def every_feature(window: Window, source: str = "a", where: str | None = None) -> tuple[Feature, ...]:
    """All aggregates over the window."""
    found = []
    for kind, inputs in TAKES.items():
        for column in inputs:
            for ignore_nulls in (False, True) if kind in KEEPS_NULLS else (False,):
                name = f"{kind}_{column or 'all'}{'_present' if ignore_nulls else ''}"
                n = {"last_n": 3, "lag": 2}.get(kind, 0)
                found.append(Feature(name, source, kind, column, window, where, n=n, ignore_nulls=ignore_nulls))
    return tuple(found)


def decayed(source: str = "a", where: str | None = None) -> tuple[Feature, ...]:
    """The decayed aggregates, which take no window."""
    return (
        Feature("decayed_x", source, "decay_sum", "x", where=where, half_life=15 * SECOND),
        Feature("decayed_i", source, "decay_sum", "i", where=where, half_life=40 * SECOND),
        Feature("decayed_count", source, "decay_count", None, where=where, half_life=15 * SECOND),
    )


def long_log(seed: int, size: int = 50, *, sources: tuple[str, ...] = ("a", "b"), partitions: int = 3, wild: bool = False) -> Log:
    """A log of `size` records in each partition."""
    draw = random.Random(seed)
    records = []
    for topic in sources:
        for partition in range(partitions):
            arrival = START + draw.randrange(5) * SECOND
            for offset in range(size):
                arrival += draw.choice([0, 0, 1, 1, 1, 2, 3, 8, 30] + [100] * (draw.random() < 0.1)) * SECOND
                time = arrival - draw.choice([0, 0, 0, 1, 2, 5, 12, 30]) * SECOND + draw.choice([0, 0, 0, 0, -1, 1])
                records.append(Record(arrival, topic, partition, offset, time, draw.choice([1, 1, 2, 3]), _values(draw, wild=wild)))
    described = Source(lateness=40 * SECOND, max_ahead=SECOND, idle=45 * SECOND)
    return make_log(dict.fromkeys(sources, described), records)


def _values(draw: random.Random, *, wild: bool) -> dict[str, Any]:
    strange = [math.nan, math.inf, -math.inf] if wild else [0.5]
    huge = [2**63 - 1, -(2**63)] if wild else [7]
    return {
        "x": draw.choice([None, draw.randrange(-20, 20) / 4, draw.uniform(-100, 100), draw.uniform(0, 1), draw.choice(strange)]),
        "i": draw.choice([None, draw.randrange(-3, 4), draw.randrange(-1000, 1000), draw.choice(huge)]),
        "s": draw.choice([None, "", "a", "b", "ba", "é"]),
        "b": draw.choice([None, True, False]),
        "tag": None,
    }

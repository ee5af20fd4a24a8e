"""Random logs and groups for hypothesis.

`logs()` draws several partitions with jittered arrivals, ties of time and of arrival, late and null times, null keys and values, silences
longer than `idle`; `groups(sources)` draws features of every aggregate, window shape and filter. Times are mostly whole seconds, so that
bounds are hit, and sometimes a microsecond beside one. The value columns are `COLUMNS`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.oracle.lookups import Probe
from tests.oracle.model import SECOND, Feature, Group, Log, Record, Source, Window, make_log

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

START = 1_700_000_000 * SECOND
COLUMNS = {"x": "double", "i": "bigint", "s": "varchar", "b": "boolean", "tag": "varchar"}
KEYS = (1, 2, 3, None)
NUMBERS = ("x", "i", "b")
ALL_KINDS = (
    "count", "sum", "mean", "min", "max", "var", "std", "first", "last", "n_unique", "last_n", "lag", "time_since_last", "own", "decay_sum", "decay_count",
)  # fmt: skip

seconds = st.integers(0, 40).map(lambda s: s * SECOND)
_nudge = st.sampled_from([0, 0, 0, 0, 0, -1, 1])
_tame = st.one_of(st.integers(-8, 8).map(lambda v: v / 4), st.floats(-1000, 1000, width=16))
_wild = st.one_of(_tame, st.sampled_from([math.nan, math.inf, -math.inf, 0.1, 1e-3]))


def values(*, wild: bool = True) -> SearchStrategy[dict[str, Any]]:
    """The value columns of one event; `wild`: with NaN, infinities and integers near the bounds of int64."""
    whole = st.one_of(st.integers(-5, 5), st.sampled_from([2**63 - 1, -(2**63), 2**62])) if wild else st.integers(-1000, 1000)
    return st.fixed_dictionaries(
        {
            "x": st.none() | (_wild if wild else _tame),
            "i": st.none() | whole,
            "s": st.none() | st.sampled_from(["", "a", "b", "ab"]),
            "b": st.none() | st.booleans(),
            "tag": st.none() | st.sampled_from(["u", "v", "w", "y", "z"]),
        }
    )


@st.composite
def sources(draw: DrawFn) -> Source:
    """Lateness and silences short enough to matter within a log of minutes, or the defaults."""
    return Source(
        lateness=draw(st.sampled_from([3600, 3600, 0, 5, 20])) * SECOND,
        max_ahead=draw(st.sampled_from([300, 2, 0])) * SECOND,
        idle=draw(st.sampled_from([60, 8, 15])) * SECOND,
        unique=draw(st.sampled_from([None, None, None, "tag"])),
    )


@st.composite
def logs(draw: DrawFn, *, topics: int = 2, partitions: int = 2, size: int = 14, wild: bool = True) -> Log:
    """Up to `topics` sources of up to `partitions` partitions of up to `size` records."""
    records = []
    described = {}
    for topic in "ab"[: draw(st.integers(1, topics))]:
        described[topic] = draw(sources())
        for partition in range(draw(st.integers(1, partitions))):
            records += draw(_partition(topic, partition, size, wild=wild))
    return make_log(described, records)


@st.composite
def _partition(draw: DrawFn, topic: str, partition: int, size: int, *, wild: bool) -> list[Record]:
    arrival = START + draw(seconds) // 4
    records = []
    offset = draw(st.integers(0, 3))
    for _ in range(draw(st.integers(0, size))):
        arrival += draw(st.sampled_from([0, 0, 1, 1, 2, 5, 10, 30, 90])) * SECOND + max(0, draw(_nudge))
        behind = draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 6, 15, 25, -1, -3, None]))
        time = None if behind is None else arrival - behind * SECOND + draw(_nudge)
        key = draw(st.sampled_from(KEYS[:2] * 4 + KEYS))
        records.append(Record(arrival, topic, partition, offset, time, key, draw(values(wild=wild))))
        offset += draw(st.sampled_from([1, 1, 1, 2]))
    return records


@st.composite
def windows(draw: DrawFn, *, rows: bool = True, ever: bool = True) -> Window:
    """Every shape: by time in four closures, by rows, by both, ever; delayed; with the row or its instant excluded."""
    shape = draw(st.sampled_from(["size", "size", "size"] + ["rows", "both"] * rows + ["ever"] * ever))
    by_time = shape in {"size", "both"}
    return Window(
        size=draw(st.sampled_from([1, 3, 5, 10, 20, 60])) * SECOND if by_time else None,
        rows=draw(st.integers(1, 4)) if shape in {"rows", "both"} else None,
        closed=draw(st.sampled_from(["right", "right", "left", "both", "none"])) if by_time else "right",
        exclude=draw(st.sampled_from(["", "", "row", "instant"])),
        delay=draw(st.sampled_from([0, 0, 0, 1, 4, 12])) * SECOND,
    )


@st.composite
def features(
    draw: DrawFn, name: str, topic: str, kinds: tuple[str, ...] = ALL_KINDS, shapes: SearchStrategy[Window] | None = None
) -> Feature:
    """One feature of `topic`."""
    kind = draw(st.sampled_from(kinds))
    if kind == "own":
        return Feature(name, topic, kind, draw(st.sampled_from(["x", "i", "s", "b"])))
    forever = kind in {"decay_sum", "decay_count"} or (kind == "time_since_last" and draw(st.booleans()))
    if kind in {"time_since_last", "decay_count"}:
        column = None
    elif kind == "count":
        column = draw(st.sampled_from([None, "x", "s"]))
    elif kind in {"sum", "mean"}:
        column = draw(st.sampled_from(NUMBERS))
    elif kind in {"var", "std"}:
        column = draw(st.sampled_from(NUMBERS[:2]))
    elif kind == "decay_sum":
        column = "x"   # what is left of huge values that cancel depends on the order of additions
    elif kind in {"min", "max"}:
        column = draw(st.sampled_from(["x", "i", "s"]))
    else:
        column = draw(st.sampled_from(["x", "i", "s", "b"]))
    return Feature(
        name,
        topic,
        kind,
        column,
        Window() if forever else draw(windows() if shapes is None else shapes),
        where=draw(st.sampled_from([None, None, "b"])),
        n=draw(st.integers(1, 3)) if kind in {"last_n", "lag"} else 0,
        half_life=draw(st.sampled_from([3, 30])) * SECOND if kind in {"decay_sum", "decay_count"} else 0,
        ignore_nulls=kind in {"first", "last", "last_n", "lag"} and draw(st.booleans()),
    )


@st.composite
def groups(
    draw: DrawFn, log: Log, kinds: tuple[str, ...] = ALL_KINDS, shapes: SearchStrategy[Window] | None = None, most: int = 5
) -> Group:
    """A group of one to `most` features over the log's sources."""
    topics = list(log.sources)
    drawn = [draw(features(f"f{i}", draw(st.sampled_from(topics)), kinds, shapes)) for i in range(draw(st.integers(1, most)))]
    return Group(tuple(drawn), draw(st.sampled_from([60, 10, 5])) * SECOND)


@st.composite
def probes(draw: DrawFn, log: Log, most: int = 12) -> list[Probe]:
    """Questions at arrivals, a microsecond beside them, and in silences; of known and unknown entities."""
    arrivals = [record.arrival for record in log.records] or [START]
    instants = st.sampled_from(arrivals).flatmap(lambda a: st.sampled_from([a - 1, a, a, a + 1, a + 7 * SECOND, a + 61 * SECOND]))
    return [Probe(draw(st.sampled_from([1, 1, 2, 3, 9])), draw(instants)) for _ in range(draw(st.integers(1, most)))]

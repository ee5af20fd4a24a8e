"""Points and verdicts of several partitions at once are those of each alone, however their records come in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.kernels import judge
from operators.kernels.tables import MIN64
from operators.points import Points

GRID, IDLE, AHEAD = 10, 7, 4
Record = tuple[int, bool, int]
"""Event time, whether it has one, arrival."""


@st.composite
def partitions(draw: st.DrawFn) -> list[list[Record]]:
    """Logs of a few partitions, their arrivals in order."""
    logs = []
    for _ in range(draw(st.integers(1, 4))):
        arrivals = np.cumsum(draw(st.lists(st.integers(0, 12), max_size=30))).tolist()
        logs.append([(at + draw(st.integers(-40, 8)) - 50, draw(st.integers(0, 5)) > 0, at - 50) for at in arrivals])
    return logs


def points_of(log: list[Record]) -> list[tuple[int, int, int]]:
    """The points of one whole log read as one batch, record by record: arrival, newest event time, whether one is known."""
    newest, seen = MIN64, []
    for time, has_time, arrival in log:
        if has_time and time <= arrival + AHEAD:
            newest = max(newest, min(time, arrival))
        seen.append((newest, arrival))
    chosen = {0, len(log) - 1} if log else set()
    for i in range(1, len(log)):
        if seen[i][0] // GRID != seen[i - 1][0] // GRID:
            chosen.add(i)
        if seen[i][1] // IDLE != seen[i - 1][1] // IDLE:
            chosen |= {i - 1, i}
    return [(seen[i][1], 0 if seen[i][0] == MIN64 else seen[i][0], int(seen[i][0] != MIN64)) for i in sorted(chosen)]


def columns(records: list[Record]) -> tuple[Any, Any, Any]:
    """Times, whether there is one, arrivals."""
    times, has_time, arrivals = zip(*records, strict=True) if records else ((), (), ())
    return np.array(times, np.int64), np.array(has_time, np.uint8), np.array(arrivals, np.int64)


@given(partitions())
def test_the_points_of_a_batch(logs: list[list[Record]]) -> None:
    """Of partitions numbered 5, 6, …, some of which have no record in it."""
    ordinals = [5 + i for i in range(len(logs))]
    found = Points(GRID, IDLE, AHEAD).of(ordinals, np.cumsum([len(log) for log in logs]), *columns([r for log in logs for r in log]))
    wanted = [(ordinal, *point) for ordinal, log in zip(ordinals, logs, strict=True) for point in points_of(log)]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == wanted


@given(partitions(), st.data())
def test_what_is_known_goes_on_from_batch_to_batch(logs: list[list[Record]], data: st.DataObject) -> None:
    """The last point of a partition in each batch has the newest event time of all its records so far."""
    points, at = Points(GRID, IDLE, AHEAD), [0] * len(logs)
    for _ in range(4):
        stops = [data.draw(st.integers(a, len(log))) for a, log in zip(at, logs, strict=True)]
        parts = [log[a:b] for log, a, b in zip(logs, at, stops, strict=True)]
        found = points.of(range(len(logs)), np.cumsum([len(part) for part in parts]), *columns([r for part in parts for r in part]))
        last = {o: (a, n, k) for o, a, n, k in zip(*(column.tolist() for column in found), strict=True)}
        assert last == {p: points_of(logs[p][: stops[p]])[-1] for p in range(len(logs)) if parts[p]}
        at = stops


@given(partitions(), st.lists(st.one_of(st.just(MIN64), st.integers(-60, 60)), min_size=4, max_size=4))
def test_verdicts(logs: list[list[Record]], newest: list[int]) -> None:
    """Each partition has its own newest event time."""
    records = [r for log in logs for r in log]
    after, out = np.array(newest[: len(logs)], np.int64), np.empty(len(records), np.uint8)
    times, has_time, arrivals = columns(records)
    rejected = judge.judge_all(times, has_time, arrivals, np.cumsum([len(log) for log in logs]), 15, AHEAD, after, out)
    wanted, moved = [], []
    for log, before in zip(logs, newest, strict=False):
        alone = np.empty(len(log), np.uint8)
        times, has_time, arrivals = columns(log)
        moved.append(judge.judge(times, has_time, arrivals, 15, AHEAD, before, alone))
        wanted += alone.tolist()
    assert (out.tolist(), after.tolist(), rejected) == (wanted, moved, sum(verdict != judge.OK for verdict in wanted))

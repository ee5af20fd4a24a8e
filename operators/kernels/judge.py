"""What a partition's log makes of each record: accepted, without time, too late or too far ahead; its points; and the walk of the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels.tables import MIN64
from operators.machine.functions import inline, kernel

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Words

OK, NO_TIME, TOO_LATE, TOO_FAR_AHEAD = 0, 1, 2, 3


@inline
def verdict_on(t: int, has_time: int, arrival: int, lateness: int, max_ahead: int, newest: int) -> int:
    """The verdict on a record behind those whose newest event time is `newest`."""
    if has_time == 0:
        return NO_TIME
    if t > arrival + max_ahead:
        return TOO_FAR_AHEAD
    if newest != MIN64 and t < newest - lateness:
        return TOO_LATE
    return OK


@kernel
def judge(times: Words, has_time: Bytes, arrivals: Words, lateness: int, max_ahead: int, newest: int, out: Bytes) -> int:
    """Write a verdict for each record of one partition, in order; returns the newest event time after it.

    `newest` is that of the records before, the smallest int64 for none. A record that is rejected does not move it.
    """
    for i in range(len(times)):
        out[i] = verdict_on(times[i], has_time[i], arrivals[i], lateness, max_ahead, newest)
        if out[i] == OK:
            newest = max(newest, times[i])
    return newest


@kernel
def judge_all(
    times: Words, has_time: Bytes, arrivals: Words, ends: Words, lateness: int, max_ahead: int, newest: Words, out: Bytes
) -> int:
    """The same for several partitions of one source, whose records end at `ends`; moves their `newest`, returns how many are rejected."""
    rejected = 0
    i = 0
    for p in range(len(ends)):
        while i < ends[p]:
            out[i] = verdict_on(times[i], has_time[i], arrivals[i], lateness, max_ahead, newest[p])
            if out[i] == OK:
                newest[p] = max(newest[p], times[i])
            else:
                rejected += 1
            i += 1
    return rejected


@kernel
def points(
    times: Words, has_time: Bytes, arrivals: Words, ends: Words, ordinals: Words, grid: int, idle: int, max_ahead: int, newest: Words,
    out_ordinal: Words, out_arrival: Words, out_newest: Words, out_known: Bytes,
) -> int:  # fmt: skip
    """Write the points of several partitions' records (`operators.points`), move their `newest`; returns how many there are."""
    count = 0
    start = 0
    for p in range(len(ends)):
        pending = False
        for i in range(start, ends[p]):
            before = newest[p]
            if has_time[i] != 0 and times[i] <= arrivals[i] + max_ahead:
                newest[p] = max(before, min(times[i], arrivals[i]))
            beats = i > start and arrivals[i] // idle != arrivals[i - 1] // idle
            if pending and beats:
                # the record before a silence is a point as well
                out_ordinal[count] = ordinals[p]
                out_arrival[count] = arrivals[i - 1]
                out_newest[count] = 0 if before == MIN64 else before
                out_known[count] = 0 if before == MIN64 else 1
                count += 1
            if i == start or i == ends[p] - 1 or beats or newest[p] // grid != before // grid:
                out_ordinal[count] = ordinals[p]
                out_arrival[count] = arrivals[i]
                out_newest[count] = 0 if newest[p] == MIN64 else newest[p]
                out_known[count] = 0 if newest[p] == MIN64 else 1
                count += 1
                pending = False
            else:
                pending = True
        start = ends[p]
    return count


@kernel
def walk(
    arrivals: Words, times: Words, partitions: Words, counted: Bytes, idle: Words, last: Words, newest: Words, state: Words, refresh: int,
    late_bound: Words, at: Words, value: Words, slope: Words, early: Bytes,
) -> int:  # fmt: skip
    """Move the clock over records in the order of their places.

    Writes the clock as pieces (at, value, slope): from log time `at` on it is value + slope * (log time - at). A piece is written
    where the clock passes a multiple of `refresh` and where it starts or stops to follow log time. `last` and `newest` are by
    partition, `state` is [clock, silent since or MIN64, last arrival]. `early[i]` becomes 1 where record i lies before clock -
    late_bound[i's partition]. Returns how many pieces there are; `at` has room for three a record and two a partition.
    """
    count = 0
    clock = state[0]
    silent = state[1]
    before = state[2]
    n_partitions = len(last)
    check = MIN64
    for i in range(len(arrivals)):
        a = arrivals[i]
        p = partitions[i]
        # what falls silent before this record
        while silent == MIN64 and before != MIN64 and a > check:
            first = MIN64
            for q in range(n_partitions):
                if last[q] != MIN64 and last[q] + idle[q] >= before and (first == MIN64 or last[q] + idle[q] < first):
                    first = last[q] + idle[q]
            check = first
            if first == MIN64 or first >= a:
                break
            low = MIN64
            active = False
            for q in range(n_partitions):
                if last[q] != MIN64 and last[q] + idle[q] > first:
                    active = True
                    if newest[q] != MIN64 and (low == MIN64 or newest[q] < low):
                        low = newest[q]
            if active:
                before = first + 1
                if low != MIN64 and (clock == MIN64 or low > clock):
                    if clock == MIN64 or low // refresh != clock // refresh:
                        at[count] = first + 1
                        value[count] = low
                        slope[count] = 0
                        count += 1
                    clock = low
            else:
                silent = first
                if clock != MIN64:
                    at[count] = first
                    value[count] = clock
                    slope[count] = 1
                    count += 1
        if silent != MIN64:
            if clock != MIN64:
                # up to the last microsecond before the record; the record itself is a place of its own
                clock += a - silent
                at[count] = a
                value[count] = clock
                slope[count] = 0
                count += 1
            silent = MIN64
        before = a
        if clock != MIN64 and counted[i] and times[i] < clock - late_bound[p]:
            early[i] = 1
        was = newest[p]
        last[p] = a
        if counted[i]:
            newest[p] = max(was, min(times[i], a))
        low = MIN64
        for q in range(n_partitions):
            if last[q] != MIN64 and a - last[q] <= idle[q] and newest[q] != MIN64 and (low == MIN64 or newest[q] < low):
                low = newest[q]
        if low != MIN64 and (clock == MIN64 or low > clock):
            if clock == MIN64 or low // refresh != clock // refresh:
                at[count] = a
                value[count] = low
                slope[count] = 0
                count += 1
            clock = low
    state[0] = clock
    state[1] = silent
    state[2] = before
    return count

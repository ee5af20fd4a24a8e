"""What a partition's log makes of each record: accepted, without time, too late or too far ahead; and the walk of the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.kernels.tables import MIN64
from operators.machine.functions import kernel

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Words

OK, NO_TIME, TOO_LATE, TOO_FAR_AHEAD = 0, 1, 2, 3


@kernel
def judge(times: Words, has_time: Bytes, arrivals: Words, lateness: int, max_ahead: int, newest: int, out: Bytes) -> int:
    """Write a verdict for each record of one partition, in order; returns the newest event time after it.

    `newest` is that of the records before, the smallest int64 for none. A record that is rejected does not move it.
    """
    for i in range(len(times)):
        t = times[i]
        if not has_time[i]:
            out[i] = NO_TIME
        elif t > arrivals[i] + max_ahead:
            out[i] = TOO_FAR_AHEAD
        elif newest != MIN64 and t < newest - lateness:
            out[i] = TOO_LATE
        else:
            out[i] = OK
            newest = max(newest, t)
    return newest


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

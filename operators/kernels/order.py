"""Whether rows stand in the order in which they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.machine.functions import kernel

if TYPE_CHECKING:
    from operators.machine.values import Words

SORTED, BACKWARD, UNSORTED = 0, 1, 2


@kernel
def order_of(arrival: Words, time: Words, ends: Words) -> int:
    """UNSORTED where an arrival is smaller than the one before; BACKWARD where of two of one arrival the later has the smaller time.

    Rows are those of several shards, which end at `ends`; each stands for itself.
    """
    found = SORTED
    start = 0
    for s in range(len(ends)):
        for i in range(start + 1, ends[s]):
            if arrival[i] < arrival[i - 1]:
                return UNSORTED
            if arrival[i] == arrival[i - 1] and time[i] < time[i - 1]:
                found = BACKWARD
        start = ends[s]
    return found

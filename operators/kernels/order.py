"""Whether rows stand in the order in which they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.machine.functions import kernel

if TYPE_CHECKING:
    from operators.machine.values import Words

SORTED, BACKWARD, UNSORTED = 0, 1, 2


@kernel
def order_of(arrival: Words, time: Words) -> int:
    """UNSORTED where an arrival is smaller than the one before; BACKWARD where of two of one arrival the later has the smaller time."""
    found = SORTED
    for i in range(1, len(arrival)):
        if arrival[i] < arrival[i - 1]:
            return UNSORTED
        if arrival[i] == arrival[i - 1] and time[i] < time[i - 1]:
            found = BACKWARD
    return found

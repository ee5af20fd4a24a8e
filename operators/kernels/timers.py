"""Timers: a binary heap of (refresh instant, entity) for one group each; an entry that is no longer an entity's due instant is stale."""

from __future__ import annotations

from operators.machine.functions import inline, outlined
from operators.machine.operations import set_word, word


@inline
def is_before(times: int, entities: int, a: int, b: int) -> bool:
    """Whether entry a comes before entry b."""
    return word(times, a) < word(times, b) or (word(times, a) == word(times, b) and word(entities, a) < word(entities, b))


@inline
def swap(array: int, a: int, b: int) -> None:
    """Exchange two words."""
    kept = word(array, a)
    set_word(array, a, word(array, b))
    set_word(array, b, kept)


@outlined
def push_timer(times: int, entities: int, count: int, t: int, e: int) -> int:
    """Add an entry; returns the new count. The caller made room."""
    i = count
    set_word(times, i, t)
    set_word(entities, i, e)
    while i > 0:
        up = (i - 1) >> 1
        if not is_before(times, entities, i, up):
            break
        swap(times, i, up)
        swap(entities, i, up)
        i = up
    return count + 1


@outlined
def pop_timer(times: int, entities: int, count: int) -> int:
    """Take the first entry; returns the new count."""
    count -= 1
    set_word(times, 0, word(times, count))
    set_word(entities, 0, word(entities, count))
    i = 0
    while True:
        down = 2 * i + 1
        if down >= count:
            break
        if down + 1 < count and is_before(times, entities, down + 1, down):
            down += 1
        if not is_before(times, entities, down, i):
            break
        swap(times, i, down)
        swap(entities, i, down)
        i = down
    return count

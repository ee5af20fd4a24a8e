"""Counting sort of rows by shard, stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.machine.functions import kernel

if TYPE_CHECKING:
    from operators.machine.values import Words


@kernel
def split(hashes: Words, shift: int, order: Words, ends: Words) -> None:
    """Write the rows' numbers to `order`, shard by shard, and each shard's end in it to `ends`; the shard is the hash's highest bits."""
    shards = len(ends)
    mask = shards - 1
    for s in range(shards):
        ends[s] = 0
    for i in range(len(hashes)):
        ends[(hashes[i] >> shift) & mask] += 1
    # counts become places to begin at, and these, moved on row by row, the ends
    begin = 0
    for s in range(shards):
        count = ends[s]
        ends[s] = begin
        begin += count
    for i in range(len(hashes)):
        s = (hashes[i] >> shift) & mask
        order[ends[s]] = i
        ends[s] += 1

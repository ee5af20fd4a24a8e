"""Counting sort of rows by shard, stable."""

from __future__ import annotations

import numpy as np

from operators.kernels.compiled import kernel


@kernel
def split(hashes, shift, order, ends):
    """Write the rows' numbers to `order`, shard by shard, and each shard's end in it to `ends`; the shard is the hash's highest bits."""
    shards = ends.shape[0]
    counts = np.zeros(shards, np.int64)
    mask = shards - 1
    for i in range(hashes.shape[0]):
        counts[(hashes[i] >> shift) & mask] += 1
    at = np.zeros(shards, np.int64)
    for s in range(1, shards):
        at[s] = at[s - 1] + counts[s - 1]
    for i in range(hashes.shape[0]):
        s = (hashes[i] >> shift) & mask
        order[at[s]] = i
        at[s] += 1
    for s in range(shards):
        ends[s] = at[s]

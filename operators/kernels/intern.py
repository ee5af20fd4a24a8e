"""Texts to numbers and back, and 64-bit hashes of keys.

The hash of a key is part of the checkpoint format: an int64 key is mixed by a bijection (the finaliser of SplitMix64, Steele et al. 2014), so that it can be
taken back; bytes are hashed by FNV-1a and mixed the same way.
"""

from __future__ import annotations

import numpy as np

from operators.kernels.compiled import inline, kernel


@inline
def mix(x):
    """SplitMix64's finaliser, a bijection of the 64-bit words."""
    z = np.uint64(x)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inline
def unmix(z):
    """The inverse of `mix`."""
    z = np.uint64(z)
    z = z ^ (z >> np.uint64(31)) ^ (z >> np.uint64(62))
    z = z * np.uint64(0x319642B2D24D8EC3)
    z = z ^ (z >> np.uint64(27)) ^ (z >> np.uint64(54))
    z = z * np.uint64(0x96DE1B173F119089)
    return z ^ (z >> np.uint64(30)) ^ (z >> np.uint64(60))


@inline
def hash_bytes(data, start, stop):
    """The mixed FNV-1a hash of data[start:stop]."""
    h = np.uint64(0xCBF29CE484222325)
    for i in range(start, stop):
        h = (h ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
    return mix(h)


@kernel
def hash_words(words, out):
    """The hash of each int64 key."""
    for i in range(words.shape[0]):
        out[i] = np.int64(mix(words[i]))


@kernel
def unhash_words(hashes, out):
    """The int64 keys of hashes."""
    for i in range(hashes.shape[0]):
        out[i] = np.int64(unmix(hashes[i]))


@kernel
def hash_texts(offsets, data, out):
    """The hash of each row's bytes."""
    for i in range(out.shape[0]):
        out[i] = np.int64(hash_bytes(data, offsets[i], offsets[i + 1]))


@kernel
def index(slots, offsets, data, count):
    """Fill an empty table with the texts."""
    mask = slots.shape[0] - 1
    for code in range(count):
        at = np.int64(hash_bytes(data, offsets[code], offsets[code + 1])) & mask
        while slots[at] >= 0:
            at = (at + 1) & mask
        slots[at] = code


@kernel
def intern(row_offsets, row_data, valid, slots, offsets, data, count, out):
    """Number each row's text; the caller made room. Returns the new count."""
    mask = slots.shape[0] - 1
    for i in range(out.shape[0]):
        if not valid[i]:
            continue
        start = row_offsets[i]
        length = row_offsets[i + 1] - start
        at = np.int64(hash_bytes(row_data, start, start + length)) & mask
        found = -1
        while slots[at] >= 0:
            code = slots[at]
            begin = offsets[code]
            if offsets[code + 1] - begin == length:
                same = True
                for j in range(length):
                    if data[begin + j] != row_data[start + j]:
                        same = False
                        break
                if same:
                    found = code
                    break
            at = (at + 1) & mask
        if found < 0:
            found = count
            slots[at] = found
            begin = offsets[count]
            for j in range(length):
                data[begin + j] = row_data[start + j]
            count += 1
            offsets[count] = begin + length
        out[i] = found
    return count


@kernel
def gather(numbers, offsets, data, out_offsets, out):
    """Copy the bytes of the numbered texts one behind another."""
    for i in range(numbers.shape[0]):
        start = offsets[numbers[i]]
        to = out_offsets[i]
        for j in range(out_offsets[i + 1] - to):
            out[to + j] = data[start + j]

"""Texts to numbers and back, and 64-bit hashes of keys.

The hash of a key is part of the checkpoint format: an int64 key is mixed by a bijection (the finaliser of SplitMix64, Steele et al.
2014), so that it can be taken back; bytes are hashed by FNV-1a and mixed the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operators.machine.functions import inline, kernel, shared
from operators.machine.operations import shift_right

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Words


@inline
def mix(z: int) -> int:
    """SplitMix64's finaliser, a bijection of the 64-bit words."""
    z = (z ^ shift_right(z, 30)) * -0x40A7B892E31B1A47
    z = (z ^ shift_right(z, 27)) * -0x6B2FB644ECCEEE15
    return z ^ shift_right(z, 31)


@inline
def unmix(z: int) -> int:
    """The inverse of `mix`."""
    z = z ^ shift_right(z, 31) ^ shift_right(z, 62)
    z = z * 0x319642B2D24D8EC3
    z = z ^ shift_right(z, 27) ^ shift_right(z, 54)
    z = z * -0x6921E4E8C0EE6F77
    return z ^ shift_right(z, 30) ^ shift_right(z, 60)


@shared
def hash_bytes(data: Bytes, start: int, stop: int) -> int:
    """The mixed FNV-1a hash of data[start:stop]."""
    h = -0x340D631B7BDDDCDB
    for i in range(start, stop):
        h = (h ^ data[i]) * 0x100000001B3
    return mix(h)


@kernel
def hash_words(words: Words, out: Words) -> None:
    """The hash of each int64 key."""
    for i in range(len(words)):
        out[i] = mix(words[i])


@kernel
def unhash_words(hashes: Words, out: Words) -> None:
    """The int64 keys of hashes."""
    for i in range(len(hashes)):
        out[i] = unmix(hashes[i])


@kernel
def hash_texts(offsets: Words, data: Bytes, out: Words) -> None:
    """The hash of each row's bytes."""
    for i in range(len(out)):
        out[i] = hash_bytes(data, offsets[i], offsets[i + 1])


@kernel
def index(slots: Words, offsets: Words, data: Bytes, count: int) -> None:
    """Fill an empty table with the texts."""
    mask = len(slots) - 1
    for code in range(count):
        at = hash_bytes(data, offsets[code], offsets[code + 1]) & mask
        while slots[at] >= 0:
            at = (at + 1) & mask
        slots[at] = code


@shared
def same_bytes(a: Bytes, at: int, b: Bytes, start: int, length: int) -> bool:
    """Whether `length` bytes at a[at:] and b[start:] are equal."""
    for i in range(length):
        if a[at + i] != b[start + i]:
            return False
    return True


@kernel
def intern(row_offsets: Words, row_data: Bytes, valid: Bytes, slots: Words, offsets: Words, data: Bytes, count: int, out: Words) -> int:
    """Number each row's text; the caller made room. Returns the new count."""
    mask = len(slots) - 1
    for i in range(len(out)):
        if not valid[i]:
            continue
        start = row_offsets[i]
        length = row_offsets[i + 1] - start
        at = hash_bytes(row_data, start, start + length) & mask
        found = -1
        while slots[at] >= 0:
            code = slots[at]
            begin = offsets[code]
            if offsets[code + 1] - begin == length and same_bytes(data, begin, row_data, start, length):
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
def gather(numbers: Words, offsets: Words, data: Bytes, out_offsets: Words, out: Bytes) -> None:
    """Copy the bytes of the numbered texts one behind another."""
    for i in range(len(numbers)):
        start = offsets[numbers[i]]
        to = out_offsets[i]
        for j in range(out_offsets[i + 1] - to):
            out[to + j] = data[start + j]

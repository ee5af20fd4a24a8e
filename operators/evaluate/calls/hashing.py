"""XXH64 over columns of values: the same number for a value for ever, on every machine and in every version.

The algorithm is Yann Collet's XXH64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md) with seed 0, over bytes that this module fixes:
UTF-8 of a text, little-endian int64 or float64 of a number. A change to any of it changes what every model has been trained on.
Values of equal length are hashed together, so that NumPy does the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from operators.evaluate.buffers import integers, numbers, rebuild, valid
from operators.evaluate.cast import cast
from operators.evaluate.nodes import Node, apply

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from operators.evaluate.nodes import Datum

    Words = npt.NDArray[np.uint64]

_BLOCK_ROWS = 4096
_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime)
    for prime in (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)
)


def xxh64(rows: npt.NDArray[np.uint8]) -> Words:
    """The XXH64 (seed 0) of each row of a matrix of bytes."""
    # blocks that stay in the cache are more than twice as fast
    blocks = [_xxh64(rows[start : start + _BLOCK_ROWS]) for start in range(0, len(rows), _BLOCK_ROWS)]
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.uint64)


def _xxh64(rows: npt.NDArray[np.uint8]) -> Words:
    count, length = rows.shape
    at = 0
    if length >= 32:
        with np.errstate(over="ignore"):
            starts = (_P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1)
        lanes = [np.full(count, start, dtype=np.uint64) for start in starts]
        while at + 32 <= length:
            lanes = [_round(lane, _word(rows, at + 8 * index)) for index, lane in enumerate(lanes)]
            at += 32
        state = _rotate(lanes[0], 1) + _rotate(lanes[1], 7) + _rotate(lanes[2], 12) + _rotate(lanes[3], 18)
        for lane in lanes:
            state = (state ^ _round(np.zeros_like(lane), lane)) * _P1 + _P4
    else:
        state = np.full(count, _P5, dtype=np.uint64)
    state += np.uint64(length)
    while at + 8 <= length:
        state = _rotate(state ^ _round(np.zeros_like(state), _word(rows, at)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= length:
        half = np.ascontiguousarray(rows[:, at : at + 4]).view("<u4")[:, 0].astype(np.uint64)
        state = _rotate(state ^ half * _P1, 23) * _P2 + _P3
        at += 4
    for place in range(at, length):
        state = _rotate(state ^ rows[:, place].astype(np.uint64) * _P5, 11) * _P1
    state = (state ^ state >> np.uint64(33)) * _P2
    state = (state ^ state >> np.uint64(29)) * _P3
    return state ^ state >> np.uint64(32)


def hash64(data: Datum) -> Words:
    """The hash of each value of an array; nulls have any."""
    type_ = data.type
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return _hash_bytes(data)
    if pa.types.is_floating(type_):
        values = numbers(data).astype(np.float64) + 0.0
        values[np.isnan(values)] = np.nan
    elif pa.types.is_temporal(type_):
        values = numbers(integers(data))
    else:
        values = numbers(data.cast(pa.int64())).astype(np.int64)
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return xxh64(little.view(np.uint8).reshape(len(values), 8))


def _hash_bytes(data: Datum) -> Words:
    encoded = data.dictionary_encode()
    known = encoded.dictionary
    _, places, buffer = known.buffers()
    offsets = np.frombuffer(places, dtype=np.int32, count=len(known) + 1, offset=4 * known.offset) if len(known) else np.zeros(1, np.int32)
    content = np.frombuffer(buffer, dtype=np.uint8) if buffer is not None else np.zeros(0, np.uint8)
    lengths = np.diff(offsets)
    hashes: Words = np.zeros(max(len(known), 1), dtype=np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        hashes[rows] = xxh64(content[offsets[rows, None] + np.arange(length)])
    of_rows: Words = hashes[numbers(encoded.indices.fill_null(0))]
    return of_rows


def _round(lane: Words, word: Words) -> Words:
    return _rotate(lane + word * _P2, 31) * _P1


def _rotate(words: Words, bits: int) -> Words:
    return words << np.uint64(bits) | words >> np.uint64(64 - bits)


def _word(rows: npt.NDArray[np.uint8], at: int) -> Words:
    return np.ascontiguousarray(rows[:, at : at + 8]).view("<u8")[:, 0].astype(np.uint64)


def _hash(arguments: list[Node], type_: pa.DataType) -> Node:
    scalar: Any = arguments[1].constant
    buckets = np.uint64(scalar.as_py())
    node = cast(arguments[0], pa.int64()) if pa.types.is_null(arguments[0].type) else arguments[0]
    return apply(type_, lambda data: rebuild((hash64(data) % buckets).astype(np.int64), valid(data), type_), node)


BUILDERS: dict[str, Callable[[list[Node], pa.DataType], Node]] = {"hash": _hash}

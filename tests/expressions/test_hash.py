"""`hash` is for ever: fixed vectors of XXH64, and fixed buckets of every type of value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from operators.evaluate.calls.hashing import hash64, xxh64

from .run import call, run

PUBLISHED = [
    ("", 0xEF46DB3751D8E999),
    ("a", 0xD24EC4F1A98C6E5B),
    ("abc", 0x44BC2CF5AD770999),
    ("Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
]


@pytest.mark.parametrize("text,expected", PUBLISHED)
def test_published_vectors_of_xxh64(text: str, expected: int) -> None:
    assert int(hash64(pa.array([text]))[0]) == expected
    assert int(hash64(pa.array([text.encode()]))[0]) == expected


def reference(data: bytes) -> int:
    """XXH64 with seed 0, byte by byte with Python's integers, after the specification."""
    p1, p2, p3, p4, p5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
    mask = 2**64 - 1

    def rotate(x: int, bits: int) -> int:
        return ((x << bits) | (x >> (64 - bits))) & mask

    def mix(lane: int, word: int) -> int:
        return rotate((lane + word * p2) & mask, 31) * p1 & mask

    rest, state = data, p5
    if len(data) >= 32:
        lanes = [(p1 + p2) & mask, p2, 0, -p1 & mask]
        while len(rest) >= 32:
            lanes = [mix(lane, int.from_bytes(rest[8 * i : 8 * i + 8], "little")) for i, lane in enumerate(lanes)]
            rest = rest[32:]
        state = sum(rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & mask
        for lane in lanes:
            state = ((state ^ mix(0, lane)) * p1 + p4) & mask
    state = (state + len(data)) & mask
    while len(rest) >= 8:
        state = (rotate(state ^ mix(0, int.from_bytes(rest[:8], "little")), 27) * p1 + p4) & mask
        rest = rest[8:]
    if len(rest) >= 4:
        state = (rotate(state ^ (int.from_bytes(rest[:4], "little") * p1 & mask), 23) * p2 + p3) & mask
        rest = rest[4:]
    for byte in rest:
        state = rotate(state ^ (byte * p5 & mask), 11) * p1 & mask
    state = ((state ^ state >> 33) * p2) & mask
    state = ((state ^ state >> 29) * p3) & mask
    return state ^ state >> 32


@pytest.mark.parametrize("length", [*range(1, 71), 127, 128, 1000])
def test_every_length_agrees_with_the_specification(length: int) -> None:
    rows = np.random.default_rng(length).integers(0, 256, (3, length), dtype=np.uint8)
    assert [int(value) for value in xxh64(rows)] == [reference(row.tobytes()) for row in rows]


def test_texts_of_many_lengths_in_one_batch_with_nulls_and_an_offset() -> None:
    texts = ["x" * (n % 50) + str(n) for n in range(200)] + ["same", "same"]
    array = pa.array(["skip", *texts, None])[1:]
    assert [int(value) for value in hash64(array)[:-1]] == [reference(text.encode()) for text in texts]
    assert run(call("hash", "@s", 7), s=array) == ([*(reference(text.encode()) % 7 for text in texts), None], 0)


EIGHT: list[tuple[str, Any, bytes]] = [
    ("int64", -2, (-2).to_bytes(8, "little", signed=True)),
    ("int8", -2, (-2).to_bytes(8, "little", signed=True)),
    ("bool", True, (1).to_bytes(8, "little")),
    ("timestamp", 5, (5).to_bytes(8, "little")),
    ("duration", 5, (5).to_bytes(8, "little")),
    ("date", -3, (-3).to_bytes(8, "little", signed=True)),
    ("float64", 1.5, np.float64(1.5).tobytes()),
    ("float32", 1.5, np.float64(1.5).tobytes()),
    ("float64", -0.0, bytes(8)),
    ("float64", -math.nan, bytes.fromhex("000000000000f87f")),
]


@pytest.mark.parametrize("type_,value,expected", EIGHT)
def test_other_values_are_hashed_by_eight_bytes(type_: str, value: Any, expected: bytes) -> None:
    buckets = 2**62
    assert run(call("hash", "@x", buckets), x=(type_, [value, None])) == ([reference(expected) % buckets, None], 0)


def test_buckets_that_must_never_change() -> None:
    assert run(call("hash", "@x", 1000), x=("int64", [0, 1, -1, 2**63 - 1])) == (NUMBERS, 0)
    assert run(call("hash", "@s", 1000), s=("string", ["", "a", "headrace", "é"])) == (WORDS, 0)


NUMBERS = [579, 269, 761, 972]
WORDS = [921, 955, 459, 848]

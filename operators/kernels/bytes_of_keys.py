"""Bytes of composite keys: parts appended row by row, and cut out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from operators.machine.functions import kernel

if TYPE_CHECKING:
    from operators.machine.values import Bytes, Words


@kernel
def join_words(offsets: Words, data: Bytes, words: Words, out_offsets: Words, out: Bytes) -> None:
    """Behind each row's bytes, a word in eight."""
    at = 0
    out_offsets[0] = 0
    for i in range(len(words)):
        for j in range(offsets[i], offsets[i + 1]):
            out[at] = data[j]
            at += 1
        for j in range(8):
            out[at] = (words[i] >> (8 * j)) & 255
            at += 1
        out_offsets[i + 1] = at


@kernel
def join_texts(offsets: Words, data: Bytes, text_offsets: Words, texts: Bytes, out_offsets: Words, out: Bytes) -> None:
    """Behind each row's bytes, a text with its length in four."""
    at = 0
    out_offsets[0] = 0
    for i in range(len(text_offsets) - 1):
        for j in range(offsets[i], offsets[i + 1]):
            out[at] = data[j]
            at += 1
        length = text_offsets[i + 1] - text_offsets[i]
        for j in range(4):
            out[at] = (length >> (8 * j)) & 255
            at += 1
        for j in range(text_offsets[i], text_offsets[i + 1]):
            out[at] = texts[j]
            at += 1
        out_offsets[i + 1] = at


@kernel
def read_words(arena: Bytes, at: Words, width: int, out: Words) -> None:
    """The little-endian number of `width` bytes at each offset."""
    for i in range(len(at)):
        value = 0
        for j in range(width):
            value |= arena[at[i] + j] << (8 * j)
        out[i] = value


@kernel
def read_texts(arena: Bytes, at: Words, lengths: Words, out: Bytes) -> None:
    """The texts at each offset, one behind another."""
    to = 0
    for i in range(len(at)):
        for j in range(lengths[i]):
            out[to + j] = arena[at[i] + j]
        to += lengths[i]


def append_words(offsets: Words, data: Bytes, words: Words) -> tuple[Words, Bytes]:
    """`(offsets, data)` of rows with a word in eight behind each one's bytes."""
    n = len(words)
    out = np.empty(int(offsets[n] - offsets[0]) + 8 * n, np.uint8)
    out_offsets = np.empty(n + 1, np.int64)
    join_words(offsets, data, words, out_offsets, out)
    return out_offsets, out


def append_texts(offsets: Words, data: Bytes, text_offsets: Words, texts: Bytes) -> tuple[Words, Bytes]:
    """`(offsets, data)` of rows with a text and its length in four behind each one's bytes."""
    n = len(text_offsets) - 1
    out = np.empty(int(offsets[n] - offsets[0] + text_offsets[n] - text_offsets[0]) + 4 * n, np.uint8)
    out_offsets = np.empty(n + 1, np.int64)
    join_texts(offsets, data, text_offsets, texts, out_offsets, out)
    return out_offsets, out


def cut_words(arena: Bytes, at: Words, width: int) -> Words:
    """The little-endian number of `width` bytes at each offset."""
    out = np.empty(len(at), np.int64)
    read_words(arena, at, width, out)
    return out


def cut_texts(arena: Bytes, at: Words, lengths: Words) -> tuple[Words, Bytes]:
    """`(offsets, data)` of the texts at each offset."""
    offsets = np.zeros(len(at) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    out = np.empty(int(offsets[-1]), np.uint8)
    read_texts(arena, at, lengths, out)
    return offsets, out

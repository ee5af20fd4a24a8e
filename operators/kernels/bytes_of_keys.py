"""Bytes of composite keys: parts appended row by row, and cut out again."""

from __future__ import annotations

import numpy as np

from operators.kernels.compiled import kernel


@kernel
def append_words(offsets, data, words):
    """Behind each row's bytes, a word in eight."""
    n = words.shape[0]
    out_offsets = np.zeros(n + 1, np.int64)
    out = np.empty(offsets[n] - offsets[0] + 8 * n, np.uint8)
    at = 0
    for i in range(n):
        for j in range(offsets[i], offsets[i + 1]):
            out[at] = data[j]
            at += 1
        word = words[i]
        for j in range(8):
            out[at] = (word >> (8 * j)) & 255
            at += 1
        out_offsets[i + 1] = at
    return out_offsets, out


@kernel
def append_texts(offsets, data, text_offsets, texts):
    """Behind each row's bytes, a text with its length in four."""
    n = text_offsets.shape[0] - 1
    out_offsets = np.zeros(n + 1, np.int64)
    out = np.empty(offsets[n] - offsets[0] + text_offsets[n] - text_offsets[0] + 4 * n, np.uint8)
    at = 0
    for i in range(n):
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
    return out_offsets, out


@kernel
def cut_words(arena, at, width):
    """The little-endian number of `width` bytes at each offset."""
    out = np.zeros(at.shape[0], np.int64)
    for i in range(at.shape[0]):
        for j in range(width):
            out[i] |= np.int64(arena[at[i] + j]) << (8 * j)
    return out


@kernel
def cut_texts(arena, at, lengths):
    """`(offsets, data)` of the texts at each offset."""
    offsets = np.zeros(at.shape[0] + 1, np.int64)
    for i in range(at.shape[0]):
        offsets[i + 1] = offsets[i] + lengths[i]
    out = np.empty(offsets[at.shape[0]], np.uint8)
    for i in range(at.shape[0]):
        for j in range(lengths[i]):
            out[offsets[i] + j] = arena[at[i] + j]
    return offsets, out

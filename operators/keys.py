"""Keys of entities: from key columns to hashes and bytes, and back.

A single whole-number key is its own identity: its hash is a bijection of it. Any other key is the bytes of its parts:
one text as it stands; a composite key part by part, a number in eight bytes (little end first), a text behind its length in four. The hash
decides the shard and is part of the checkpoint format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import from_buffers, pc
from operators.kernels import bytes_of_keys, intern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.arrow import Column
    from operators.kernels.tables import Array

NO_OFFSETS = np.zeros(0, np.int64)
NO_DATA = np.zeros(0, np.uint8)
INT, FLOAT = pa.int64(), pa.float64()


def is_text(kind: pa.DataType) -> bool:
    """Whether values of the type are variable in length."""
    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    )


def is_word(types: Sequence[pa.DataType]) -> bool:
    """Whether a key of these types is identified by its hash."""
    return len(types) == 1 and not is_text(types[0])


def words_of(column: Column) -> Array:
    """A column of numbers, dates, times or bools as int64; nulls as 0."""
    kind = column.type
    if kind in (INT, FLOAT):
        pass
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        column = column.cast(INT)
    elif pa.types.is_date32(kind) or pa.types.is_time32(kind):
        column = column.cast(pa.int32()).cast(pa.int64())
    elif pa.types.is_floating(kind):
        column = column.cast(FLOAT)
    if column.null_count:
        zero = pa.scalar(0, pa.int64()).cast(column.type) if pa.types.is_timestamp(column.type) else pa.scalar(0, column.type)
        column = pc.fill_null(column, zero)
    if len(column) == 0:
        return np.zeros(0, np.int64)
    words: Array = np.frombuffer(column.buffers()[1], np.int64, count=len(column), offset=8 * column.offset)
    return words


def texts_of(column: Column) -> tuple[Array, Array]:
    """`(offsets, data)` of a text column: int64 offsets, one more than rows; a null is empty."""
    if len(column) == 0:
        return np.zeros(1, np.int64), NO_DATA
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    width: Any = np.int64 if large else np.int32
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, width, count=len(column) + 1, offset=np.dtype(width).itemsize * column.offset).astype(np.int64)
    return ends, NO_DATA if data is None else np.frombuffer(data, np.uint8)


def key_bytes(columns: Sequence[Column]) -> tuple[Array, Array]:
    """`(offsets, data)` of keys that are not identified by their hash."""
    if len(columns) == 1:
        return texts_of(columns[0])
    offsets, data = np.zeros(len(columns[0]) + 1, np.int64), NO_DATA
    for column in columns:
        if is_text(column.type):
            offsets, data = bytes_of_keys.append_texts(offsets, data, *texts_of(column))
        else:
            offsets, data = bytes_of_keys.append_words(offsets, data, words_of(column))
    return offsets, data


def key_hashes(columns: Sequence[Column]) -> Array:
    """The 64-bit hash of each row's key; the columns have no nulls."""
    out = np.empty(len(columns[0]), np.int64)
    if is_word([c.type for c in columns]):
        intern.hash_words(words_of(columns[0]), out)
    else:
        intern.hash_texts(*key_bytes(columns), out)
    return out


def column_of_words(words: Array, kind: pa.DataType) -> Column:
    """An Arrow column of the type from int64 words; the inverse of `words_of`."""
    array = from_buffers(pa.int64(), len(words), [None, np.ascontiguousarray(words)])
    if kind == INT:
        return array
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return array.cast(kind)
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return array.cast(pa.int32()).cast(kind)
    if pa.types.is_floating(kind):
        return array.view(pa.float64()).cast(kind)
    return array.view(kind)


def column_of_texts(offsets: Array, data: Array, kind: pa.DataType) -> Column:
    """An Arrow text column from offsets and bytes."""
    large = from_buffers(pa.large_binary(), len(offsets) - 1, [None, np.ascontiguousarray(offsets), np.ascontiguousarray(data)])
    return large.cast(pa.binary()).cast(kind) if kind != pa.large_binary() else large


def keys_back(hashes: Array, key_at: Array, arena: Array, types: Sequence[pa.DataType]) -> list[Column]:
    """The key columns of entities, from what a state keeps of them."""
    if is_word(types):
        out = np.empty(len(hashes), np.int64)
        intern.unhash_words(np.ascontiguousarray(hashes), out)
        return [column_of_words(out, types[0])]
    if len(types) == 1:
        return [column_of_texts(*bytes_of_keys.cut_texts(arena, key_at[:, 0].copy(), key_at[:, 1].copy()), types[0])]
    at = key_at[:, 0].copy()
    columns = []
    for kind in types:
        if is_text(kind):
            lengths = bytes_of_keys.cut_words(arena, at, 4)
            columns.append(column_of_texts(*bytes_of_keys.cut_texts(arena, at + 4, lengths), kind))
            at += 4 + lengths
        else:
            columns.append(column_of_words(bytes_of_keys.cut_words(arena, at, 8), kind))
            at += 8
    return columns

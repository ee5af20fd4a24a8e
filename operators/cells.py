"""From the kernels' words to Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import array, from_buffers, list_array, pc
from operators.kernels import tables as t
from operators.keys import column_of_texts, is_text, texts_of, words_of

if TYPE_CHECKING:
    from headrace.arrow import Column as Values
    from operators.kernels.tables import Array
    from operators.layout import Column
    from operators.texts import Texts

INT, FLOAT = pa.int64(), pa.float64()


def bitmap(valid: Array) -> Array | None:
    """The validity bitmap of a byte a row; None when every row is valid."""
    return None if valid.all() else np.packbits(valid, bitorder="little")


def words_column(words: Array, valid: Array | None, kind: pa.DataType, texts: Texts) -> Values:
    """A column of the type from words, null where `valid` is 0; None where every row is valid."""
    n = len(words)
    mask = None if valid is None else bitmap(valid)
    if kind in {INT, FLOAT}:
        return from_buffers(kind, n, [mask, np.ascontiguousarray(words)])
    if is_text(kind):
        valid = np.ones(n, np.uint8) if valid is None else valid
        # a null names no text; it takes none of the bytes of the one that stands in its place
        offsets, data = texts.gather(np.where(valid != 0, words, 0)) if texts.count else (np.zeros(n + 1, np.int64), np.zeros(0, np.uint8))
        column = column_of_texts(offsets, data, kind)
        return column if mask is None else from_buffers(column.type, n, [mask, *column.buffers()[1:]])
    words = np.ascontiguousarray(words)
    if pa.types.is_floating(kind):
        return from_buffers(pa.float64(), n, [mask, words]).cast(kind)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return from_buffers(pa.int64(), n, [mask, words]).cast(kind)
    if kind.bit_width == 32:
        return from_buffers(pa.int64(), n, [mask, words]).cast(pa.int32()).cast(kind)
    return from_buffers(kind, n, [mask, words])


def cell_column(column: Column, words: Array, valid: Array | None, texts: Texts) -> Values:
    """The Arrow column of one cell; `words` and `valid` are columns × rows of its group, `valid` None where all are."""
    at = column.column
    kind: Any = column.cell.type
    if column.kind >= 0 and column.cell.kind != "last_n":
        return words_column(words[at], None if valid is None else valid[at], column.cell.type, texts)
    n = column.n
    lengths = words[at]
    if column.cell.kind == "last_n" and n == 0:
        lengths = np.zeros(len(lengths), np.int64)
    taken = np.arange(n)[None, :] >= n - lengths[:, None]
    flat = words[at - n : at].T[taken]
    flat_valid = None if valid is None else valid[at - n : at].T[taken]
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    values = words_column(flat, flat_valid, kind.value_type, texts)
    mask = None if valid is None or valid[at].all() else array(valid[at] == 0)
    return list_array(array(offsets), values, kind, mask)


def input_words(column: Values, kind: int, texts: Texts) -> tuple[Array, Array | None]:
    """A derived column as words, and a byte a row where it has nulls."""
    nulls = pc.is_null(column).to_numpy(zero_copy_only=False).astype(np.uint8) if column.null_count else None
    if kind == t.VT_STRING:
        valid = np.ones(len(column), np.uint8) if nulls is None else 1 - nulls
        return texts.numbers(*texts_of(column), valid), nulls
    return words_of(column), nulls

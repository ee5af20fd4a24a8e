"""Steps as bytes: the record of one entity, for stores that keep bytes by key.

    key     msgpack of the key columns' values, each as an integer, text, bytes or bool
    record  version (1 byte), arrival + 2^63, n, time + 2^63 (8 bytes each, the largest first), msgpack of [values…]

The first 25 bytes of two records of one version compare as their steps do. Times are microseconds. It promises that decoding gives back
what was encoded, bit for bit; `VERSION` changes with any of this and makes older records unreadable.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from headrace.arrow import by_name
from sinks.kernels.rows import ARRAY_BYTES, NATURAL, REAL, SIGNED, TRUTH, VALUE_BYTES, WHOLE, write_rows
from sinks.online import ARRIVAL, TIME, N

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.online import StepTable

VERSION = 1
HEAD_BYTES, LATE_BYTES = 25, 9
"""What orders two records of one entity, and what of it is the arrival alone."""
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder().decode
_HEAD = np.dtype([("version", "u1"), ("arrival", ">u8"), ("n", ">u8"), ("time", ">u8")])
_SIGN = np.uint64(1 << 63)
_is = pa.types
_WAYS: dict[int, tuple[int, pa.DataType | None]] = {
    **{kind.id: (WHOLE, pa.int64()) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32())},
    **{kind.id: (WHOLE, None) for kind in (pa.int64(), pa.timestamp("us"), pa.duration("us"))},
    pa.float32().id: (REAL, pa.float64()), pa.float64().id: (REAL, None), pa.bool_().id: (TRUTH, None),
}  # fmt: skip
"""By the id of a type: what its values are to the kernel, and the type that they are cast to before."""
HEAD: dict[str, tuple[int, pa.DataType | None]] = {ARRIVAL: (SIGNED, None), N: (NATURAL, None), TIME: (SIGNED, None)}
"""The same by the columns that a record begins with."""
_pa: Any = pa


def encode_keys(table: StepTable, batch: pa.RecordBatch) -> list[bytes]:
    """The key of every row."""
    columns = [_plain(batch.column(field.name), field.type) for field in table.keys]
    return [_ENCODE(row) for row in zip(*columns, strict=True)]


def decode_keys(table: StepTable, keys: Sequence[bytes]) -> list[Any]:
    """The key columns of encoded keys."""
    rows = [_DECODE(key) for key in keys]
    return [_array([row[at] for row in rows], field.type) for at, field in enumerate(table.keys)]


def newest_rows(batch: pa.RecordBatch, keys: list[bytes]) -> dict[bytes, int]:
    """The row of each key's newest step in the batch; of equal ones the last."""
    found = dict(zip(keys, range(len(keys)), strict=True))
    if len(found) == len(keys):
        return found
    order = np.lexsort([_int64(batch.column(name)) for name in (TIME, N, ARRIVAL)]).tolist()
    return dict(zip([keys[row] for row in order], order, strict=True))


def encode_records(table: StepTable, batch: pa.RecordBatch) -> list[bytes]:
    """The record of every row."""
    given = by_name(batch)
    head, values = [given[name] for name in HEAD], [given[name] for name in table.values.names]
    if any(column.null_count for column in head):
        text = "a step without time, arrival or n"
        raise ValueError(text)
    are_words = all(_WAYS.get(column.type.id) == (WHOLE, None) for column in head)
    ways = [way for column in values if (way := _WAYS.get(column.type.id))]
    if not are_words or len(ways) < len(values):
        return _any_records(table, head, values)
    words: list[int] = []
    held = []
    for column, (kind, wider) in zip([*head, *values], [*HEAD.values(), *ways], strict=True):
        same = column if wider is None else column.cast(wider)
        known, numbers = buffers = same.buffers()
        words += (kind, numbers.address if numbers else 0, known.address if known else 0, same.offset)
        held.append(buffers)
    out = np.empty(batch.num_rows * (HEAD_BYTES + ARRAY_BYTES + VALUE_BYTES * len(values)), np.uint8)
    ends = np.empty(batch.num_rows + 1, np.int64)
    write_rows(np.array(words, np.int64), VERSION, len(head), out, ends)
    del held   # what the words pointed to
    places = ends.tolist()
    data = out[: places[-1]].tobytes()
    return [data[a:b] for a, b in pairwise(places)]


def _any_records(table: StepTable, head: Sequence[Any], values: Sequence[Any]) -> list[bytes]:
    """The same for values of any type."""
    arrival, n, time = map(_int64, head)
    heads = np.empty(len(n), _HEAD)
    heads["version"], heads["n"] = VERSION, n
    heads["arrival"], heads["time"] = (words.view(np.uint64) ^ _SIGN for words in (arrival, time))
    data = heads.tobytes()
    plain = [_plain(column, field.type) for column, field in zip(values, table.values, strict=True)]
    rows = zip(*plain, strict=True) if plain else [()] * len(heads)
    return [data[HEAD_BYTES * number : HEAD_BYTES * (number + 1)] + _ENCODE(row) for number, row in enumerate(rows)]


def decode_records(table: StepTable, records: Sequence[bytes | None]) -> list[Any]:
    """The columns `_time`, `_arrival`, `_n` and the values of records; all null where there is none."""
    there = np.array([record is not None for record in records], bool)
    heads = np.frombuffer(b"".join(bytes(record[:HEAD_BYTES]) if record is not None else bytes(HEAD_BYTES) for record in records), _HEAD)
    times, arrivals = ((heads[name].astype(np.uint64) ^ _SIGN).view(np.int64) for name in ("time", "arrival"))
    nothing = [None] * len(table.values)
    rows = [nothing if record is None else _DECODE(memoryview(record)[HEAD_BYTES:]) for record in records]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(nothing)
    found = [
        _pa.array(times, mask=~there).cast(table.schema.field(TIME).type),
        _pa.array(arrivals, mask=~there).cast(table.schema.field(ARRIVAL).type),
        _pa.array(heads["n"].astype(np.int64), mask=~there),
    ]
    return found + [_array(columns[at], field.type) for at, field in enumerate(table.values)]


def is_readable(record: bytes) -> bool:
    """Whether a record is of this version."""
    return record[0] == VERSION


def _int64(column: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    if column.null_count:
        text = "a step without time, arrival or n"
        raise ValueError(text)
    found: np.ndarray[Any, np.dtype[np.int64]] = column.view(pa.int64()).to_numpy()
    return found


def _plain(column: Any, type_: pa.DataType) -> list[Any]:
    """The values of a column as msgpack has them."""
    stored = stored_type(type_)
    if column.type != stored:
        column = column.cast(stored)
    if column.null_count == 0 and (_is.is_integer(stored) or _is.is_floating(stored)):
        return list(column.to_numpy().tolist())
    return list(column.to_pylist())


def _array(values: Sequence[Any], type_: pa.DataType) -> Any:
    stored = stored_type(type_)
    found = _pa.array(values, stored)
    return found if stored == type_ else found.cast(type_)


def stored_type(type_: pa.DataType) -> pa.DataType:
    """The type whose Python values stand in a record: times, dates and durations are integers.

    >>> stored_type(pa.list_(pa.timestamp("us", tz="UTC"))), stored_type(pa.string())
    (ListType(list<item: int64>), DataType(string))
    """
    if _is.is_timestamp(type_) or _is.is_duration(type_):
        return pa.int64()
    if _is.is_date(type_):
        return pa.int32()
    if isinstance(type_, pa.ListType):
        return pa.list_(stored_type(type_.value_type))
    if isinstance(type_, pa.StructType):
        fields = [type_.field(at) for at in range(type_.num_fields)]
        return pa.struct([(field.name, stored_type(field.type)) for field in fields])
    return type_

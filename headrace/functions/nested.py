"""Functions of lists, and of any value as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .model import Parameter, RowFunction

if TYPE_CHECKING:
    from collections.abc import Sequence


def _item(arg_types: list[pa.DataType]) -> pa.DataType:
    listed: Any = arg_types[0]
    item: pa.DataType = listed if pa.types.is_null(listed) else listed.value_type
    return item


def _buckets(values: Sequence[Any]) -> str | None:
    return None if values[1] > 0 else f"the number of buckets must be above zero, found {values[1]}"


FUNCTIONS = (
    RowFunction(
        "item",
        (Parameter("x", "list"), Parameter("i", "int")),
        _item,
        "The list's item at place i, from 0; a negative place counts from the end.",
        ">>> evaluate('item', [7, 8, 9], -1)\n9",
        "Null where an argument is null or the list has no such place.",
    ),
    RowFunction(
        "list_length",
        (Parameter("x", "list"),),
        pa.int64(),
        "The number of items, nulls among them.",
        ">>> evaluate('list_length', [7, 8, 9])\n3",
    ),
    RowFunction(
        "hash",
        (Parameter("x", "value"), Parameter("buckets", "int", literal=True)),
        pa.int64(),
        "A number from 0 to buckets - 1 that is the same for a value for ever and on every machine: XXH64 with seed 0, unsigned, "
        "modulo `buckets`. It is taken of a text's UTF-8 bytes and of a binary's bytes; of integers, bools, times and durations "
        "(microseconds) and dates (days) as int64, of floats as float64, both little-endian, with -0.0 as 0.0 and one NaN.",
        ">>> evaluate('hash', 'headrace', 1000)\n459",
        reject=_buckets,
    ),
    RowFunction(
        "pack",
        (Parameter("x", "any"),),
        pa.binary(),
        "A value as bytes, equal for equal values: MessagePack, a struct as the array of its fields, times as integers.",
        "",
        internal=True,
    ),
)

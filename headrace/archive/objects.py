"""JSON objects as columns: lines of a file, messages of a topic.

It promises that what becomes of an object depends on it alone, so that a message and the same line of a file give the same row. An object
whose values have the JSON types that its columns expect goes the fast way; any other is converted value by value as
`headrace.archive.records` does, so `"7"` is the integer 7. Fields that no column has are ignored, missing ones are null, of a name that
stands twice the last counts. A value that does not fit makes the whole object bad; what is done with it is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from headrace.archive.convert import convert_column, misfit_reason
from headrace.archive.records import column_of
from headrace.arrow import Column, array, joined
from headrace.errors import TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    _ColumnOf = Callable[[list[Any], pa.DataType, str | None], tuple[Column, list[int]]]
    Integers = np.ndarray[Any, np.dtype[np.int64]]

_is = pa.types
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# by a type's id: the Python types whose values Arrow takes as column_of would
_KINDS: dict[int, tuple[type, ...]] = {
    **{type_.id: (int,) for type_ in (pa.int8(), pa.int16(), pa.int32(), pa.int64())},
    **{type_.id: (int, float) for type_ in (pa.float32(), pa.float64())},
    pa.bool_().id: (bool,), pa.string().id: (str,), pa.binary().id: (str, bytes),
    pa.timestamp("us").id: (int, str), pa.date32().id: (str,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BadObject:
    """A text that is no row: its number among those that were given, why, and the column that it fails at, if it is one."""

    index: int
    reason: str
    column: str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the good texts, their numbers among those that were given, and the bad ones, by number."""

    batch: pa.RecordBatch
    good: Integers
    bad: list[BadObject]


class Objects:
    """Reads objects as rows of `schema`; `units` are those of integers in timestamp columns."""

    def __init__(self, schema: pa.Schema, units: Mapping[str, str]) -> None:
        self.schema, self.units = schema, units
        names = [f"f{i}" for i in range(len(schema))]
        fields = [(name, _expected(field.type), None) for name, field in zip(names, schema, strict=True)]
        renamed = dict(zip(names, schema.names, strict=True))
        struct = msgspec.defstruct("Row", fields, rename=renamed, gc=False)
        self._decoder: Any = msgspec.json.Decoder(struct)
        self._gets = [attrgetter(name) for name in names]

    def read(self, texts: Sequence[bytes]) -> Rows:
        """The rows of `texts`, one object each."""
        rows, odd = self._rows(texts)
        expected = [list(map(get, rows)) for get in self._gets]
        numbers = np.arange(len(texts), dtype=np.int64)
        if odd:
            numbers = np.delete(numbers, odd)
        return rows_of(self.schema, len(texts), [columns_of(self.schema, self.units, expected, numbers, _column), *self._odd(odd, texts)])

    def _rows(self, texts: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        """Those that went the fast way, and the numbers of the others."""
        lines = b"\n".join(texts)
        if lines.count(b"\n") == len(texts) - 1:
            try:
                rows = self._decoder.decode_lines(lines)
            except _MALFORMED:
                pass
            else:
                if len(rows) == len(texts):   # of a blank text there is none
                    return rows, []
        decode = self._decoder.decode
        rows = []
        odd = []
        for number, text in enumerate(texts):
            try:
                rows.append(decode(text))
            except _MALFORMED:
                odd.append(number)
        return rows, odd

    def _odd(self, odd: list[int], texts: Sequence[bytes]) -> Iterator[Columns]:
        """Those that did not go the fast way."""
        records: list[dict[str, Any]] = []
        numbers = []
        bad = []
        for number in odd:
            try:
                record = msgspec.json.decode(texts[number])
            except _MALFORMED as error:
                bad.append(BadObject(number, malformed(error), None))
                continue
            if isinstance(record, dict):
                records.append(record)
                numbers.append(number)
            else:
                bad.append(BadObject(number, f"found {type(record).__name__}, expected an object", None))
        if odd:
            values = [[record.get(name) for record in records] for name in self.schema.names]
            found = columns_of(self.schema, self.units, values, np.array(numbers, np.int64))
            yield Columns(found.arrays, found.numbers, [*bad, *found.bad])


@dataclass(frozen=True, slots=True)
class Columns:
    """Some of the texts as columns: their numbers, the bad ones of those among them, and others that are in no column."""

    arrays: list[Column]
    numbers: Integers
    bad: list[BadObject]


def any_column(values: list[Any], type_: pa.DataType, unit: str | None) -> tuple[Column, list[int]]:
    """What `column_of` gives, for any values; faster where they are of the types that are expected."""
    found = set(map(type, values)) - {type(None)}
    return (_column if found <= set(_KINDS.get(type_.id, ())) else column_of)(values, type_, unit)


def columns_of(
    schema: pa.Schema, units: Mapping[str, str], values: list[list[Any]], numbers: Integers, convert: _ColumnOf = any_column
) -> Columns:
    """`values` by column as `schema` types them; of each row the first column that it does not fit makes it bad."""
    arrays = []
    first: dict[int, BadObject] = {}
    for field, found in zip(schema, values, strict=True):
        column, misfits = convert(found, field.type, units.get(field.name))
        arrays.append(column)
        for row in misfits:
            number = int(numbers[row])
            first.setdefault(number, BadObject(number, misfit_reason(field.name, found[row], field.type), field.name))
    return Columns(arrays, numbers, list(first.values()))


def rows_of(schema: pa.Schema, count: int, parts: Sequence[Columns]) -> Rows:
    """The rows of `count` texts of which each is in one of `parts`, in their order."""
    if len(parts) == 1 and not parts[0].bad:
        return Rows(pa.RecordBatch.from_arrays(parts[0].arrays, schema=schema), parts[0].numbers, [])
    numbers = np.concatenate([part.numbers for part in parts])
    bad = sorted((each for part in parts for each in part.bad), key=lambda each: each.index)
    arrays = [joined([part.arrays[i] for part in parts], field.type) for i, field in enumerate(schema)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    good = np.ones(count, bool)
    good[[each.index for each in bad]] = False
    order = np.argsort(numbers, kind="stable")
    order = order[good[numbers[order]]]
    return Rows(batch.take(array(order)), numbers[order], bad)


def malformed(error: Exception) -> str:
    """Why a text is no JSON.

    >>> malformed(msgspec.DecodeError("JSON is malformed: invalid character (byte 3)"))
    'not JSON: invalid character (byte 3)'
    """
    if isinstance(error, RecursionError):
        return "not JSON that can be read: nested too deeply"
    return "not JSON: " + str(error).removeprefix("JSON is malformed: ")


def _expected(type_: pa.DataType) -> Any:
    """The JSON types that go the fast way."""
    if _is.is_integer(type_):
        return int | None
    if _is.is_floating(type_):
        return float | None
    if _is.is_boolean(type_):
        return bool | None
    if _is.is_timestamp(type_) or _is.is_date(type_) or _is.is_string(type_):
        return int | str | None
    if _is.is_binary(type_):
        return str | None
    return Any


def _column(values: list[Any], type_: pa.DataType, unit: str | None) -> tuple[Column, list[int]]:
    """What `column_of` gives, for values of the expected types; faster where all of them fit."""
    try:
        if _is.is_timestamp(type_) or _is.is_date(type_):
            return convert_column("", _alike(values), type_, unit)
        if not _is.is_nested(type_):
            return array(values, type_), []
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeMismatch):
        pass
    return column_of(values, type_, unit)


def _alike(values: list[Any]) -> Column:
    """Integers, or texts; raises where they are mixed."""
    try:
        return array(values, pa.int64())
    except pa.ArrowInvalid:
        return array(values, pa.string())

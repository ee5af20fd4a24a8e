"""Turns the columns of a file or a frame into the types that a source declares, row by row where it must.

It promises that a value either becomes what is declared (a finer time is cut to microseconds, a decimal becomes the nearest float64) or is
null and named as a misfit; a column that can never fit raises `TypeMismatch`. Text is read as CSV has it: surrounding blanks are dropped,
and `NA`, `null` and the like are null, in every type but string. It relies on Arrow's casts; what is done with a misfit is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.layout import TIMESTAMP
from headrace.archive.texts import parse_times
from headrace.arrow import Column, array, combined, joined, list_array, nulls, pc
from headrace.errors import TypeMismatch
from headrace.types import inside, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PER_UNIT_US = {"s": 1_000_000, "ms": 1_000, "us": 1}
NO_VALUES = ("", "NA", "N/A", "null", "NULL", "None")
_is = pa.types


@dataclass(frozen=True, slots=True)
class Misfit:
    """One value that did not fit its column."""

    row: int
    column: str
    reason: str


def convert_table(table: pa.Table, schema: pa.Schema, units: Mapping[str, str]) -> tuple[pa.Table, list[Misfit]]:
    """The columns of `schema` with their declared types, and the misfits (null in the result), by row.

    `units` has the unit of integers that stand for times.
    """
    misfits: list[Misfit] = []
    arrays = []
    for field in schema:
        values = combined(table.column(field.name))
        column, bad = convert_column(field.name, values, field.type, units.get(field.name))
        misfits += [Misfit(row, field.name, misfit_reason(field.name, values[row].as_py(), field.type)) for row in bad]
        arrays.append(column)
    misfits.sort(key=lambda misfit: misfit.row)
    return pa.Table.from_arrays(arrays, schema=schema), misfits


def convert_column(name: str, values: Column, type_: pa.DataType, unit: str | None) -> tuple[Column, list[int]]:
    """`values` as `type_`, and the rows whose value does not fit."""
    try:
        column, bad = _convert(values, type_, unit)
    except _NeverError as never:
        text = f"column '{name}' is {_shown(values.type)}, and {type_name(type_)} is declared{never.advice}"
        raise TypeMismatch(text, column=name, found=str(values.type), expected=type_name(type_)) from None
    return column, sorted(bad)


def misfit_reason(column: str, value: Any, type_: pa.DataType) -> str:
    """Why a value went to the dead letters."""
    text = repr(value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value)
    return f"column '{column}': {text if len(text) <= 80 else text[:77] + '...'} is no {type_name(type_)}"


class _NeverError(Exception):
    """The types do not go together at all."""

    def __init__(self, advice: str = "") -> None:
        super().__init__(advice)
        self.advice = advice


_Found = tuple[Column, list[int]]


def _convert(values: Column, type_: pa.DataType, unit: str | None = None) -> _Found:
    source = values.type
    if source == type_:
        return values, []
    if values.null_count == len(values):   # a frame gives a column of nothing any type
        return nulls(len(values), type_), []
    if _is.is_dictionary(source):
        return _convert(values.dictionary_decode(), type_, unit)
    if _is.is_large_string(source) or _is.is_string_view(source):
        return _convert(values.cast(pa.string()), type_, unit)
    if _is.is_binary(source) and not _is.is_binary(type_):
        texts, bad = _by_halves(values, pa.string())
        found, misfits = _convert(texts, type_, unit)
        return found, bad + misfits
    if _is.is_string(source) and not (_is.is_string(type_) or _is.is_binary(type_)):
        return _from_text(values, type_)
    if _is.is_timestamp(type_):
        return _to_time(values, unit)
    if _is.is_struct(type_):
        return _to_struct(values, type_)
    if _is.is_list(type_):
        return _to_list(values, type_)
    if _is.is_floating(type_):
        if _is.is_floating(source) or _is.is_integer(source) or _is.is_decimal(source):
            return values.cast(type_, safe=False), []
    elif _is.is_integer(type_):
        if _is.is_integer(source) or _is.is_decimal(source):
            return _by_halves(values, type_)
        if _is.is_floating(source):
            # NaN is how frames without nulls write a missing integer
            return _by_halves(pc.if_else(pc.is_nan(values), pa.scalar(None, source), values), type_)
    elif _is.is_boolean(type_):
        if _is.is_integer(source):
            fits = pc.fill_null(pc.is_in(values, value_set=pa.array([0, 1], source)), fill_value=False)
            kept = pc.if_else(fits, values, pa.scalar(None, source)).cast(type_)
            return kept, _rows(pc.and_(pc.is_valid(values), pc.invert(fits)))
    elif _is.is_string(type_):
        if _is.is_integer(source):
            return values.cast(type_), []
        if inside(source) == pa.binary():
            return _by_halves(values.cast(pa.binary()), type_)
    elif _is.is_binary(type_):
        if inside(source) in {pa.string(), pa.binary()}:
            return values.cast(type_), []
    elif _is.is_date(type_):
        if _is.is_date(source):
            return values.cast(type_), []
        if _is.is_timestamp(source):
            days = np.floor_divide(_to_time(values, unit)[0].cast(pa.int64()).fill_null(0).to_numpy(), 86_400_000_000).astype(np.int32)
            return array(days, mask=_nulls(values)).cast(type_), []
    elif _is.is_duration(type_) and _is.is_duration(source):
        return _rescaled(values.cast(pa.int64()), source.unit, type_)
    raise _NeverError


def _to_time(values: Column, unit: str | None) -> _Found:
    source = values.type
    if _is.is_timestamp(source):
        return _rescaled(values.cast(pa.int64()), source.unit, TIMESTAMP)
    if _is.is_date(source):
        return values.cast(pa.timestamp("us")).cast(TIMESTAMP), []
    if _is.is_integer(source) or _is.is_floating(source):
        if unit is None:
            raise _NeverError("; say the integers' unit: timestamp[s], timestamp[ms], timestamp[us] or timestamp[ns]")
        whole, bad = _convert(values, pa.int64())
        scaled, overflowed = _rescaled(whole, unit, TIMESTAMP)
        return scaled, bad + overflowed
    raise _NeverError


def _rescaled(counts: Column, unit: str, type_: pa.DataType) -> _Found:
    """Integers of `unit` as a timestamp or duration in microseconds; nanoseconds are cut downwards."""
    numbers = (counts.fill_null(0) if counts.null_count else counts).to_numpy()
    if unit == "us" and numbers.min(initial=0) > -(2**63):
        return counts.view(type_), []
    mask = _nulls(counts)
    if unit == "ns":
        return array(np.floor_divide(numbers, 1_000), mask=mask).cast(type_), []
    per = PER_UNIT_US[unit]
    most = (2**63 - 1) // per
    bad = (numbers > most) | (numbers < -most)
    scaled = np.where(bad, 0, numbers) * per
    return array(scaled, mask=mask | bad).cast(type_), np.flatnonzero(bad).tolist()


def _from_text(texts: Column, type_: pa.DataType) -> _Found:
    trimmed = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(trimmed, value_set=pa.array(NO_VALUES))
    known = pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
    if _is.is_timestamp(type_):
        return parse_times(known)
    if _is.is_date(type_):
        times, bad = parse_times(known)
        return _convert(times, type_)[0], bad
    if _is.is_struct(type_) or _is.is_list(type_) or _is.is_duration(type_):
        raise _NeverError
    if _is.is_boolean(type_):
        return _by_halves(pc.utf8_lower(known), type_)
    return _by_halves(known, type_)


def _to_struct(values: Column, type_: pa.DataType) -> _Found:
    source = values.type
    if not isinstance(source, pa.StructType) or not isinstance(type_, pa.StructType):
        raise _NeverError
    there = {source.field(i).name: i for i in range(source.num_fields)}
    children = values.flatten()
    bad: list[int] = []
    found: list[Column] = []
    fields = [type_.field(i) for i in range(type_.num_fields)]
    for field in fields:
        if field.name in there:
            child, misfits = _convert(children[there[field.name]], field.type)
            bad += misfits
        else:
            child = nulls(len(values), field.type)
        found.append(child)
    return pa.StructArray.from_arrays(found, fields=fields, mask=pc.is_null(values)), list(set(bad))


def _to_list(values: Column, type_: pa.DataType) -> _Found:
    source = values.type
    if not (_is.is_list(source) or _is.is_large_list(source) or _is.is_fixed_size_list(source)) or not isinstance(type_, pa.ListType):
        raise _NeverError
    plain = values.cast(pa.list_(source.value_type))
    items, misfits = _convert(plain.flatten(), type_.value_type)
    parents = pc.list_parent_indices(plain)
    lengths = pc.list_value_length(plain).fill_null(0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    lists = list_array(offsets, items, type_, pc.is_null(values))
    return lists, sorted({parents[at].as_py() for at in misfits})


def _by_halves(values: Column, type_: pa.DataType) -> _Found:
    """Arrow's cast; where it refuses, each half by itself, down to the values that it refuses."""
    bad: list[int] = []
    parts = _halves(values, lambda part: part.cast(type_), type_, 0, bad)
    return joined(parts, type_), bad


def _halves(
    values: Column, change: Callable[[Column], Column], type_: pa.DataType, start: int, bad: list[int]
) -> list[Column]:
    try:
        return [change(values)]
    except pa.ArrowInvalid:
        if len(values) == 1:
            bad.append(start)
            return [nulls(1, type_)]
        middle = len(values) // 2
        return [*_halves(values[:middle], change, type_, start, bad), *_halves(values[middle:], change, type_, start + middle, bad)]
    except pa.ArrowNotImplementedError:
        raise _NeverError from None


def _nulls(values: Column) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask: np.ndarray[Any, np.dtype[np.bool_]] = pc.is_null(values).to_numpy(zero_copy_only=False)
    return mask


def _rows(mask: Column) -> list[int]:
    return np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()


def _shown(type_: pa.DataType) -> str:
    found = inside(type_)
    return type_name(found) if found is not None else str(type_)

"""Columns made of Python values: dicts of a notebook, records of a JSON lines file that Arrow's reader refused.

It promises the same values as `headrace.archive.convert` gives for the same in Arrow; values that do not fit are null and named by row.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from headrace.archive.convert import NO_VALUES, PER_UNIT_US, convert_column
from headrace.archive.texts import iso_us
from headrace.arrow import Column, array

_is = pa.types
_MISFIT = object()


def column_of(values: list[Any], type_: pa.DataType, unit: str | None = None) -> tuple[Column, list[int]]:
    """`values` as an array of `type_`, and the rows that do not fit; `unit` is that of integers in a timestamp.

    >>> column, bad = column_of([1, "2", 2.5, None], pa.int64())
    >>> column.to_pylist(), bad
    ([1, 2, None, None], [2])
    """
    changed = [_value(value, type_, unit) for value in values]
    bad = [row for row, value in enumerate(changed) if value is _MISFIT]
    for row in bad:
        changed[row] = None
    return _array(changed, type_, bad)


def _array(values: list[Any], type_: pa.DataType, bad: list[int]) -> tuple[Column, list[int]]:
    try:
        return array(values, type_), bad
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass
    for row, value in enumerate(values):
        try:
            pa.scalar(value, type_)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            bad.append(row)
            values[row] = None
    return array(values, type_), sorted(bad)


def _value(value: Any, type_: pa.DataType, unit: str | None) -> Any:
    """What Arrow takes for `value`, or `_MISFIT`."""
    if value is None:
        return None
    if _is.is_timestamp(type_):
        return _time(value, unit)
    if _is.is_struct(type_):
        return _struct(value, type_)
    if _is.is_list(type_):
        if not isinstance(value, list | tuple) and not hasattr(value, "tolist"):
            return _MISFIT
        items = [_value(item, type_.value_type, None) for item in value]
        return _MISFIT if any(item is _MISFIT for item in items) else items
    if hasattr(value, "item") and not isinstance(value, str | bytes):  # a NumPy scalar
        value = value.item()
    if isinstance(value, str) and not (_is.is_string(type_) or _is.is_binary(type_)):
        return _text(value, type_)
    if _is.is_floating(type_):
        return _floating(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else _MISFIT
    if _is.is_integer(type_):
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return _MISFIT
        return _whole(value)
    if _is.is_boolean(type_):
        return bool(value) if isinstance(value, bool) or (isinstance(value, int) and value in {0, 1}) else _MISFIT
    if _is.is_string(type_) and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if _is.is_string(type_) and isinstance(value, bytes):
        return _decoded(value)
    if _is.is_date(type_):
        return value.date() if isinstance(value, datetime) else value if isinstance(value, date) else _MISFIT
    if _is.is_duration(type_):
        return value if isinstance(value, timedelta) else _MISFIT
    return value


def _decoded(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _MISFIT


def _floating(value: float | Decimal) -> Any:
    try:
        return float(value)
    except OverflowError:
        return _MISFIT


def _whole(value: float | Decimal) -> Any:
    """An integer; NaN is how a missing one is written where there are no nulls."""
    if value != value:  # noqa: PLR0124
        return None
    if isinstance(value, int):
        return value
    try:
        whole = int(value)
    except (OverflowError, ValueError):
        return _MISFIT
    return whole if whole == value else _MISFIT


def _time(value: Any, unit: str | None) -> Any:
    if isinstance(value, str):
        text = value.strip()
        found = None if text in NO_VALUES else iso_us(text)
        return _MISFIT if found is None and text not in NO_VALUES else found
    if isinstance(value, datetime | date):
        # NaT is a datetime of pandas that equals nothing
        return pa.scalar(value, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py() if value == value else None  # noqa: PLR0124
    if hasattr(value, "astype") and hasattr(value, "item"):
        if str(getattr(value, "dtype", "")).startswith("datetime64"):
            return int(value.astype("datetime64[us]").astype("int64"))
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float) or unit is None:
        return _MISFIT
    whole = _whole(value)
    if whole is _MISFIT or whole is None:
        return whole
    scaled = whole // 1_000 if unit == "ns" else whole * PER_UNIT_US[unit]
    return scaled if abs(scaled) < 2**63 else _MISFIT


def _struct(value: Any, type_: pa.DataType) -> Any:
    if not isinstance(value, dict) or not isinstance(type_, pa.StructType):
        return _MISFIT
    fields = {field.name: _value(value.get(field.name), field.type, None) for field in (type_.field(i) for i in range(type_.num_fields))}
    return _MISFIT if any(item is _MISFIT for item in fields.values()) else fields


def _text(value: str, type_: pa.DataType) -> Any:
    column, bad = convert_column("", array([value]), type_, None)
    return _MISFIT if bad else column[0].as_py()

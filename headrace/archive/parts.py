"""What is read of a file: which columns are wanted, and the rows that came of it, good and dead.

It promises that every row is in a part's table or among its dead, never both. How a format is read is left to `read` and `lines`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.archive.convert import Misfit, convert_table
from headrace.arrow import array
from headrace.errors import UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns to read: `schema` has their types, `units` those of integer times; the `optional` ones may be missing from a file.

    `where` names what is read, for errors; `time` must be in every file whatever its format.
    """

    schema: pa.Schema
    units: Mapping[str, str]
    where: str
    time: str
    optional: frozenset[str] = frozenset()

    def present(self, names: Sequence[str], path: str) -> Wanted:
        """Without the optional columns that are not among `names`; raises where another is missing."""
        for name in self.schema.names:
            if name not in names and name not in self.optional:
                raise UnknownColumn(name, names, f"{path}, read as {self.where}")
        return Wanted(pa.schema([f for f in self.schema if f.name in names]), self.units, self.where, self.time)


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A row that is not in the table: its number in the file from 0, why, and what stood there."""

    row: int
    reason: str
    column: str | None
    record: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file: the good ones and their numbers in the file, and the dead ones."""

    table: pa.Table
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    dead: list[DeadRow]


def typed(raw: pa.Table, numbers: np.ndarray[Any, np.dtype[np.int64]], wanted: Wanted, lost: list[DeadRow]) -> Part:
    """A part of what a reader found: rows with a misfit leave the table; `lost` are rows that the reader made nothing of."""
    table, misfits = convert_table(raw, wanted.schema, wanted.units)
    if not misfits:
        return Part(table, numbers, lost)
    first: dict[int, Misfit] = {}
    for misfit in misfits:
        first.setdefault(misfit.row, misfit)
    dead = [DeadRow(int(numbers[row]), misfit.reason, misfit.column, _record(raw, row)) for row, misfit in first.items()]
    good = np.setdiff1d(np.arange(table.num_rows), np.fromiter(first, np.int64, len(first)))
    return Part(table.take(array(good)), numbers[good], sorted([*lost, *dead], key=lambda each: each.row))


def _record(raw: pa.Table, row: int) -> str:
    """One row as text."""
    values = raw.slice(row, 1).to_pylist()[0]
    return json.dumps(values, ensure_ascii=False, default=_shown)


def _shown(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

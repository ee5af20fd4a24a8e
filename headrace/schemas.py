"""The columns of a source: their types inside, and what is known about how they arrive.

A schema is a dict of names to types (texts, `hr.label(…)`, a dict for a struct, a pyarrow type) or a `pyarrow.Schema`. It promises types
inside only; the unit that integer times have in messages is kept beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from headrace.errors import HeadraceError, InvalidValue, TypeMismatch
from headrace.labels import Label
from headrace.types import declared_unit, inside, parse_type, type_name

if TYPE_CHECKING:
    import pyarrow as pa

Schema: TypeAlias = "Mapping[str, Any] | pa.Schema"


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its type inside, the unit of an integer that stands for it in messages, and when a label is known."""

    name: str
    type: pa.DataType
    unit: str | None = None
    known_after_us: int | None = None


def fields_of(schema: Schema, source: str) -> tuple[Field, ...]:
    """The columns that a schema declares; raises where a type is not understood, with the column's name.

    >>> [field.unit for field in fields_of({"ts": "timestamp[ms]", "user": {"id": "int64"}}, "clicks")]
    ['ms', None]
    """
    import pyarrow as pa

    if isinstance(schema, pa.Schema):
        pairs: list[tuple[str, Any]] = [(field.name, field.type) for field in schema]
    elif isinstance(schema, Mapping):
        pairs = list(schema.items())
    else:
        text = f"the schema of source '{source}' is a {type(schema).__name__}: give a dict of names and types, or a pyarrow.Schema"  # type: ignore[unreachable]
        raise TypeMismatch(text, source=source)
    if not pairs:
        text = f"the schema of source '{source}' has no columns"
        raise InvalidValue(text, source=source)
    return tuple(_field(name, declared, source) for name, declared in pairs)


def _field(name: Any, declared: Any, source: str) -> Field:
    if not isinstance(name, str) or not name or name.startswith("_"):
        text = f"source '{source}' cannot have a column named {name!r}: a column's name is a text that does not begin with '_'"
        raise InvalidValue(text, source=source, column=name)
    known_after_us = None
    if isinstance(declared, Label):
        known_after_us, declared = declared.known_after_us, declared.type
    try:
        return Field(name, _type(declared), declared_unit(declared) if isinstance(declared, str) else None, known_after_us)
    except HeadraceError as error:
        raise error.within(f"column '{name}' of source '{source}'", column=name, source=source) from None


def _type(declared: Any) -> pa.DataType:
    import pyarrow as pa

    if isinstance(declared, str):
        return parse_type(declared)
    if isinstance(declared, Mapping):
        return pa.struct([(name, _type(each)) for name, each in declared.items()])
    if isinstance(declared, pa.DataType):
        found = inside(declared)
        if found is None:
            text = f"Arrow's {declared} has no counterpart"
            raise InvalidValue(text + (": declare int64, or float64 for larger ones" if pa.types.is_uint64(declared) else ""))
        return found
    text = f"a type is a text such as 'int64', hr.label(…), a dict for a struct or a pyarrow type, found {declared!r}"
    raise TypeMismatch(text)


def described(fields: tuple[Field, ...]) -> dict[str, str]:
    """Names and types as a schema has them."""
    return {field.name: f"timestamp[{field.unit}]" if field.unit else type_name(field.type) for field in fields}

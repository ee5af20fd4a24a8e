"""Dimensions and Keys: what features belong to.

`account` is a Dimension; `buyer_id` and `seller_id` are Keys of it. A Key's name is the column's name outside, wherever values of it are
asked for. Which column of a source holds it is left to the source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headrace.errors import InvalidName, TypeMismatch

if TYPE_CHECKING:
    import pyarrow as pa

KEY_TYPES = ("int8", "int16", "int32", "int64", "string", "binary", "bool", "date")
"""The types that a Key may have; a float is equal to itself too seldom."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A kind of thing that has features.

    >>> Dimension("account")
    Dimension('account')
    """

    name: str
    description: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        checked_name(self.name, "a Dimension")

    def __repr__(self) -> str:
        return f"Dimension('{self.name}')"


@dataclass(frozen=True, slots=True)
class Key:
    """A name under which entities of a Dimension are addressed, and its type.

    >>> Key("buyer_id", Dimension("account"), "int64")
    Key('buyer_id', Dimension('account'), 'int64')
    >>> Key("price", Dimension("account"), "float64")
    Traceback (most recent call last):
    headrace.errors.TypeMismatch: a Key cannot be float64: 'price'; a Key is one of int8, int16, int32, int64, string, binary, bool, date
    """

    name: str
    dimension: Dimension
    type: str
    description: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        from headrace.types import parse_type, type_name

        checked_name(self.name, "a Key")
        if not isinstance(self.dimension, Dimension):
            text = f"Key '{self.name}' takes a Dimension second, found {type(self.dimension).__name__}: hr.Key(name, dimension, type)"  # type: ignore[unreachable]
            raise TypeMismatch(text, key=self.name)
        canonical = type_name(parse_type(self.type))
        if canonical not in KEY_TYPES:
            text = f"a Key cannot be {canonical}: '{self.name}'; a Key is one of {', '.join(KEY_TYPES)}"
            raise TypeMismatch(text, key=self.name, type=canonical)
        object.__setattr__(self, "type", canonical)

    @property
    def arrow_type(self) -> pa.DataType:
        """The type in Arrow."""
        from headrace.types import parse_type

        return parse_type(self.type)

    def __repr__(self) -> str:
        return f"Key('{self.name}', {self.dimension!r}, '{self.type}')"


def checked_name(name: object, what: str) -> str:
    """`name`, where it is a text that can be a name: not empty, no blank at its ends, no slash and no control character."""
    if not isinstance(name, str) or not name or name != name.strip() or any(char in "/\\" or ord(char) < 32 for char in name):
        text = f"{what} needs a name without slashes and blanks at its ends, found {name!r}"
        raise InvalidName(text, name=name)
    return name

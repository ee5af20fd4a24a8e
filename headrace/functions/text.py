"""Functions of text. Characters are Unicode code points; places count from 1, as in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .model import Parameter, RowFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT, BOOL = pa.string(), pa.bool_()
_S = (Parameter("s", "string"),)
_PART = (Parameter("s", "string"), Parameter("part", "string", literal=True))


def _place(values: Sequence[Any]) -> str | None:
    if values[1] == 0:
        return "places count from 1, or from -1 at the end; found 0"
    if len(values) > 2 and values[2] < 0:
        return f"length must not be negative, found {values[2]}"
    return None


def _empty(values: Sequence[Any]) -> str | None:
    return "what is replaced must not be empty" if values[1] == "" else None


FUNCTIONS = (
    RowFunction("lower", _S, TEXT, "s in lower case.", ">>> evaluate('lower', 'ÀB')\n'àb'", sql_names=("lcase",)),
    RowFunction("upper", _S, TEXT, "s in upper case.", ">>> evaluate('upper', 'àb')\n'ÀB'", sql_names=("ucase",)),
    RowFunction("trim", _S, TEXT, "s without white space at both ends.", ">>> evaluate('trim', '  a b ')\n'a b'"),
    RowFunction(
        "length",
        _S,
        pa.int64(),
        "The number of characters.",
        ">>> evaluate('length', 'été')\n3",
        sql_names=("char_length", "character_length", "len"),
    ),
    RowFunction(
        "substr",
        (
            Parameter("s", "string"),
            Parameter("start", "int", literal=True),
            Parameter("length", "int", literal=True, optional=True),
        ),
        TEXT,
        "The characters from place `start` on, `length` of them or all; a negative place counts from the end. Outside of s is nothing.",
        ">>> evaluate('substr', 'headrace', 5, 4), evaluate('substr', 'headrace', -4)\n('race', 'race')",
        sql_names=("substring",),
        reject=_place,
    ),
    RowFunction("contains", _PART, BOOL, "Whether `part` stands somewhere in s.", ">>> evaluate('contains', 'headrace', 'drac')\nTrue"),
    RowFunction(
        "starts_with",
        _PART,
        BOOL,
        "Whether s begins with `part`.",
        ">>> evaluate('starts_with', 'headrace', 'head')\nTrue",
        sql_names=("startswith",),
    ),
    RowFunction(
        "ends_with",
        _PART,
        BOOL,
        "Whether s ends with `part`.",
        ">>> evaluate('ends_with', 'headrace', 'head')\nFalse",
        sql_names=("endswith",),
    ),
    RowFunction(
        "like",
        (Parameter("s", "string"), Parameter("pattern", "string", literal=True)),
        BOOL,
        "Whether s as a whole fits SQL's pattern: % is any text, _ any character, a backslash takes the next one as it is.",
        ">>> evaluate('like', 'headrace', 'h%a_e')\nTrue",
    ),
    RowFunction(
        "concat",
        (Parameter("s", "string", many=True),),
        TEXT,
        "The texts one behind the other.",
        ">>> evaluate('concat', 'head', 'race')\n'headrace'",
    ),
    RowFunction(
        "replace",
        (Parameter("s", "string"), Parameter("old", "string", literal=True), Parameter("new", "string", literal=True)),
        TEXT,
        "s with `new` wherever `old` stood, from the left.",
        ">>> evaluate('replace', '1 000 000', ' ', '_')\n'1_000_000'",
        reject=_empty,
    ),
)

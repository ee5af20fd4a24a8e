"""The names of types in SQL, and what they are called in a schema.

It promises both ways: `Kinds._parse_kind` reads a type as the name that `headrace.types` takes, `sql_type` writes an Arrow type. The names
of a schema (`int64`, `list<string>`) may stand in SQL as they are; FLOAT is single and DOUBLE double, as in Arrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from headrace.errors import did_you_mean

from .place import put
from .syntax import Kind

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp
    from sqlglot.parser import Parser as Base
else:
    Base = object

NAMES = {
    "TINYINT": "int8", "SMALLINT": "int16", "INT": "int32", "INTEGER": "int32", "BIGINT": "int64",
    "REAL": "float32", "FLOAT": "float32", "DOUBLE": "float64", "DOUBLE PRECISION": "float64", "BOOLEAN": "bool",
    "TEXT": "string", "VARCHAR": "string", "CHAR": "string",
    "BYTEA": "binary", "BLOB": "binary", "VARBINARY": "binary", "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamp",
    "DATETIME": "timestamp", "INTERVAL": "duration", "DECIMAL": "decimal", "NUMERIC": "decimal",
}  # fmt: skip
"""SQL's names of types without parameters, and those of a schema."""

_OURS = ("int8", "int16", "int32", "int64", "float32", "float64", "bool", "string", "binary", "date", "timestamp", "duration")
_WRITTEN = {
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT", "float32": "REAL", "float64": "DOUBLE",
    "bool": "BOOLEAN", "string": "TEXT", "binary": "BYTEA", "date": "DATE", "timestamp": "TIMESTAMP", "duration": "INTERVAL",
}  # fmt: skip
_SIZED = {"VARCHAR", "CHAR", "VARBINARY", "BINARY", "TIMESTAMP", "DECIMAL", "NUMERIC", "FLOAT"}


class Kinds(Base):
    """The part of the parser that reads types."""

    def _parse_kind(self) -> exp.Expr:
        """A type, or an error there."""
        start = self._curr
        text = self._kind_text()
        while self._match(TokenType.L_BRACKET):
            if not self._match(TokenType.R_BRACKET):
                self.raise_error("Expecting ]: a list has no length in its type")
            text = f"list<{text}>"
        return put(Kind(this=text), start.start, self._prev.end)

    def _kind_text(self) -> str:
        token = self._curr
        if not token or token.token_type in {TokenType.STRING, TokenType.NUMBER} or not token.text.replace(" ", "_").isidentifier():
            self.raise_error("Expecting a type")
        self._advance()
        word = token.text.upper()
        if word in {"ARRAY", "LIST"}:
            return f"list<{self._bracketed(self._kind_text_of_list)}>"
        if word in {"STRUCT", "ROW"}:
            return f"struct<{self._bracketed(self._fields)}>"
        if word in _SIZED and self._match(TokenType.L_PAREN):
            self._parse_csv(self._parse_primary)
            self._match_r_paren()
        if word == "TIMESTAMP":
            _ = self._match_text_seq("WITH", "TIME", "ZONE") or self._match_text_seq("WITHOUT", "TIME", "ZONE")
        if word in NAMES:
            return NAMES[word]
        if word.lower() in _OURS:
            return word.lower()
        near = did_you_mean(token.text, [*NAMES, *_OURS])
        there = ", ".join([*_WRITTEN.values(), "DECIMAL", "ARRAY<T>", "STRUCT<name T, ...>"])
        self.raise_error(f"unknown type '{token.text}'{near}; there are: {there}", token)
        raise AssertionError

    def _kind_text_of_list(self) -> str:
        return str(self._parse_kind().this)

    def _fields(self) -> str:
        return ", ".join(self._parse_csv(self._field))

    def _field(self) -> str:
        name = self._parse_id_var(any_token=True)
        if name is None:
            self.raise_error("Expecting the name of a field")
        self._match(TokenType.COLON)
        return f'"{name.name}": {self._parse_kind().this}' if name else ""

    def _bracketed(self, inner: object) -> str:
        for opening, closing in ((TokenType.LT, TokenType.GT), (TokenType.L_PAREN, TokenType.R_PAREN)):
            if self._match(opening):
                text = inner()   # type: ignore[operator]
                if not self._match(closing):
                    self.raise_error(f"Expecting {'>' if closing is TokenType.GT else ')'}")
                return str(text)
        self.raise_error("Expecting < and the type inside")
        raise AssertionError


def sql_type(type_: pa.DataType) -> str:
    """SQL's name of an Arrow type.

    >>> import pyarrow as pa
    >>> sql_type(pa.list_(pa.struct([("item", pa.string()), ("price", pa.float64())])))
    'ARRAY<STRUCT<"item" TEXT, "price" DOUBLE>>'
    """
    import pyarrow as pa

    from headrace.types import type_name

    if isinstance(type_, pa.StructType):
        fields = (type_.field(i) for i in range(type_.num_fields))
        return f"STRUCT<{', '.join(f'{quoted(field.name)} {sql_type(field.type)}' for field in fields)}>"
    if isinstance(type_, pa.ListType):
        return f"ARRAY<{sql_type(type_.value_type)}>"
    return _WRITTEN[type_name(type_)]


def quoted(name: str) -> str:
    """A name as SQL quotes it.

    >>> print(quoted('the "price" of it'))
    "the ""price"" of it"
    """
    doubled = name.replace('"', '""')
    return f'"{doubled}"'

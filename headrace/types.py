"""The names of types in a schema, and what they are in Arrow.

Inside there are int8 to int64, float32, float64, bool, string, binary, date, timestamp (microseconds, UTC), duration (microseconds),
`list<T>` and `struct<name: T, ...>`. What arrives in another form is read as the nearest of these: a decimal as float64, an unsigned
integer as the next wider signed one, times of any unit and zone as microseconds UTC. `timestamp[ms]` says that the messages hold an
integer of that unit. It promises that `parse_type(type_name(t))` is `t` for every type inside.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from headrace.errors import InvalidValue, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

NAMES = (
    "int8", "int16", "int32", "int64", "float32", "float64", "bool", "string", "binary", "date", "timestamp", "duration",
)  # fmt: skip
"""The names of types without parameters."""

UNITS = ("s", "ms", "us", "ns")
_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w.$-]*|\"[^\"]+\")|(\d+)|([<>:,()\[\]]))")
_ZONE = re.compile(r"\[\s*(s|ms|us|ns)\s*,[^\]]*\]")   # every zone is read as UTC
_OTHERS = (
    "uint8", "uint16", "uint32", "float16", "float", "double", "large_string", "utf8", "large_binary", "date32", "date64", "decimal",
    "timestamp[ms]", "list<int64>", "struct<name: string>",
)  # fmt: skip


def parse_type(text: str) -> pa.DataType:
    """The Arrow type of the name `text`.

    >>> parse_type("list<struct<item: string, price: float64>>")
    ListType(list<item: struct<item: string, price: double>>)
    >>> parse_type("timestamp[ms]"), parse_type("decimal(10, 2)")
    (TimestampType(timestamp[us, tz=UTC]), DataType(double))
    >>> parse_type("int46")
    Traceback (most recent call last):
    headrace.errors.InvalidValue: unknown type 'int46' (did you mean 'int64'?); there are: int8, int16, int32, int64, float32, float64,
    bool, string, binary, date, timestamp, duration, list<T>, struct<name: T, ...>
    """
    tokens = list(_tokens(_ZONE.sub(r"[\1]", text)))
    type_, rest = _parse(tokens, text)
    if rest:
        raise _unknown(text)
    return type_


def declared_unit(text: str) -> str | None:
    """The unit that integers of this type have in messages: `ms` of `timestamp[ms]`.

    >>> declared_unit("timestamp[ms]"), declared_unit("timestamp")
    ('ms', None)
    """
    found = re.fullmatch(r"\s*timestamp\s*\[\s*(s|ms|us|ns)\s*(?:,.*)?\]\s*", text)
    return found[1] if found else None


def type_name(type_: pa.DataType) -> str:
    """The name of a type inside.

    >>> import pyarrow as pa
    >>> type_name(pa.list_(pa.struct([("item", pa.string())]))), type_name(pa.timestamp("us", tz="UTC"))
    ('list<struct<item: string>>', 'timestamp')
    """
    import pyarrow as pa

    if pa.types.is_null(type_):
        return "null"
    if isinstance(type_, pa.StructType):
        fields = (type_.field(i) for i in range(type_.num_fields))
        return f"struct<{', '.join(f'{_field_name(field.name)}: {type_name(field.type)}' for field in fields)}>"
    if isinstance(type_, pa.ListType):
        return f"list<{type_name(type_.value_type)}>"
    return _plain_names().get(type_, str(type_))


def inside(type_: pa.DataType) -> pa.DataType | None:
    """The type inside that values of the Arrow type `type_` are read as, or None where there is none.

    >>> import pyarrow as pa
    >>> inside(pa.decimal128(10, 2)), inside(pa.timestamp("ms")), inside(pa.uint64())
    (DataType(double), TimestampType(timestamp[us, tz=UTC]), None)
    """
    import pyarrow as pa

    is_ = pa.types
    if type_ in _plain_names():
        return type_
    if is_.is_dictionary(type_):
        return inside(type_.value_type)
    if is_.is_struct(type_):
        fields = [(type_.field(i).name, inside(type_.field(i).type)) for i in range(type_.num_fields)]
        known = [(name, found) for name, found in fields if found is not None]
        return pa.struct(known) if len(known) == len(fields) else None
    if is_.is_list(type_) or is_.is_large_list(type_) or is_.is_fixed_size_list(type_):
        value = inside(type_.value_type)
        return None if value is None else pa.list_(value)
    for fits, found in (
        (is_.is_uint8, pa.int16()), (is_.is_uint16, pa.int32()), (is_.is_uint32, pa.int64()), (is_.is_float16, pa.float32()),
        (is_.is_decimal, pa.float64()), (is_.is_date, pa.date32()), (is_.is_large_string, pa.string()), (is_.is_string_view, pa.string()),
        (is_.is_large_binary, pa.binary()), (is_.is_binary_view, pa.binary()), (is_.is_fixed_size_binary, pa.binary()),
        (is_.is_timestamp, pa.timestamp("us", tz="UTC")), (is_.is_duration, pa.duration("us")),
    ):  # fmt: skip
        if fits(type_):
            return found
    return None


def _plain_names() -> dict[pa.DataType, str]:
    import pyarrow as pa

    return {
        pa.int8(): "int8", pa.int16(): "int16", pa.int32(): "int32", pa.int64(): "int64", pa.float32(): "float32", pa.float64(): "float64",
        pa.bool_(): "bool", pa.string(): "string", pa.binary(): "binary", pa.date32(): "date", pa.timestamp("us", tz="UTC"): "timestamp",
        pa.duration("us"): "duration",
    }  # fmt: skip


def _tokens(text: str) -> Iterator[str]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unknown(text)
        yield found[1] or found[2] or found[3]
        at = found.end()


def _parse(tokens: list[str], text: str) -> tuple[pa.DataType, list[str]]:
    import pyarrow as pa

    if not tokens:
        raise _unknown(text)
    name, rest = tokens[0].lower(), tokens[1:]
    if name in {"list", "array"} and rest[:1] == ["<"]:
        value, rest = _parse(rest[1:], text)
        return pa.list_(value), _after(">", rest, text)
    if name == "struct" and rest[:1] == ["<"]:
        fields: list[tuple[str, pa.DataType]] = []
        rest = ["," , *rest[1:]]
        while rest[:1] == [","]:
            if len(rest) < 3 or rest[2] != ":":
                raise _unknown(text)
            label = rest[1].strip('"')
            value, rest = _parse(rest[3:], text)
            fields.append((label, value))
        return pa.struct(fields), _after(">", rest, text)
    if name in {"timestamp", "duration"} and rest[:1] == ["["]:
        if len(rest) < 3 or rest[1] not in UNITS or "]" not in rest:
            raise _unknown(text)
        return _named(name, text), rest[rest.index("]") + 1 :]
    if name.startswith("decimal"):
        return pa.float64(), rest[rest.index(")") + 1 :] if rest[:1] == ["("] and ")" in rest else rest
    return _named(name, text), rest


def _after(wanted: str, rest: list[str], text: str) -> list[str]:
    if rest[:1] != [wanted]:
        raise _unknown(text)
    return rest[1:]


def _named(name: str, text: str) -> pa.DataType:
    import pyarrow as pa

    if name in NAMES:
        return next(type_ for type_, found in _plain_names().items() if found == name)
    others: dict[str, pa.DataType] = {
        "uint8": pa.int16(), "uint16": pa.int32(), "uint32": pa.int64(), "float16": pa.float32(), "halffloat": pa.float32(),
        "float": pa.float32(), "double": pa.float64(), "utf8": pa.string(), "large_string": pa.string(), "large_utf8": pa.string(),
        "large_binary": pa.binary(), "date32": pa.date32(), "date64": pa.date32(), "boolean": pa.bool_(),
    }  # fmt: skip
    if name in others:
        return others[name]
    raise _unknown(text)


def _unknown(text: str) -> InvalidValue:
    near = did_you_mean(text, [*NAMES, *_OTHERS])
    return InvalidValue(f"unknown type '{text}'{near}; there are: {', '.join(NAMES)}, list<T>, struct<name: T, ...>", type=text)


def _field_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][\w.$-]*", name) else f'"{name}"'

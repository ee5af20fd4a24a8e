"""Keys and Sources as `CREATE KEY` and `CREATE TABLE`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.sql.kinds import sql_type
from headrace.types import parse_type

from .names import duration, identifier, in_a_list, string

if TYPE_CHECKING:
    from headrace.keys import Key
    from headrace.schemas import Field
    from headrace.source import Source

_DEFAULTS = {"lateness": 3_600_000_000, "max_ahead": 300_000_000, "idle": 60_000_000}


def create_key(key: Key) -> str:
    """The statement."""
    return f"CREATE KEY {identifier(key.name)} {sql_type(parse_type(key.type))} DIMENSION {identifier(key.dimension.name)};\n"


def create_table(source: Source) -> str:
    """The statement for the source without its filters and further columns."""
    options = [f"time = {string(source.time)}"]
    if source.keys:
        what = f"a key of source '{source.name}'"
        named = [(in_a_list(column, what), in_a_list(key.name, what)) for column, key in source.keys.items()]
        pairs = [column if column == key else f"{column}: {key}" for column, key in named]
        options.append(f"keys = {string(', '.join(pairs))}")
    options += [] if source.unique is None else [f"unique = {string(source.unique)}"]
    for name, value in (("lateness", source.lateness_us), ("max_ahead", source.max_ahead_us), ("idle", source.idle_us)):
        options += [] if value == _DEFAULTS[name] else [f"{name} = {string(duration(value))}"]
    options += [] if source.topic == source.name else [f"topic = {string(source.topic)}"]
    options += [] if source.format == "json" else [f"format = {string(source.format)}"]
    told = (("domain", source.domain), ("description", source.description))
    options += [f"{name} = {string(value)}" for name, value in told if value is not None]
    fields = ",\n".join(f"    {_field(field)}" for field in source.fields)
    return f"CREATE TABLE {identifier(source.name)} (\n{fields}\n) WITH ({', '.join(options)});\n"


def _field(field: Field) -> str:
    written = f"{identifier(field.name)} {sql_type(field.type)}"
    written += f" UNIT '{field.unit}'" if field.unit else ""
    return written + (f" LABEL KNOWN AFTER {string(duration(field.known_after_us))}" if field.known_after_us is not None else "")

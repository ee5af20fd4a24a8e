"""`CREATE KEY` and `CREATE TABLE`: Keys and Sources.

A Key that a table names and nobody created is implied: its type is the column's, its Dimension has its name. It promises the same objects
as `hr.Key(...)` and `hr.Source(...)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.errors import DuplicateName, HeadraceError, InvalidValue
from headrace.keys import Dimension, Key
from headrace.labels import Label, label
from headrace.source import Source
from headrace.types import parse_type, type_name

from .options import listed, read_options

if TYPE_CHECKING:
    from sqlglot import exp

    from .place import Text

TABLE_OPTIONS = ("time", "keys", "unique", "lateness", "max_ahead", "idle", "topic", "format", "domain", "description")


def key_of(text: Text, node: exp.Expr) -> Key:
    """`CREATE KEY buyer_id BIGINT DIMENSION account`."""
    dimension = node.args.get("dimension")
    try:
        return Key(node.this.name, Dimension(node.this.name if dimension is None else dimension.name), node.args["kind"].this)
    except HeadraceError as error:
        raise text.located(error, node) from None


def source_of(text: Text, node: exp.Expr, keys: dict[str, Key]) -> Source:
    """`CREATE TABLE name (...) WITH (...)`; Keys that it implies are added to `keys`."""
    name = node.this.name
    options = node.args.get("options") or []
    said: dict[str, Any] = dict(read_options(text, options, TABLE_OPTIONS, f"table '{name}'"))
    schema: dict[str, Any] = {}
    for field in node.expressions:
        if field.this.name in schema:
            found = DuplicateName(f"table '{name}' has two columns named '{field.this.name}'", source=name, column=field.this.name)
            raise text.located(found, field.this)
        schema[field.this.name] = _declared(text, field)
    if "time" not in said:
        problem = InvalidValue(f"table '{name}' does not say which column is its event time: WITH (time = 'ts')", source=name)
        raise text.located(problem, node.this)
    places = {option.this.name.lower(): option for option in options}
    if "keys" in said:
        said["keys"] = {column: _key(text, pair, schema, keys, places["keys"]) for column, pair in _pairs(said["keys"])}
    try:
        return Source(name, schema=schema, **said)
    except HeadraceError as error:
        raise text.located(error, _place(node, error, places)) from None


def implied(keys: dict[str, Key], name: str, declared: str) -> Key:
    """The Key `name`, made of a column of the type `declared` where nobody created it."""
    if name not in keys:
        keys[name] = Key(name, Dimension(name), declared)
    return keys[name]


def _declared(text: Text, field: exp.Expr) -> str | Label:
    kind, unit = field.args["kind"].this, field.args.get("unit")
    if unit is not None:
        if kind != "timestamp" or unit.name not in {"s", "ms", "us", "ns"}:
            problem = InvalidValue("UNIT says of which unit a TIMESTAMP's integers are: 's', 'ms', 'us' or 'ns'")
            raise text.located(problem, unit)
        kind = f"timestamp[{unit.name}]"
    if not field.args.get("label"):
        return str(kind)
    after = field.args["known_after"]
    try:
        return label(kind, known_after=after.name)
    except HeadraceError as error:
        raise text.located(error, after) from None


def _pairs(said: str) -> list[tuple[str, str]]:
    """Columns and the Keys that they hold: `'uid: buyer_id, seller_id'`."""
    pairs = [part.partition(":") for part in listed(said)]
    return [(column.strip(), key.strip() or column.strip()) for column, _, key in pairs]


def _key(text: Text, name: str, schema: dict[str, Any], keys: dict[str, Key], option: exp.Expr) -> Key:
    column = next((column for column, key in _pairs(option.expression.name) if key == name), name)
    if name in keys or column not in schema:
        return keys.get(name) or Key(name, Dimension(name), "int64")
    declared = schema[column]
    plain = declared.type if isinstance(declared, Label) else declared
    try:
        return implied(keys, name, type_name(parse_type(plain)))
    except HeadraceError as error:
        raise text.located(error, option) from None


def _place(node: exp.Expr, error: HeadraceError, places: dict[str, exp.Expr]) -> exp.Expr:
    """Where in the statement an error of the Source belongs: the option that its text names, the column, or the name."""
    for name, option in places.items():
        if f"{name}=" in error.text.split(":")[0] or (name == "keys" and "key" in error.facts):
            return option
    column = error.facts.get("column")
    fields: list[exp.Expr] = [field for field in node.expressions if field.this.name == column]
    return fields[0] if fields else node.this

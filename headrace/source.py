"""Sources: a log of events with a schema, and what is read of it.

A source is immutable. `filter` and `with_columns` give views of it: a filter decides which events an aggregate sees, never which rows
there are; a new column is written into the expressions that use it. It promises that two sources are equal if and only if their
declarations and views are. Where the log lies is left to the archive's configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.durations import parse_duration
from headrace.errors import InvalidName, InvalidValue, KeyMissing, MixedSources, NestedAggregate, TypeMismatch, UnknownColumn, unknown
from headrace.forms import form
from headrace.keys import Key, checked_name
from headrace.schemas import Field, Schema, fields_of
from headrace.tree import Aggregate, Call, RequestColumn, column
from headrace.types import type_name
from headrace.views import View, distinct, resolved, stripped, view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    import pyarrow as pa

    from headrace.expressions import Expression

FORMATS = ("json", "avro")


class Source:
    """A topic: its columns, its event time, the Keys in it, and when an event is too late.

    Args:
        name: also the name of its topic and of its folder in the archive.
        schema: names and types, or a `pyarrow.Schema`.
        time: the column of the event time, a timestamp.
        keys: which column holds which Key, where their names differ.
        unique: a column; a second event with the same value within `lateness` is dropped, and counted.
        lateness: how far behind its partition's newest event time an event may be.
        max_ahead: how far ahead of its arrival an event's time may be.
        idle: after what silence a partition no longer holds the clock back.
        topic: the Kafka topic, where it has another name.
        format: how its messages are written: `json` (an object each), or `avro` with a schema registry's number in front.
        domain: the business area that owns it.

    >>> import headrace as hr
    >>> clicks = hr.Source("clicks", schema={"uid": "int64", "user": {"id": "int64"}, "ts": "timestamp[ms]"}, time="ts")
    >>> clicks["user.id"]
    <expression "user".id: int64>
    >>> clicks["uidd"]
    Traceback (most recent call last):
    headrace.errors.UnknownColumn: unknown column 'uidd' in source 'clicks' (did you mean 'uid'?); it has: uid, user, ts
    """

    def __init__(
        self,
        name: str,
        *,
        schema: Schema,
        time: str,
        keys: Mapping[str, Key] | Sequence[Key] | None = None,
        unique: str | None = None,
        lateness: str | timedelta = "1h",
        max_ahead: str | timedelta = "5m",
        idle: str | timedelta = "1m",
        topic: str | None = None,
        format: str = "json",  # noqa: A002  # as users write it
        domain: str | None = None,
        description: str | None = None,
    ) -> None:
        self.name = checked_name(name, "a Source")
        self.fields: tuple[Field, ...] = fields_of(schema, name)
        self.time = self._declared(time, "time").name
        self.unique = None if unique is None else self._declared(unique, "unique").name
        self.keys = self._keys(keys)
        self.lateness_us = self._span(lateness, "lateness")
        self.max_ahead_us = self._span(max_ahead, "max_ahead")
        self.idle_us = self._span(idle, "idle")
        self.topic = topic or name
        self.format = format
        self.domain = domain
        self.description = description
        if format not in FORMATS:
            raise unknown("format", format, f"source '{name}'", FORMATS, source=name).within("format=")
        self._filters: tuple[exp.Expression, ...] = ()
        self._derived: dict[str, exp.Expression] = {}
        self._base: Source | None = None
        if type_name(self.field(self.time).type) != "timestamp":
            found = f"time='{time}' of source '{name}' is {type_name(self.field(time).type)}"
            text = f"{found}: the event time is a timestamp, or an integer declared as 'timestamp[ms]'"
            raise TypeMismatch(text, source=name, column=time)
        if self.unique is not None and type_name(self.field(self.unique).type) not in _UNIQUE:
            text = f"unique='{unique}' of source '{name}' is {type_name(self.field(self.unique).type)}: it is one of {', '.join(_UNIQUE)}"
            raise TypeMismatch(text, source=name, column=unique)

    # --- what it declares ---------------------------------------------------------------------------------------------------

    @property
    def base(self) -> Source:
        """The source without filters and further columns."""
        return self if self._base is None else self._base

    @property
    def is_view(self) -> bool:
        """Whether it came of `filter` or `with_columns`; it is no source of its own then."""
        return self._base is not None

    @property
    def schema(self) -> pa.Schema:
        """The columns as they are inside."""
        import pyarrow as pa

        return pa.schema([(field.name, field.type) for field in self.fields])

    @property
    def columns(self) -> list[str]:
        """The names that can be taken from it, those of `with_columns` among them."""
        return list(dict.fromkeys([*(field.name for field in self.fields), *self._derived]))

    def field(self, name: str) -> Field:
        """The declared column `name`."""
        for field in self.fields:
            if field.name == name:
                return field
        raise UnknownColumn(name, [field.name for field in self.fields], f"source '{self.name}'")

    def column_type(self, name: str) -> pa.DataType:
        """The type of the declared column `name`, inside."""
        return self.field(name).type

    def key_columns(self, keys: Sequence[Key]) -> tuple[str, ...]:
        """The column that holds each of `keys`; raises KeyMissing where there is none, or more than one."""
        return tuple(self._key_column(key) for key in keys)

    # --- views of it --------------------------------------------------------------------------------------------------------

    def filter(self, *conditions: Expression) -> Source:
        """A view whose aggregates see the events that pass every condition; null does not pass.

        Outside an aggregate a column of it is null where they do not pass. No row is removed.
        """
        filters = list(self._filters)
        for condition in conditions:
            node = self._row_level(condition, "a filter")
            filters += stripped(node)[1] + [stripped(node)[0]]
            if type_name(condition.type) != "bool":
                text = f"a filter of source '{self.name}' takes bool, found {type_name(condition.type)}"
                raise TypeMismatch(text, source=self.name)
        return self._again(_filters=tuple(distinct(filters)))

    def with_columns(self, **columns: Expression) -> Source:
        """A view with further columns, made of those that are there; the event time and the Keys stay what they are."""
        derived = dict(self._derived)
        for name, expression in columns.items():
            if name == self.time or name in self.keys or name.startswith("_"):
                found = f"with_columns cannot make '{name}' of source '{self.name}'"
                text = f"{found}: the event time and the Keys are those of the log, and '_' begins our names"
                raise InvalidName(text, source=self.name, column=name)
            derived[name] = resolved(self._row_level(expression, f"the column '{name}'"))
        return self._again(_derived=derived)

    def __getitem__(self, name: str | list[str]) -> Expression:
        """A column, a nested field (`"user.id"`), or several columns as one struct (`[["item", "price"]]`)."""
        from headrace.constructors import struct
        from headrace.expressions import Expression

        if isinstance(name, list):
            return struct({each: self[each] for each in name})
        return Expression(view(self._node(name), self._filters, self.name), {self.name: self.base})

    @property
    def event_time(self) -> Expression:
        """The event time as a column."""
        return self[self.time]

    def count(self, *, where: Expression | None = None) -> Expression:
        """How many events, int64; 0 over nothing."""
        return self._aggregate("count", where)

    def time_since_last(self, *, where: Expression | None = None) -> Expression:
        """Seconds from the newest event to the asker's instant, float64; over all there ever were, unless a window is given."""
        from headrace.expressions import combine

        newest = self._aggregate("last_time", where)
        return combine(lambda node: Call(this="seconds", expressions=[exp.Sub(this=Call(this="now"), expression=node)]), newest)

    def decayed_count(self, *, half_life: str | timedelta, where: Expression | None = None) -> Expression:
        """The number of events, each counting half as much after every `half_life`, at the asker's instant, float64."""
        from headrace.aggregating import half_life_us

        return self._aggregate("decay_count", where, half_life_us=half_life_us(half_life))

    # --- inside -------------------------------------------------------------------------------------------------------------

    def _aggregate(self, kind: str, where: Expression | None, **parameters: Any) -> Expression:
        from headrace.aggregating import aggregate
        from headrace.expressions import Expression

        variants, sources = aggregate(kind, [("", None)], {self.name: self.base}, where, filters=self._filters, **parameters)
        return Expression(variants, sources)

    def _again(self, **changed: Any) -> Source:
        found = object.__new__(Source)
        found.__dict__.update(self.__dict__ | {"_base": self.base} | changed)
        return found

    def _node(self, name: str) -> exp.Expression:
        if name in self._derived:
            return self._derived[name].copy()
        if any(field.name == name for field in self.fields):
            return column(self.name, name)
        head, dot, rest = name.partition(".")
        if dot and head in self.columns:
            node = self._node(head)
            for part in rest.split("."):
                node = exp.Dot(this=node, expression=exp.to_identifier(part, quoted=True))
            return node
        raise UnknownColumn(name, self.columns, f"source '{self.name}'")

    def _row_level(self, expression: Expression, what: str) -> exp.Expression:
        from headrace.expressions import as_expression

        found = as_expression(expression)
        node: exp.Expression = found.built[0][1]
        if found.is_template or node.find(Aggregate) is not None:
            text = f"{what} of source '{self.name}' holds an aggregate: it is computed from one event alone"
            raise NestedAggregate(text, source=self.name)
        others = [each.name for each in found.sources if each != self.base]
        if others or node.find(RequestColumn) is not None:
            found_there = ", ".join(others) or "a request column"
            text = f"{what} of source '{self.name}' reads {found_there}: it is computed from the source's own columns"
            raise MixedSources(text, source=self.name)
        # a view of this very source inside its own filter or column adds nothing: the same conditions hold around it
        ours = {form(each) for each in self._filters}

        def plain(each: exp.Expression) -> exp.Expression:
            return each.this if isinstance(each, View) and {form(condition) for condition in each.expressions} <= ours else each

        bare: exp.Expression = node.copy().transform(plain, copy=False)
        return bare

    def _declared(self, name: str, what: str) -> Field:
        try:
            return self.field(name)
        except UnknownColumn as error:
            raise error.within(f"{what}=") from None

    def _keys(self, keys: Mapping[str, Key] | Sequence[Key] | None) -> dict[str, Key]:
        given = keys if hasattr(keys, "items") else {key.name: key for key in keys or ()}
        found = dict(given.items())   # type: ignore[union-attr]   # it has items, see above
        for name, key in found.items():
            if not isinstance(key, Key):
                text = f"keys= of source '{self.name}' takes a Key for '{name}', found {type(key).__name__}: hr.Key(name, dimension, type)"
                raise TypeMismatch(text, source=self.name, column=name)
            self._declared(name, "keys")
            self._check_key(name, key)
        return found

    def _key_column(self, key: Key) -> str:
        named = [name for name, other in self.keys.items() if other == key]
        if len(named) > 1:
            several = f"source '{self.name}' has Key '{key.name}' in several columns: {', '.join(named)}"
            text = f"{several}; give each a Key of its own, of one Dimension"
            raise KeyMissing(text, source=self.name, key=key.name)
        if named:
            return named[0]
        if key.name not in (field.name for field in self.fields) or self.keys.get(key.name, key) != key:
            has = ", ".join(field.name for field in self.fields)
            text = f"source '{self.name}' has no column for Key '{key.name}': name it with keys={{'column': {key.name}}}; it has: {has}"
            raise KeyMissing(text, source=self.name, key=key.name)
        self._check_key(key.name, key)
        return key.name

    def _check_key(self, name: str, key: Key) -> None:
        found = type_name(self.field(name).type)
        if found != key.type and not (found.startswith("int") and key.type.startswith("int")):
            text = f"column '{name}' of source '{self.name}' is {found}, and Key '{key.name}' is {key.type}: make the two the same"
            raise TypeMismatch(text, source=self.name, column=name, key=key.name)

    def _span(self, value: str | timedelta, what: str) -> int:
        found = parse_duration(value, f"{what}= of source '{self.name}'")
        if found < 0:
            text = f"{what}='{value}' of source '{self.name}' is below zero"
            raise InvalidValue(text, source=self.name)
        return found

    @property
    def declaration(self) -> tuple[Any, ...]:
        """All that tells two sources apart."""
        return (
            self.name, self.fields, self.time, self.unique, tuple(self.keys.items()), self.lateness_us, self.max_ahead_us, self.idle_us,
            self.topic, self.format, tuple(form(each) for each in self._filters),
            tuple((name, form(each)) for name, each in self._derived.items()),
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Source) and self.declaration == other.declaration)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Source('{self.name}', {len(self.fields)} columns{', filtered' if self._filters else ''})"


_UNIQUE = ("int8", "int16", "int32", "int64", "string", "binary")

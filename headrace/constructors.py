"""Expressions that begin with a function: `hr.when`, `hr.coalesce`, `hr.greatest`, `hr.haversine`, `hr.function` and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.errors import InvalidValue, TypeMismatch
from headrace.expressions import Expression, as_expression, combine
from headrace.functions_user import declare
from headrace.keys import checked_name
from headrace.literals import literal_node
from headrace.tree import Call
from headrace.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headrace.source import Source


def literal(value: Any) -> Expression:
    """A constant: a number, bool, text, date, datetime (UTC where it has no zone), timedelta or None.

    >>> literal(3.5)
    <expression 3.5: float64>
    """
    return Expression(literal_node(value), {})


def event_time(source: Source) -> Expression:
    """The event time of `source` as a column."""
    return source.event_time


def coalesce(*values: Any) -> Expression:
    """The first of `values` that is not null."""
    return _call("coalesce", *values)


def greatest(*values: Any) -> Expression:
    """The greatest of `values`."""
    return _call("greatest", *values)


def least(*values: Any) -> Expression:
    """The least of `values`."""
    return _call("least", *values)


def concat(*values: Any) -> Expression:
    """The texts, joined."""
    return _call("concat", *values)


def haversine(lat1: Any, lon1: Any, lat2: Any, lon2: Any) -> Expression:
    """The distance of two points on the Earth in kilometres; degrees."""
    return _call("haversine", lat1, lon1, lat2, lon2)


def struct(fields: Mapping[str, Any]) -> Expression:
    """Several values as one struct, such as the items of `last_n`.

    >>> struct({"a": literal(1), "b": literal("x")})
    <expression struct('a', 1, 'b', 'x'): struct<a: int64, b: string>>
    """
    if not fields:
        raise InvalidValue("a struct needs one field or more")
    return _call("struct", *(each for name, value in fields.items() for each in (name, value)))


def function(name: str, returns: str, fn: Callable[..., Any]) -> Callable[..., Expression]:
    """A row function of your own: `fn` takes Arrow arrays of one length and returns one of type `returns`.

    Where it raises, the rows that make it raise are null and counted; others are not touched. It is known by its name in SQL as well,
    and has to be defined wherever a plan with it runs.

    >>> import headrace as hr, pyarrow.compute as pc
    >>> clicks = hr.Source("clicks", schema={"uid": "int64", "item": "string", "ts": "timestamp"}, time="ts")
    >>> backwards = hr.function("backwards", "string", pc.utf8_reverse)
    >>> backwards(clicks["item"])
    <expression backwards("item"): string>
    """
    checked_name(name, "a function")
    if not callable(fn):
        text = f"function '{name}' takes something that can be called, found {type(fn).__name__}"  # type: ignore[unreachable]
        raise TypeMismatch(text, function=name)
    declare(name, parse_type(returns), fn)
    return lambda *values: _call(f"udf:{name}", *values)


class When:
    """`hr.when(condition)`, which waits for its `.then(value)`."""

    def __init__(self, ifs: list[tuple[Any, Any]], condition: Any) -> None:
        self._ifs, self._condition = ifs, condition

    def then(self, value: Any) -> Then:
        """The value where the condition is true."""
        return Then([*self._ifs, (self._condition, value)])


class Then(Expression):
    """A condition with its value: an expression that is null elsewhere, unless `.when(…)` or `.otherwise(…)` follow."""

    __slots__ = ("_ifs",)

    def __init__(self, ifs: list[tuple[Any, Any]]) -> None:
        self._ifs = ifs
        made = _case(ifs, None)
        super().__init__(made.built, made.by_name)

    def when(self, condition: Any) -> When:
        """A further condition, asked where those before are not true."""
        return When(self._ifs, condition)

    def otherwise(self, value: Any) -> Expression:
        """The value where no condition is true."""
        return _case(self._ifs, value)


def when(condition: Any) -> When:
    """A value by conditions.

    >>> import headrace as hr
    >>> clicks = hr.Source("clicks", schema={"uid": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> hr.when(clicks["price"] > 100).then("high").when(clicks["price"] > 10).then("middle").otherwise("low")
    <expression case when "price" > 100 then 'high' when "price" > 10 then 'middle' else 'low' end: string>
    """
    return When([], condition)


def _case(ifs: list[tuple[Any, Any]], default: Any) -> Expression:
    flat = [each for pair in ifs for each in pair]

    def make(*nodes: exp.Expression) -> exp.Expression:
        count = 2 * len(ifs)
        made = exp.Case(ifs=[exp.If(this=nodes[at], true=nodes[at + 1]) for at in range(0, count, 2)])
        if len(nodes) > count and not isinstance(nodes[count], exp.Null):
            made.set("default", nodes[count])
        return made

    return combine(make, *flat, *([] if default is None else [default]))


def _call(name: str, *values: Any) -> Expression:
    return combine(lambda *nodes: Call(this=name, expressions=list(nodes)), *(as_expression(value) for value in values))

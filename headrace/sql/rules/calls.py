"""Calls of functions by name: row functions, those of the user, and the names that other systems have for what is an operator here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.constructors import struct, when
from headrace.errors import InvalidSql, TypeMismatch, UnknownName, did_you_mean
from headrace.expressions import Expression, combine
from headrace.functions import REGISTRY, SQL_NAMES
from headrace.functions_user import USER
from headrace.tree import Call

from .aggregates import NAMES, aggregate
from .refused import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.sql.rules.lowering import Lowering

PARTS = {
    "YEAR": "year", "MONTH": "month", "DAY": "day", "DOY": "day_of_year", "DAY_OF_YEAR": "day_of_year", "HOUR": "hour", "MINUTE": "minute",
    "SECOND": "second", "WEEKDAY": "weekday", "EPOCH": "epoch_s",
}  # fmt: skip
"""The parts of EXTRACT."""

_COUNTED_OTHERWISE = {
    "DOW": "from Sunday", "DAYOFWEEK": "from Sunday, or from 1", "ISODOW": "from 1",
    "WEEK": "weeks by ISO 8601", "QUARTER": "quarters", "CENTURY": "centuries", "DECADE": "decades",
}  # fmt: skip


def call(lowering: Lowering, node: exp.Expr) -> Expression:
    """`name(x, y)`; an aggregate without OVER is refused, except those that need none."""
    name = node.name
    lower = name.lower()
    if isinstance(node.this, exp.Identifier) and name in USER:   # in double quotes: a name as it is declared
        return row_function(f"udf:{name}", [lowering.lower(each) for each in node.expressions])
    if lower in NAMES:
        return aggregate(lowering, node)
    if lower in _SPECIAL:
        return _SPECIAL[lower](lowering, node.expressions)
    if lower in SQL_NAMES and not REGISTRY[SQL_NAMES[lower]].internal:
        return row_function(SQL_NAMES[lower], [lowering.lower(each) for each in node.expressions])
    if name in USER:
        return row_function(f"udf:{name}", [lowering.lower(each) for each in node.expressions])
    if lower in REFUSED:
        raise InvalidSql(f"{name.upper()} {REFUSED[lower]}", function=lower)
    names = [function.name for function in REGISTRY.values() if not function.internal]
    near = did_you_mean(name, [*names, *NAMES, *_SPECIAL, *USER])
    text = f"unknown function '{name}'" + (near or f"; there are: {', '.join(sorted(names))}, and those declared in Python")
    raise UnknownName(text, name=name, known=names)


def row_function(name: str, arguments: Sequence[Expression]) -> Expression:
    """The call of a row function in the form that Python's methods give it."""
    if name in REGISTRY:
        REGISTRY[name].check(len(arguments))
    if name == "round" and len(arguments) == 2 and arguments[1].node == exp.Literal.number(0):
        arguments = arguments[:1]
    return combine(lambda *nodes: Call(this=name, expressions=list(nodes)), *arguments)


def extract(lowering: Lowering, node: exp.Expr) -> Expression:
    """`EXTRACT(HOUR FROM ts)`."""
    return _part(lowering, node.this, node.expression)


def now(_: Lowering, __: exp.Expr) -> Expression:
    """`CURRENT_TIMESTAMP`: the asker's instant."""
    return Expression(Call(this="now", expressions=[]), {})


def _part(lowering: Lowering, part: exp.Expr, value: exp.Expr) -> Expression:
    word = part.name.upper()
    if word not in PARTS:
        counted = f" (it counts {_COUNTED_OTHERWISE[word]}; WEEKDAY counts from Monday, 0)" if word in _COUNTED_OTHERWISE else ""
        raise lowering.refuse(InvalidSql(f"unknown part {word}{counted}; there are: {', '.join(PARTS)}"), part)
    return row_function(PARTS[word], [lowering.lower(value)])


def _date_part(lowering: Lowering, arguments: Sequence[exp.Expr]) -> Expression:
    if len(arguments) != 2 or not arguments[0].is_string:
        raise InvalidSql("date_part takes a part and a time: date_part('hour', ts)")
    return _part(lowering, arguments[0], arguments[1])


def _mod(lowering: Lowering, arguments: Sequence[exp.Expr]) -> Expression:
    if len(arguments) != 2:
        raise TypeMismatch(f"mod takes 2 arguments, found {len(arguments)}")
    return lowering.lower(arguments[0]) % lowering.lower(arguments[1])


def _if(lowering: Lowering, arguments: Sequence[exp.Expr]) -> Expression:
    if len(arguments) not in {2, 3}:
        raise TypeMismatch(f"if takes a condition, a value and another: if(price > 10, 'high', 'low'); found {len(arguments)} arguments")
    found = when(lowering.condition(arguments[0], "IF")).then(lowering.lower(arguments[1]))
    return found.otherwise(lowering.lower(arguments[2])) if len(arguments) == 3 else found


def _struct(lowering: Lowering, arguments: Sequence[exp.Expr]) -> Expression:
    fields: dict[str, Expression] = {}
    for each in arguments:
        inner = each.this if isinstance(each, exp.Alias) else each
        name = each.alias if isinstance(each, exp.Alias) else each.name if isinstance(each, exp.Column | exp.Dot) else ""
        if not name or name in fields:
            problem = f"a second field '{name}'" if name else "a field without a name"
            raise lowering.refuse(InvalidSql(f"struct has {problem}: write STRUCT(price * 2 AS double_price, item)"), each)
        fields[name] = lowering.lower(inner)
    return struct(fields)


def _now(lowering: Lowering, arguments: Sequence[exp.Expr]) -> Expression:
    if arguments:
        raise TypeMismatch("now takes no argument")
    return now(lowering, exp.Null())


_SPECIAL: dict[str, Callable[[Lowering, Sequence[exp.Expr]], Expression]] = {
    "mod": _mod, "if": _if, "iif": _if, "date_part": _date_part, "datepart": _date_part, "struct": _struct, "now": _now,
}  # fmt: skip

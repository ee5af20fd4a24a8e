"""Aggregates: `SUM(price) FILTER (WHERE action = 'buy') OVER (LAST '7 days')` and the others.

It promises what Python's methods of the same names make. The window is left to `frames`; null rules stand in `headrace.aggregates`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.aggregates import REGISTRY as KINDS
from headrace.durations import parse_duration
from headrace.errors import HeadraceError, InvalidSql, InvalidValue, InvalidWindow, NestedAggregate, OpenAggregate, TypeMismatch
from headrace.functions import SQL_NAMES
from headrace.sql.syntax import Over

from .frames import window_of
from .literals import number
from .refused import REFUSED

if TYPE_CHECKING:
    from headrace.expressions import Expression
    from headrace.source import Source
    from headrace.sql.rules.lowering import Lowering

NAMES = {
    "count": "count", "sum": "sum", "avg": "mean", "mean": "mean", "min": "min", "max": "max",
    "variance": "var", "var_samp": "var", "var": "var", "stddev": "std", "stddev_samp": "std", "std": "std", "stdev": "std",
    "first": "first", "first_value": "first", "last": "last", "last_value": "last", "last_n": "last_n", "lag": "lag",
    "n_unique": "n_unique",
    "decayed_sum": "decay_sum", "decayed_count": "decay_count", "time_since_last": "time_since_last",
}  # fmt: skip
"""Every name of an aggregate in SQL, in lower case, to its kind."""

_WITHOUT_WINDOW = {"decay_sum", "decay_count", "time_since_last"}
_OF_SOURCE = {"decay_count", "time_since_last"}
_LISTED = "COUNT, SUM, AVG, MIN, MAX, VARIANCE, STDDEV, FIRST, LAST, LAST_N, LAG, DECAYED_SUM, DECAYED_COUNT, TIME_SINCE_LAST"
_FADES = {"decay_sum", "decay_count"}


@dataclass
class _Parts:
    """A call with what is written around it."""

    call: exp.Expr
    kind: str = ""
    over: exp.Expr | None = None
    where: exp.Expr | None = None
    ignore_nulls: bool = False
    arguments: list[exp.Expr] = field(default_factory=list)


def aggregate(lowering: Lowering, node: exp.Expr) -> Expression:
    """A call of an aggregate, with or without FILTER, IGNORE NULLS and OVER."""
    parts = _taken_apart(lowering, node)
    name = parts.call.name.upper()
    if lowering.inside:
        raise NestedAggregate(f"{name} inside {lowering.inside}: an aggregate reads events, and other aggregates are not in them")
    if lowering.row_level:
        text = f"{name} in WHERE or in a sub-query, which are computed from one event alone: aggregates stand in the view's own SELECT"
        raise NestedAggregate(text)
    if parts.ignore_nulls and not (parts.kind in KINDS and KINDS[parts.kind].ignores_nulls):
        raise InvalidSql(f"{name} takes no IGNORE NULLS: it passes over nulls already")
    found = _open(lowering, parts)
    if parts.over is None:
        if parts.kind in _WITHOUT_WINDOW:
            return found
        text = f"{name} has no window: write {name}(...) OVER (LAST '7 days'), OVER (LAST 100 ROWS) or OVER (EVER)"
        raise OpenAggregate(text, aggregate=parts.kind)
    if parts.kind in _FADES:
        raise InvalidWindow(f"{name} fades by its half-life and takes no window: leave OVER out")
    source = found.sources[0] if found.sources else lowering.scope.only(name).source
    window = window_of(lowering, parts.over, source)
    if window.rows is not None and parts.where is not None:
        way = "filter before, FROM (SELECT * FROM source WHERE ...) AS name"
        raise lowering.refuse(InvalidWindow(f"ROWS together with FILTER: SQL filters after it has counted the rows; {way}"), parts.where)
    return found.over(window)


def _taken_apart(lowering: Lowering, node: exp.Expr) -> _Parts:
    parts = _Parts(call=node)
    while not isinstance(parts.call, exp.Anonymous):
        if isinstance(parts.call, Over):
            if parts.over is not None:
                raise InvalidWindow("a window stands around a window: windows do not nest")
            parts.over = parts.call
        elif isinstance(parts.call, exp.IgnoreNulls):
            parts.ignore_nulls = True
        elif isinstance(parts.call, exp.Filter):
            parts.where = parts.call.expression
        elif not isinstance(parts.call, exp.RespectNulls):
            raise InvalidSql("OVER, FILTER and IGNORE NULLS stand behind the call of an aggregate: SUM(price) OVER (LAST '7 days')")
        parts.call = parts.call.this
    lower = parts.call.name.lower()
    if lower not in NAMES:
        if lower in REFUSED:
            raise lowering.refuse(InvalidSql(f"{parts.call.name.upper()} {REFUSED[lower]}", function=lower), parts.call)
        what = "is a row function, not an aggregate" if lower in SQL_NAMES else "is not an aggregate"
        raise lowering.refuse(InvalidSql(f"{parts.call.name.upper()} {what}: OVER and FILTER belong to {_LISTED}"), parts.call)
    parts.kind, parts.arguments = NAMES[lower], list(parts.call.expressions)
    first = parts.arguments[0] if parts.arguments else None
    if isinstance(first, exp.IgnoreNulls | exp.RespectNulls):
        parts.ignore_nulls = parts.ignore_nulls or isinstance(first, exp.IgnoreNulls)
        parts.arguments[0] = first.this
    if isinstance(first, exp.Distinct):
        if parts.kind != "count" or len(first.expressions) != 1 or len(parts.arguments) != 1:
            raise lowering.refuse(InvalidSql("DISTINCT stands in COUNT(DISTINCT x) alone, with one value"), first)
        parts.kind, parts.arguments = "n_unique", [first.expressions[0]]
    return parts


def _open(lowering: Lowering, parts: _Parts) -> Expression:
    """The aggregate without its window."""
    lowering = replace(lowering, inside=parts.call.name.upper())
    where = None if parts.where is None else lowering.condition(parts.where.this, "FILTER")
    if parts.kind in _OF_SOURCE or (parts.kind == "count" and _all_rows(parts.arguments)):
        source, rest = _source(lowering, parts)
        if parts.kind == "count":
            return source.count(where=where)
        if parts.kind == "time_since_last":
            _expect(parts, rest, 0, "TIME_SINCE_LAST(), or TIME_SINCE_LAST(source)")
            return source.time_since_last(where=where)
        _expect(parts, rest, 1, "DECAYED_COUNT('7 days'), or DECAYED_COUNT(source, '7 days')")
        return source.decayed_count(half_life=_half_life(lowering, rest[0]), where=where)
    name = parts.call.name.upper()
    if not parts.arguments:
        raise TypeMismatch(f"{name} takes a value: {name}(price)")
    value, rest = lowering.lower(parts.arguments[0]), parts.arguments[1:]
    named: dict[str, Any] = {"where": where}
    if parts.kind == "decay_sum":
        _expect(parts, rest, 1, "DECAYED_SUM(x, '7 days')")
        return value.decayed_sum(half_life=_half_life(lowering, rest[0]), where=where)
    if parts.kind in {"last_n", "lag"}:
        if parts.kind == "lag" and len(rest) > 1:
            raise lowering.refuse(InvalidSql("LAG takes no default: write COALESCE(LAG(x, 1) OVER (...), default)"), rest[1])
        if parts.kind == "lag" and not rest:
            named["n"] = 1
        else:
            _expect(parts, rest, 1, f"{name}(x, 5)")
            named["n"] = _whole(lowering, rest[0])
    else:
        _expect(parts, rest, 0, f"{name}(x)")
    if parts.ignore_nulls:
        named["ignore_nulls"] = True
    found: Expression = getattr(value, parts.kind)(**named)
    return found


def _all_rows(arguments: list[exp.Expr]) -> bool:
    return not arguments or (len(arguments) == 1 and (isinstance(arguments[0], exp.Star) or _starred(arguments[0])))


def _starred(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and isinstance(node.this, exp.Star)


def _source(lowering: Lowering, parts: _Parts) -> tuple[Source, list[exp.Expr]]:
    """The source that is named first, or the only one; and the arguments behind it."""
    name = parts.call.name.upper()
    first = parts.arguments[0] if parts.arguments else None
    if first is not None and _starred(first):
        return lowering.scope.relation(first.args["table"], lowering).source, parts.arguments[1:]
    if isinstance(first, exp.Column) and not first.table and isinstance(first.this, exp.Identifier):
        return lowering.scope.relation(first.this, lowering).source, parts.arguments[1:]
    rest = parts.arguments[1:] if isinstance(first, exp.Star) else parts.arguments
    star, of_one = ("*", ".*") if parts.kind == "count" else ("", "")
    return lowering.scope.only(f"{name}({star})", f"{name}({{}}{of_one})").source, rest


def _expect(parts: _Parts, rest: list[exp.Expr], count: int, example: str) -> None:
    if len(rest) != count:
        given = len(parts.arguments)
        raise TypeMismatch(f"{parts.call.name.upper()} does not take {given} argument{'' if given == 1 else 's'}: write {example}")


def _whole(lowering: Lowering, node: exp.Expr) -> int:
    found = number(node) if isinstance(node, exp.Literal) and not node.is_string else None
    if not isinstance(found, int) or found < 1:
        raise lowering.refuse(InvalidValue("a whole number above zero is expected here"), node)
    return found


def _half_life(lowering: Lowering, node: exp.Expr) -> Any:
    """The text of a half-life, `'7 days'` or `INTERVAL '7 days'`."""
    literal = node.this if type(node).__name__ == "Typed" else node
    if not (isinstance(literal, exp.Literal) and literal.is_string):
        raise lowering.refuse(TypeMismatch("a half-life is expected here, such as '7 days'"), node)
    try:
        parse_duration(literal.name, "the half-life")
    except HeadraceError as error:
        raise lowering.refuse(error, node) from None
    return literal.name

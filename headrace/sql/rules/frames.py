"""Windows: ours (`LAST '7 days' ROWS 100 DELAY '1 hour'`, `EVER`) and the frames of the standard, as `headrace.windows.Window`.

A standard frame by RANGE has both its bounds in it, a frame `ROWS n PRECEDING` has n + 1 rows; one that ends some time before the current
row is a delay. It promises that a frame is taken only where a window says exactly the same, and that one which looks ahead is refused.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.durations import parse_duration
from headrace.errors import FutureFrame, HeadraceError, InvalidSql, InvalidWindow, unknown
from headrace.sql.syntax import Typed
from headrace.windows import Window, window

from .literals import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.plan.model import Exclude
    from headrace.source import Source
    from headrace.sql.rules.lowering import Lowering
    from headrace.sql.syntax import Bound, FrameClause

_EXCLUDES: dict[str, Exclude] = {"CURRENT ROW": "row", "ROW": "row", "GROUP": "instant", "INSTANT": "instant", "NO OTHERS": ""}
_CLOSED = ("right", "left", "both", "none")
_PAST = "features see the past only: end it at CURRENT ROW"


def window_of(lowering: Lowering, over: exp.Expr, source: Source) -> Window:
    """The window of `OVER name` or `OVER (...)` of an aggregate of `source`."""
    alias = over.args.get("alias")
    clause: FrameClause = over.args["frame"] if alias is None else _named(lowering, alias)
    base = clause.args.get("base")
    if base is not None:
        if any(clause.args.get(name) for name in clause.arg_types if name != "base"):
            text = "a named window cannot be changed where it is used: write its frame out, or name another window"
            raise lowering.refuse(InvalidSql(text), clause)
        clause = _named(lowering, base)
    try:
        return _window(lowering, clause, source)
    except HeadraceError as error:
        raise lowering.refuse(error, clause) from None


def _named(lowering: Lowering, alias: exp.Expr) -> FrameClause:
    found = lowering.windows.get(alias.name)
    if found is None:
        raise lowering.refuse(unknown("window", alias.name, "the WINDOW clause", lowering.windows), alias)
    if found.args.get("base") is not None:
        raise lowering.refuse(InvalidSql("a named window cannot be made of another: write its frame out"), found)
    return found


def _window(lowering: Lowering, clause: FrameClause, source: Source) -> Window:
    said: Callable[[str], Any] = clause.args.get
    exclude = _exclude(lowering, said("exclude"))
    if said("ever") or said("last") is not None:
        options: dict[str, Any] = {"exclude": exclude or None}
        if said("delay") is not None:
            options["delay"] = _length(lowering, said("delay"), "the delay")
        if said("closed") is not None:
            options["closed"] = _closed(lowering, said("closed"))
        if said("counted"):
            if said("rows") is not None:
                raise lowering.refuse(InvalidWindow("the number of rows is said twice"), said("rows"))
            return window(rows=_count(lowering, said("last")), **options)
        if said("rows") is not None:
            options["rows"] = _count(lowering, said("rows"))
        return window("ever" if said("ever") else _length(lowering, said("last"), "the size of a window"), **options)
    for name in ("rows", "delay", "closed"):
        if said(name) is not None:
            text = f"{name.upper()} belongs to OVER (LAST ...) and OVER (EVER); a standard frame says it with its bounds"
            raise lowering.refuse(InvalidWindow(text), said(name))
    return _standard(lowering, clause, source, exclude)


def _standard(lowering: Lowering, clause: FrameClause, source: Source, exclude: Exclude) -> Window:
    said: Callable[[str], Any] = clause.args.get
    _check_partition(lowering, clause, source)
    kind = said("kind")
    if kind is None:
        if said("order") is None:
            raise FutureFrame(f"OVER () and a PARTITION BY without ORDER BY hold all rows, later ones too; {_PAST}, or write OVER (EVER)")
        return window("ever", exclude=exclude or None)
    if kind.name == "GROUPS":
        raise lowering.refuse(InvalidWindow("GROUPS counts instants, which is not kept: use RANGE by time, or ROWS"), kind)
    start, end = said("start"), said("end")
    for bound in (start, end):
        if bound is not None and bound.args.get("side") == "FOLLOWING":
            raise lowering.refuse(FutureFrame(f"the frame reaches after the current row; {_PAST}"), bound)
        if bound is not None and bound.this != "CURRENT ROW" and not bound.args.get("side"):
            raise lowering.refuse(InvalidSql("PRECEDING is missing behind the bound of a frame"), bound)
    if end is not None and end.this == "UNBOUNDED":
        raise lowering.refuse(InvalidWindow("a frame that ends at UNBOUNDED PRECEDING holds nothing"), end)
    return (_by_rows if kind.name == "ROWS" else _by_time)(lowering, start, end, exclude)


def _by_time(lowering: Lowering, start: Bound, end: Bound | None, exclude: Exclude) -> Window:
    delay_us = 0 if end is None or end.this == "CURRENT ROW" else _preceding_us(lowering, end)
    if start.this == "UNBOUNDED":
        return window("ever", delay=timedelta(microseconds=delay_us), exclude=exclude or None)
    size_us = (0 if start.this == "CURRENT ROW" else _preceding_us(lowering, start)) - delay_us
    if size_us <= 0:
        way = "for the current row alone write ROWS BETWEEN CURRENT ROW AND CURRENT ROW"
        raise InvalidWindow(f"the frame has no length: it begins where it ends, or later; {way}", size_us=size_us)
    size, delay = timedelta(microseconds=size_us), timedelta(microseconds=delay_us)
    return window(size, closed="both", delay=delay, exclude=exclude or None)


def _by_rows(lowering: Lowering, start: Bound, end: Bound | None, exclude: Exclude) -> Window:
    skipped = 0 if end is None or end.this == "CURRENT ROW" else _count(lowering, end.this)
    if skipped > 1:
        way = "end it at CURRENT ROW or at 1 PRECEDING, or use LAG(x, n) or DELAY"
        raise lowering.refuse(InvalidWindow(f"a frame that ends {skipped} rows before the current one is not kept: {way}"), end)
    if skipped and exclude:
        raise lowering.refuse(InvalidWindow("EXCLUDE together with a frame that ends before the current row: leave one of them out"), end)
    if skipped:
        exclude = "row"
    if start.this == "UNBOUNDED":
        return window("ever", exclude=exclude or None)
    before = 0 if start.this == "CURRENT ROW" else _count(lowering, start.this)
    if before < skipped:
        raise InvalidWindow("the frame begins after its end")
    return window(rows=before + 1, exclude=exclude or None)


def _check_partition(lowering: Lowering, clause: FrameClause, source: Source) -> None:
    """PARTITION BY names the group's key and ORDER BY the event time, or neither stands."""
    partition, order = clause.args.get("partition"), clause.args.get("order")
    if partition is not None and lowering.keys:
        wanted = source.key_columns(lowering.keys)
        found = [lowering.lower(each).node.name for each in partition]
        if sorted(found) != sorted(wanted):
            text = f"PARTITION BY {', '.join(found)}: the group's key is {', '.join(wanted)} in source '{source.name}'"
            raise lowering.refuse(InvalidWindow(f"{text}, and every window is of one entity"), partition[0])
    if order is not None:
        first = order.expressions[0]
        node = lowering.lower(first.this).node
        if len(order.expressions) > 1 or first.args.get("desc") or not isinstance(node, exp.Column) or node.name != source.time:
            text = f"events are ordered by their time: write ORDER BY {source.time}, ascending and alone, or leave it out"
            raise lowering.refuse(InvalidWindow(text), order)


def _preceding_us(lowering: Lowering, bound: Bound) -> int:
    if isinstance(bound.this, exp.Expr) and isinstance(bound.this, Typed) and bound.this.args["kind"] == "INTERVAL":
        return parse_duration(bound.this.this.name, "the bound of a frame")
    text = "RANGE takes a length of time: INTERVAL '7 days' PRECEDING; for a number of rows write ROWS"
    raise lowering.refuse(InvalidWindow(text), bound)


def _length(lowering: Lowering, node: exp.Expr, what: str) -> str:
    literal = node.this if isinstance(node, Typed) else node
    if not (isinstance(literal, exp.Literal) and literal.is_string):
        raise lowering.refuse(InvalidWindow(f"{what} is a length of time in quotes, such as '7 days'"), node)
    try:
        parse_duration(literal.name, what)
    except HeadraceError as error:
        raise lowering.refuse(error, node) from None
    return literal.name


def _count(lowering: Lowering, node: Any) -> int:
    found = number(node) if isinstance(node, exp.Literal) and not node.is_string else None
    if not isinstance(found, int):
        where = node if isinstance(node, exp.Expr) else None
        raise lowering.refuse(InvalidWindow("a number of rows is a whole number"), where)
    return found


def _exclude(lowering: Lowering, node: exp.Expr | None) -> Exclude:
    if node is None:
        return ""
    if node.name == "TIES":
        raise lowering.refuse(InvalidWindow("EXCLUDE TIES is not kept: use EXCLUDE CURRENT ROW or EXCLUDE GROUP"), node)
    if node.name not in _EXCLUDES:
        raise lowering.refuse(unknown("exclusion", node.name, "EXCLUDE", _EXCLUDES), node)
    return _EXCLUDES[node.name]


def _closed(lowering: Lowering, node: exp.Expr) -> Any:
    if node.name.lower() not in _CLOSED:
        raise lowering.refuse(unknown("bounds", node.name.lower(), "CLOSED", _CLOSED), node)
    return node.name.lower()

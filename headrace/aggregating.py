"""Aggregates as methods of an expression, and `over`, which gives them their window.

Each method returns an expression with an open aggregate; `over` closes all that are open in it. Null rules and types stand in
`headrace.aggregates`. Filters of the sources that are read, and `where=`, decide together which events an aggregate sees.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.durations import parse_duration
from headrace.errors import InvalidValue, InvalidWindow, MixedSources, NestedAggregate
from headrace.tree import Aggregate, Call, Frame, RequestColumn
from headrace.views import conjunction, distinct, stripped
from headrace.windows import Size, Window, window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.expressions import Expression
    from headrace.plan.model import Closed, Exclude
    from headrace.source import Source


class Aggregating:
    """The aggregates that every expression offers."""

    __slots__ = ()

    if TYPE_CHECKING:
        built: tuple[tuple[str, exp.Expression], ...]
        by_name: dict[str, Source]

        def _with(self, variants: Sequence[tuple[str, exp.Expression]], sources: Mapping[str, Source] | None = None) -> Expression: ...

    def count(self, *, where: Expression | None = None) -> Expression:
        """How many events have a value that is not null, int64; 0 over nothing. `source.count()` counts every event."""
        return self._aggregate("count", where)

    def sum(self, *, where: Expression | None = None) -> Expression:
        """The sum: int64 of integers and bool, float64 of floats; null over nothing."""
        return self._aggregate("sum", where)

    def mean(self, *, where: Expression | None = None) -> Expression:
        """The mean, float64; of a bool the share of true."""
        return self._aggregate("mean", where)

    def min(self, *, where: Expression | None = None) -> Expression:
        """The least value."""
        return self._aggregate("min", where)

    def max(self, *, where: Expression | None = None) -> Expression:
        """The greatest value; NaN is above all."""
        return self._aggregate("max", where)

    def var(self, *, where: Expression | None = None) -> Expression:
        """The variance, divided by n - 1, float64."""
        return self._aggregate("var", where)

    def std(self, *, where: Expression | None = None) -> Expression:
        """The standard deviation, divided by n - 1, float64."""
        return self._aggregate("std", where)

    def first(self, *, where: Expression | None = None, ignore_nulls: bool = False) -> Expression:
        """The oldest value; null where it is null, unless `ignore_nulls`."""
        return self._aggregate("first", where, ignore_nulls=ignore_nulls)

    def last(self, *, where: Expression | None = None, ignore_nulls: bool = False) -> Expression:
        """The newest value; null where it is null, unless `ignore_nulls`."""
        return self._aggregate("last", where, ignore_nulls=ignore_nulls)

    def n_unique(self, *, where: Expression | None = None) -> Expression:
        """How many different values that are not null, int64, exactly."""
        return self._aggregate("n_unique", where)

    def last_n(self, n: int, *, where: Expression | None = None, ignore_nulls: bool = False) -> Expression:
        """The newest `n` values as a list, oldest first."""
        return self._aggregate("last_n", where, n=n, ignore_nulls=ignore_nulls)

    def lag(self, n: int = 1, *, where: Expression | None = None, ignore_nulls: bool = False) -> Expression:
        """The value `n` events before the newest one; null where there are not so many."""
        return self._aggregate("lag", where, n=n, ignore_nulls=ignore_nulls)

    def decayed_sum(self, *, half_life: str | timedelta, where: Expression | None = None) -> Expression:
        """The sum in which a value counts half as much after every `half_life`, at the asker's instant; it takes no window."""
        return self._aggregate("decay_sum", where, half_life_us=half_life_us(half_life))

    def _aggregate(self, kind: str, where: Expression | None, **parameters: Any) -> Expression:
        return self._with(*aggregate(kind, self.built, self.by_name, where, **parameters))

    def over(
        self,
        size: Size | list[Size] | None = None,
        *,
        rows: int | None = None,
        closed: Closed = "right",
        exclude: Exclude | None = None,
        delay: str | timedelta = timedelta(0),
    ) -> Expression:
        """Closes every open aggregate in the expression with a window; the parameters are those of `hr.window`.

        A list of windows makes a template: one feature for each, its name followed by `_` and the window's.

        >>> import headrace as hr
        >>> clicks = hr.Source("clicks", schema={"uid": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
        >>> (clicks["price"].sum() / clicks.count()).over("7d")
        <expression sum("price") over [7d] / count() over [7d]: float64>
        >>> [suffix for suffix, _ in clicks.count().over(["1h", hr.window(rows=100)]).variants]
        ['1h', '100rows']
        """
        several = isinstance(size, list | tuple)
        sizes = list(size) if isinstance(size, list | tuple) else [size]
        if not sizes:
            raise InvalidWindow("over([]) makes no feature: give at least one window")
        # what all windows of a list share does not tell their features apart: it is not in the names
        labels = [window(each).label if several else "" for each in sizes]
        windows = [window(each, rows=rows, closed=closed, exclude=exclude, delay=delay) for each in sizes]
        variants = []
        for suffix, node in self.built:
            for label, each in zip(labels, windows, strict=True):
                variants.append(("_".join(part for part in (suffix, label) if part), close(node, each)))
        labels = [label for label, _ in variants]
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            text = f"two windows of a list are both named '{twice}': each makes a feature of its own"
            raise InvalidWindow(text, label=twice)
        return self._with(variants)


def aggregate(
    kind: str,
    variants: Sequence[tuple[str, exp.Expression | None]],
    sources: Mapping[str, Source],
    where: Expression | None,
    *,
    filters: Sequence[exp.Expression] = (),
    **parameters: Any,
) -> tuple[list[tuple[str, exp.Expression]], dict[str, Source]]:
    """The variants with an aggregate `kind` around each, and the sources that are read then; `filters` are of a source without input."""
    from headrace.expressions import as_expression, merged

    condition = None if where is None else as_expression(where)
    if condition is not None and condition.is_template:
        raise InvalidValue("where= takes one condition, found a template")
    together = merged(iter([sources, {} if condition is None else condition.by_name]))
    found: list[tuple[str, exp.Expression]] = []
    for suffix, node in variants:
        inner, seen = (None, list(filters)) if node is None else stripped(node)
        if condition is not None:
            bare, more = stripped(condition.built[0][1])
            seen = distinct([*seen, *more, bare])
        joined = conjunction(seen)
        _check(kind, inner, joined)
        given = {name: value for name, value in parameters.items() if value is not False}
        made = Aggregate(kind=kind, source=_source(kind, inner, joined, together), **given)
        if inner is not None:
            made.set("this", inner.copy())
        if joined is not None:
            made.set("where", joined)
        if kind in {"decay_sum", "decay_count"}:
            made.set("frame", Frame())
        found.append((suffix, made))
    return found, together


def close(node: exp.Expression, over: Window) -> exp.Expression:
    """The tree with `over` as the window of every aggregate that has none."""
    tree = node.copy()
    open_ones = [each for each in tree.find_all(Aggregate) if each.args.get("frame") is None]
    if not open_ones:
        closed = next(iter(tree.find_all(Aggregate)), None)
        if closed is None:
            raise InvalidWindow(f"{over!r} has no aggregate to close: call one first, such as .sum().over(…)")
        if closed.args["kind"] in {"decay_sum", "decay_count"}:
            raise InvalidWindow(f"a decayed aggregate fades by its half-life and takes no window: leave .over({over!r}) out")
        raise NestedAggregate(f"{over!r} stands around an aggregate that has its window already: windows do not nest")
    for each in open_ones:
        each.set("frame", over.frame())
    return tree


def _check(kind: str, inner: exp.Expression | None, where: exp.Expression | None) -> None:
    for side in (inner, where):
        if side is None:
            continue
        if (found := side.find(Aggregate)) is not None:
            text = f"{kind} has an aggregate ({found.args['kind']}) inside: an aggregate reads events, and other aggregates are not in them"
            raise NestedAggregate(text, aggregate=kind)
        if (request := side.find(RequestColumn)) is not None:
            text = f"{kind} reads the request column '{request.this}', which events do not have: use it outside the aggregate"
            raise MixedSources(text, request=request.this)
        if any(call.this == "now" for call in side.find_all(Call)):
            raise NestedAggregate(f"{kind} reads the asker's instant, which events do not have")


def _source(kind: str, inner: exp.Expression | None, where: exp.Expression | None, sources: Mapping[str, Source]) -> str:
    from headrace.expressions import only_source

    if inner is None and where is None:
        return next(iter(sources))
    both = [each.copy() for each in (inner, where) if each is not None]
    if inner is None and not any(each.find(exp.Column) for each in both):
        return next(iter(sources))
    name = only_source(exp.Tuple(expressions=both), f"the aggregate {kind}")
    if inner is None and next(iter(sources)) != name:
        text = f"the aggregate {kind} of source '{next(iter(sources))}' has a filter on source '{name}'"
        raise MixedSources(text, sources=[next(iter(sources)), name])
    return name


def half_life_us(value: str | timedelta) -> int:
    """Microseconds of a half-life, above zero."""
    found = parse_duration(value, "half_life")
    if found <= 0:
        text = f"half_life={value!r} must be above zero"
        raise InvalidValue(text, half_life_us=found)
    return found

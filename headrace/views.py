"""What a filtered source's columns are while an expression is built.

A filter never removes a row: it says which events an aggregate sees, and outside an aggregate the column is null where the filter does
not pass. Which of the two it will be is not known when the column is taken, so a `View` node stands for it. It promises that no `View` is
left in a tree that `resolved` or `stripped` returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp

from headrace.forms import form

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class View(exp.Expression):
    """The row expression `this` of a source filtered by the conditions `expressions`; `source` is the source's name (str)."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expressions": True, "source": True}


def view(node: exp.Expression, filters: Sequence[exp.Expression], source: str) -> exp.Expression:
    """`node` as a column of the source filtered by `filters`."""
    if not filters:
        return node
    return View(this=node, expressions=[each.copy() for each in filters], source=source)


def resolved(node: exp.Expression) -> exp.Expression:
    """The tree in which every view is `CASE WHEN filter THEN column END`."""
    return node.copy().transform(_case, copy=False) if node.find(View) else node


def stripped(node: exp.Expression) -> tuple[exp.Expression, list[exp.Expression]]:
    """The tree without views, and the filters of all of them, each once, in the order in which they stand."""
    filters = [each for found in node.find_all(View, bfs=False) for each in found.expressions]
    bare = node.copy().transform(lambda each: each.this if isinstance(each, View) else each, copy=False) if filters else node
    return bare, distinct(filters)


def distinct(conditions: Iterable[exp.Expression]) -> list[exp.Expression]:
    """The conditions, those joined by `and` taken apart, each once."""
    found: dict[str, exp.Expression] = {}
    for condition in conditions:
        for part in _parts(condition):
            found.setdefault(form(part), part)
    return list(found.values())


def conjunction(conditions: Sequence[exp.Expression]) -> exp.Expression | None:
    """All of the conditions in one, or None where there are none."""
    if not conditions:
        return None
    joined = conditions[0].copy()
    for condition in conditions[1:]:
        joined = exp.And(this=joined, expression=condition.copy())
    return joined


def _parts(condition: exp.Expression) -> list[exp.Expression]:
    if isinstance(condition, exp.And):
        return _parts(condition.this) + _parts(condition.expression)
    return [condition]


def _case(node: exp.Expression) -> exp.Expression:
    if not isinstance(node, View):
        return node
    condition = conjunction(node.expressions)
    return exp.Case(ifs=[exp.If(this=condition, true=node.this)])

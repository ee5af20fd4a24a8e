"""What a feature group is held to when it is defined.

Each check raises the error of its kind, with the feature and the group in front. It relies on types having been checked as the expressions
were built; it sees to windows, labels and names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.describe import text as shown
from headrace.durations import format_duration
from headrace.errors import DuplicateName, InvalidName, LabelLeak, MixedSources, OpenAggregate, TypeMismatch
from headrace.keys import checked_name
from headrace.tree import Aggregate, Frame, RequestColumn
from headrace.types import parse_type, type_name
from headrace.typing import castable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.expressions import Expression
    from headrace.keys import Key
    from headrace.source import Source

RESERVED = ("time",)
"""Column names that every table of features has; names that begin with `_` are reserved as well."""

_ALWAYS = {"last_time", "decay_sum", "decay_count"}


def closed(node: exp.Expression, place: str) -> exp.Expression:
    """The tree with every aggregate closed: one that needs no window is over all there ever were, any other is an error."""
    tree = node.copy()
    for each in tree.find_all(Aggregate, bfs=False):
        if each.args.get("frame") is None:
            if each.args["kind"] not in _ALWAYS:
                text = f"{place}: {shown(each)} has no window; close it with .over('7d'), or .over('ever') for all there ever were"
                raise OpenAggregate(text, aggregate=each.args["kind"])
            each.set("frame", Frame())
    return tree


def check_names(group: str, keys: tuple[Key, ...], features: Iterable[str], requests: Iterable[str]) -> None:
    """Features must not take a name that another column of the same table has."""
    taken = {key.name: "the name of its Key, which every row has" for key in keys}
    taken |= dict.fromkeys(requests, "the name of a request column that it reads")
    taken |= dict.fromkeys(RESERVED, "the name of the column of times")
    for name in features:
        checked_name(name, f"a feature of group '{group}'")
        if name in taken or name.startswith("_"):
            reason = taken.get(name, "a name that begins with '_', and these are ours")
            text = f"feature '{name}' of group '{group}' has {reason}: give it another"
            raise InvalidName(text, group=group, feature=name)


def check_type(expression: Expression, place: str) -> None:
    """A feature has values of some type."""
    if type_name(expression.type) == "null":
        text = f"{place} is null in every row: say of which type with .cast('float64')"
        raise TypeMismatch(text)


def check_labels(node: exp.Expression, sources: Mapping[str, Source], place: str) -> None:
    """A label is read only in windows that end after it is known."""
    for column in node.find_all(exp.Column, bfs=False):
        known_us = sources[column.table].field(column.name).known_after_us
        if not known_us:
            continue
        aggregate = column.find_ancestor(Aggregate)
        what = f"{place} reads label '{column.name}' of source '{column.table}', known {format_duration(known_us)} after its event,"
        enough = f"delay='{format_duration(known_us)}'"
        facts = {"column": column.name, "source": column.table, "known_after_us": known_us}
        if aggregate is None:
            text = f"{what} outside an aggregate, where it is the event's own; take it in an aggregate with {enough}"
            raise LabelLeak(text, **facts)
        delay_us = aggregate.args["frame"].args.get("delay_us") or 0
        if delay_us >= known_us:
            continue
        if aggregate.args["kind"] in {"decay_sum", "decay_count"}:
            text = f"{what} in {aggregate.args['kind']}, which takes no window; use .sum() or .count() with {enough} in .over(…)"
            raise LabelLeak(text, **facts)
        text = f"{what} in {shown(aggregate)}, which ends {format_duration(delay_us)} before the current row; {enough} would do"
        raise LabelLeak(text, **facts, delay_us=known_us)


def requests_of(nodes: Mapping[str, exp.Expression], group: str) -> dict[str, str]:
    """The request columns that features read, with their types; one name has one type."""
    found: dict[str, str] = {}
    for feature, node in nodes.items():
        for request in node.find_all(RequestColumn, bfs=False):
            name, declared = str(request.this), request.args["to"]
            if found.setdefault(name, declared) != declared:
                place = f"feature '{feature}' of group '{group}'"
                text = f"{place} takes the request column '{name}' as {declared}, another takes it as {found[name]}"
                raise DuplicateName(text, group=group, feature=feature, request=name)
    return found


def check_sources(group: str, sources: Mapping[str, Source], requests: Mapping[str, str]) -> None:
    """A group reads the events of one source at least; what the asker brings can be taken from an event's column of that name."""
    for source in sources.values():
        for field in source.fields:
            if field.name in requests and not castable(field.type, parse_type(requests[field.name])):
                found = f"column '{field.name}' of source '{source.name}' is {type_name(field.type)}"
                asked = f"group '{group}' takes the request column '{field.name}' as {requests[field.name]}"
                text = f"{asked}, and {found}: give it another name"
                raise TypeMismatch(text, group=group, request=field.name, source=source.name)
    if not sources:
        text = f"group '{group}' reads no source: one of its features has to take a column or a count of one"
        raise MixedSources(text, group=group)

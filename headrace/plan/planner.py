"""From feature groups to the plan.

It promises that each source is decoded once, each row-level expression derived once, each stored variable (source, key, filter) kept once
with the inputs of all who share it, and each aggregate over a window computed once a group. It relies on groups having been checked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from headrace.aggregates import REGISTRY
from headrace.errors import DuplicateName, InvalidValue
from headrace.forms import form
from headrace.plan.model import Cell, Derived, FeaturePlan, GroupPlan, KeyPlan, Plan, SourcePlan, Track, Window
from headrace.tree import Aggregate, Call, CastTo, RequestColumn, literal
from headrace.types import parse_type, type_name
from headrace.typing import type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.groups import FeatureGroup
    from headrace.source import Source

BINARY = pa.binary()
_EVER = Window(None, None)
_WITHOUT_WINDOW = frozenset({"last_time", "decay_sum", "decay_count"})


def build(groups: Sequence[FeatureGroup]) -> Plan:
    """The plan of `groups` together.

    Raises:
        DuplicateName: a group is given twice, or two groups or sources of one name differ.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> price = clicks["price"]
    >>> plan = build([hr.FeatureGroup("activity", key=buyer, features={"share": (price.sum() / clicks.count()).over(["1h", "7d"])})])
    >>> [(track.source, track.where, track.inputs) for track in plan.tracks]
    [('clicks', None, ('clicks.0',))]
    >>> [(cell.id, cell.kind, cell.window.size_us) for cell in plan.groups[0].cells]
    [('c0', 'sum', 3600000000), ('c1', 'count', 3600000000), ('c2', 'sum', 604800000000), ('c3', 'count', 604800000000)]
    >>> plan.groups[0].features[1].expr.sql()
    '"c2" / "c3"'
    """
    if not groups:
        raise InvalidValue("a plan needs one group or more")
    builder = _Builder()
    for group in groups:
        builder.add(group)
    return builder.plan()


class _SourceParts:
    """What is read and derived of one source so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.read = {source.time} | ({source.unique} if source.unique else set())
        self.derived: dict[str, Derived] = {}

    def derive(self, node: exp.Expression, type_: pa.DataType) -> str:
        known = form(node)
        if known not in self.derived:
            self.derived[known] = Derived(f"{self.source.name}.{len(self.derived)}", node.copy(), type_)
            self.read |= {column.name for column in node.find_all(exp.Column)}
        return self.derived[known].id

    def plan(self) -> SourcePlan:
        source = self.source
        return SourcePlan(
            name=source.name,
            time=source.time,
            columns=tuple(field.name for field in source.fields if field.name in self.read),
            derived=tuple(self.derived.values()),
            lateness_us=source.lateness_us,
            max_ahead_us=source.max_ahead_us,
            idle_us=source.idle_us,
            unique=source.unique,
        )


class _Builder:
    """The parts of the plan so far; groups are added one by one."""

    def __init__(self) -> None:
        self.sources: dict[str, _SourceParts] = {}
        self.keys: dict[tuple[tuple[str, str], ...], KeyPlan] = {}
        self.tracks: dict[tuple[str, int, str | None], list[str]] = {}
        self.groups: dict[str, GroupPlan] = {}

    def add(self, group: FeatureGroup) -> None:
        if group.name in self.groups:
            same = self.groups[group.name].digest == group.digest
            text = f"group '{group.name}' is given twice" if same else f"two different groups are named '{group.name}'"
            raise DuplicateName(text, group=group.name)
        for source in group.sources:
            parts = self.sources.setdefault(source.name, _SourceParts(source))
            if parts.source != source:
                text = f"two different sources are named '{source.name}': that of group '{group.name}' is another than before"
                raise DuplicateName(text, source=source.name, group=group.name)
            parts.read |= set(group.key_columns[source.name])
            parts.read |= {name for name in group.requests if name in source.base.schema.names}
            # in a row of an event, the asker's values are the event's own columns of that name
            parts.read |= {field.name for field in source.fields if field.name in group.requests}
        self.groups[group.name] = _GroupBuilder(self, group, self.key(group)).plan()

    def key(self, group: FeatureGroup) -> int:
        named = tuple((key.name, key.type) for key in group.keys)
        known = self.keys.get(named)
        columns = {**(known.columns if known else {}), **group.key_columns}
        self.keys[named] = KeyPlan(tuple(key.name for key in group.keys), tuple(key.arrow_type for key in group.keys), columns)
        return list(self.keys).index(named)

    def track(self, source: str, key: int, where: str | None, reads: str | None) -> int:
        inputs = self.tracks.setdefault((source, key, where), [])
        if reads is not None and reads not in inputs:
            inputs.append(reads)
        return list(self.tracks).index((source, key, where))

    def plan(self) -> Plan:
        return Plan(
            sources=tuple(parts.plan() for parts in self.sources.values()),
            keys=tuple(self.keys.values()),
            tracks=tuple(Track(source, key, where, tuple(inputs)) for (source, key, where), inputs in self.tracks.items()),
            groups=tuple(self.groups.values()),
        )


class _GroupBuilder:
    """The cells and features of one group."""

    def __init__(self, builder: _Builder, group: FeatureGroup, key: int) -> None:
        self.builder, self.group, self.key = builder, group, key
        self.cells: dict[Cell, Cell] = {}   # a cell without its id → with it

    def plan(self) -> GroupPlan:
        features = tuple(self.feature(name, expression.node, expression.type) for name, expression in self.group.features.items())
        spans = [None if (w := cell.window).size_us is None else w.size_us + w.delay_us for cell in self.cells.values() if not cell.own]
        longest_us = _longest(spans)
        # what has no window of its own does not keep a column alive for ever where aggregates have windows
        cells = [cell for cell in self.cells.values() if not cell.own]
        windowed = [cell.window for cell in cells if cell.kind not in _WITHOUT_WINDOW or cell.window != _EVER]
        own = Window(_longest([None if w.size_us is None else w.size_us + w.delay_us for w in windowed]), None)
        if own.size_us is None and any(cell.own for cell in self.cells.values()):
            longest_us = None
        cells = [replace(cell, window=own) if cell.own else cell for cell in self.cells.values()]
        return GroupPlan(
            name=self.group.name,
            digest=self.group.digest,
            key=self.key,
            sources=tuple(source.name for source in self.group.sources),
            cells=tuple(cells),
            features=features,
            refresh_us=self.group.refresh_us,
            longest_us=longest_us,
            requests=tuple((name, parse_type(declared)) for name, declared in self.group.requests.items()),
        )

    def feature(self, name: str, node: exp.Expression, type_: pa.DataType) -> FeaturePlan:
        rewritten = node.copy().transform(self.rewrite, copy=False)
        cells = tuple(dict.fromkeys(column.name for column in rewritten.find_all(exp.Column, bfs=False)))
        asks = rewritten.find(RequestColumn) is not None or any(call.this == "now" for call in rewritten.find_all(Call))
        return FeaturePlan(name, rewritten, type_, not asks, cells)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        """An aggregate as its cell, a column outside as the entity's own; a node that is replaced is not descended into."""
        if isinstance(node, Aggregate):
            return self.aggregate(node)
        return self.own(node) if _is_column(node) else node

    def aggregate(self, node: exp.Expression) -> exp.Expression:
        kind, source = node.args["kind"], node.args["source"]
        where = node.args.get("where")
        reads, packed, input_type = self.input(node)
        type_ = REGISTRY[kind].result_type(input_type)
        where_id = None if where is None else self.derive(source, where, pa.bool_())
        track = self.builder.track(source, self.key, where_id, reads)
        cell = self.cell(
            Cell(
                id="",
                kind=kind,
                track=track,
                input=reads,
                window=_window(node.args["frame"]),
                type=_stored(kind, type_) if packed else type_,
                n=node.args.get("n") or 0,
                half_life_us=node.args.get("half_life_us") or 0,
                ignore_nulls=bool(node.args.get("ignore_nulls")),
            )
        )
        if packed and kind not in {"count", "n_unique"}:
            return _unpacked(cell, type_)
        if kind in {"decay_sum", "decay_count"}:
            return self.decayed(cell, track, node.args["half_life_us"])
        return cell

    def decayed(self, cell: exp.Column, track: int, half_life_us: int) -> exp.Expression:
        """The cell stands at the newest event's time and fades from there to the asker's instant."""
        anchor = self.cell(Cell(id="", kind="last_time", track=track, input=None, window=_EVER, type=pa.timestamp("us", tz="UTC")))
        since = Call(this="seconds", expressions=[exp.Sub(this=Call(this="now"), expression=anchor)])
        return exp.Mul(this=cell, expression=Call(this="decay", expressions=[since, literal(half_life_us)]))

    def own(self, node: exp.Expression) -> exp.Expression:
        source = next(column.table for column in node.find_all(exp.Column))
        type_ = self.type_of(node)
        packed = pa.types.is_nested(type_)
        stored = Call(this="pack", expressions=[node.copy()]) if packed else node
        reads = self.derive(source, stored, BINARY if packed else type_)
        track = self.builder.track(source, self.key, None, reads)
        cell = self.cell(Cell(id="", kind="last", track=track, input=reads, window=_EVER, type=BINARY if packed else type_, own=True))
        return _unpacked(cell, type_) if packed else cell

    def input(self, node: exp.Expression) -> tuple[str | None, bool, pa.DataType | None]:
        """The derived column that an aggregate reads, whether it is packed, and the type of the values before that."""
        if node.this is None:
            return None, False, None
        source, inner = node.args["source"], node.this
        type_ = self.type_of(inner)
        if pa.types.is_nested(type_):
            return self.derive(source, Call(this="pack", expressions=[inner.copy()]), BINARY), True, type_
        stored = type_
        # count reads what a sum of the same values reads, so that the two share one input
        if REGISTRY[node.args["kind"]].widens or node.args["kind"] == "count":
            stored = pa.float64() if node.args["kind"] == "decay_sum" else _widened(type_)
        made = inner if stored == type_ else CastTo(this=inner.copy(), to=type_name(stored))
        return self.derive(source, made, stored), False, type_

    def derive(self, source: str, node: exp.Expression, type_: pa.DataType) -> str:
        return self.builder.sources[source].derive(node, type_)

    def type_of(self, node: exp.Expression) -> pa.DataType:
        return type_of(node, lambda column: self.builder.sources[column.table].source.column_type(column.name))

    def cell(self, cell: Cell) -> exp.Column:
        """The column of the cell; one that is there already is used again."""
        known = self.cells.setdefault(cell, replace(cell, id=f"c{len(self.cells)}"))
        return exp.Column(this=exp.to_identifier(known.id, quoted=True))


def _longest(spans: Sequence[int | None]) -> int | None:
    """The longest span, None where one of them is unbounded or there is none."""
    bounded = [span for span in spans if span is not None]
    return max(bounded) if bounded and len(bounded) == len(spans) else None


def _is_column(node: exp.Expression) -> bool:
    """Whether it is a column of a source, or a field in one."""
    while isinstance(node, exp.Dot):
        node = node.this
    return isinstance(node, exp.Column)


def _window(frame: exp.Expression) -> Window:
    args = frame.args
    return Window(
        args.get("size_us"), args.get("rows"), args.get("delay_us") or 0, args.get("closed") or "right", args.get("exclude") or ""
    )


def _widened(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        return pa.int64()
    return pa.float64() if pa.types.is_floating(type_) else type_


def _stored(kind: str, type_: pa.DataType) -> pa.DataType:
    """What a cell of packed values holds."""
    if kind in {"count", "n_unique"}:
        return type_
    return pa.list_(BINARY) if kind == "last_n" else BINARY


def _unpacked(cell: exp.Column, type_: pa.DataType) -> exp.Expression:
    return Call(this="unpack", expressions=[cell, literal(type_name(type_))])

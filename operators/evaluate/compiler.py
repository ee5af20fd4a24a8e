"""A canonical tree as nodes: one visit of each kind of node, with the types of everything below it known.

It relies on trees that `headrace.typing` has typed; where that was left out it raises TypeMismatch all the same. A subtree that stands in
several places of the trees given together is evaluated once a batch. Functions are built by `operators.evaluate.calls`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlglot import exp

from headrace.errors import TypeMismatch
from headrace.functions import REGISTRY
from headrace.tree import Call, CastTo, Duration, Instant, RequestColumn
from headrace.types import parse_type

from . import arithmetic, compare, logic
from .calls import BUILDERS, field_of, struct_of, unpack
from .cast import cast
from .columns import column, request
from .nodes import Frame, Node, Result, constant
from .user import user_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TIME, SPAN = pa.timestamp("us", tz="UTC"), pa.duration("us")
_ARITHMETIC: dict[type[exp.Expression], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_COMPARISON: dict[type[exp.Expression], str] = {exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}


class Compiler:
    """Compiles the `trees` of one schema; `asker` says whether they may ask for the asker's instant and values."""

    def __init__(
        self, schema: pa.Schema, trees: Iterable[exp.Expression], *, asker: bool, requests: Mapping[str, pa.DataType] | None = None
    ) -> None:
        self._schema = schema
        self._requests = requests or {}
        self._asker = asker
        self._counts: dict[Any, int] = {}
        self._done: dict[Any, Node] = {}
        for tree in trees:
            self._tally(tree)

    def node(self, tree: exp.Expression) -> Node:
        """The node of `tree`."""
        key = identity(tree)
        if key in self._done:
            return self._done[key]
        node = self._visit(tree)
        if self._counts.get(key, 0) > 1 and node.constant is None and not isinstance(tree, exp.Column):
            node = _shared(node, len(self._done))
        self._done[key] = node
        return node

    def _tally(self, tree: exp.Expression) -> None:
        key = identity(tree)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] == 1:
            for child in tree.iter_expressions():
                self._tally(child)

    def _visit(self, tree: exp.Expression) -> Node:
        kind = type(tree)
        if kind in _ARITHMETIC:
            return arithmetic.binary(_ARITHMETIC[kind], self.node(tree.this), self.node(tree.expression))
        if kind in _COMPARISON:
            return compare.compare(_COMPARISON[kind], self.node(tree.this), self.node(tree.expression))
        visit = _VISITS.get(kind)
        if visit is None:
            message = f"a row expression cannot hold {kind.__name__}"
            raise TypeMismatch(message)
        return visit(self, tree)

    def _column(self, tree: exp.Expression) -> Node:
        return column(tree.name, self._schema)

    def _request(self, tree: exp.Expression) -> Node:
        if not self._asker:
            message = f"the request column {tree.this} is not known where events are read"
            raise TypeMismatch(message)
        name = str(tree.this)
        return request(name, self._requests[name] if name in self._requests else parse_type(tree.args["to"]))

    def _literal(self, tree: exp.Expression) -> Node:
        if tree.args.get("is_string"):
            return constant(tree.this, pa.string())
        return number(tree.this)

    def _case(self, tree: exp.Expression) -> Node:
        ifs = tree.args["ifs"]
        default = tree.args.get("default")
        conditions = [self.node(each.this) for each in ifs]
        if tree.this is not None:
            subject = self.node(tree.this)
            conditions = [compare.compare("=", subject, condition) for condition in conditions]
        branches = [self.node(each.args["true"]) for each in ifs]
        return logic.choose(conditions, branches, constant(None, pa.null()) if default is None else self.node(default))

    def _is(self, tree: exp.Expression) -> Node:
        if not isinstance(tree.expression, exp.Null):
            message = f"is takes null, found {type(tree.expression).__name__}"
            raise TypeMismatch(message)
        return logic.is_null(self.node(tree.this))

    def _call(self, tree: exp.Expression) -> Node:
        name = str(tree.this)
        arguments = [self.node(each) for each in tree.expressions]
        if name.startswith("udf:"):
            return user_call(name.removeprefix("udf:"), arguments)
        if name == "struct":
            return struct_of([each.this for each in tree.expressions[::2]], arguments[1::2])
        if name == "unpack":
            return unpack(arguments[0], parse_type(tree.expressions[1].this))
        if name == "now":
            return self._now()
        if name not in REGISTRY:
            message = f"unknown function {name}"
            raise TypeMismatch(message)
        function = REGISTRY[name]
        result = function.result_type([argument.type for argument in arguments])
        function.check_literals([argument.constant is not None for argument in arguments])
        function.check_values([... if argument.constant is None else argument.constant.as_py() for argument in arguments])
        return BUILDERS[name](arguments, result)

    def _now(self) -> Node:
        if not self._asker:
            message = "now is not known where events are read: use it outside the aggregate"
            raise TypeMismatch(message)
        return Node(TIME, lambda frame: (frame.now, None))


def number(text: str) -> Node:
    """The node of a number as it is written: int64 where it has neither point nor exponent and fits, float64 else."""
    try:
        value = int(text)
    except ValueError:
        return constant(float(text), pa.float64())
    if -(2**63) <= value < 2**63:
        return constant(value, pa.int64())
    return constant(float(value), pa.float64())


def identity(tree: Any) -> Any:
    """A key that two trees share if and only if they are the same; sqlglot's own equality ignores the case of plain strings."""
    if isinstance(tree, exp.Expression):
        return (type(tree).__name__, *((name, identity(value)) for name, value in sorted(tree.args.items()) if value is not None))
    if isinstance(tree, list | tuple):
        return tuple(identity(each) for each in tree)
    return (type(tree).__name__, repr(tree))


def _shared(node: Node, slot: int) -> Node:
    """`node`, evaluated once a frame and kept in its memo at `slot`."""
    run = node.run

    def remembered(frame: Frame) -> Result:
        result = frame.memo.get(slot)
        if result is None:
            result = frame.memo[slot] = run(frame)
        return result

    return Node(node.type, remembered)


_VISITS: dict[type[exp.Expression], Callable[[Compiler, exp.Expression], Node]] = {
    exp.Column: Compiler._column,  # noqa: SLF001
    RequestColumn: Compiler._request,  # noqa: SLF001
    exp.Literal: Compiler._literal,  # noqa: SLF001
    exp.Boolean: lambda _, tree: constant(bool(tree.this), pa.bool_()),
    exp.Null: lambda _, tree: constant(None, pa.null()),  # noqa: ARG005
    Duration: lambda _, tree: constant(int(tree.this), SPAN),
    Instant: lambda _, tree: constant(int(tree.this), TIME),
    exp.Neg: lambda self, tree: arithmetic.negative(self.node(tree.this)),
    exp.And: lambda self, tree: logic.conjunction([self.node(tree.this), self.node(tree.expression)]),
    exp.Or: lambda self, tree: logic.disjunction([self.node(tree.this), self.node(tree.expression)]),
    exp.Not: lambda self, tree: logic.negation(self.node(tree.this)),
    exp.Is: Compiler._is,  # noqa: SLF001
    exp.In: lambda self, tree: compare.member(self.node(tree.this), [self.node(each) for each in tree.expressions]),
    exp.Case: Compiler._case,  # noqa: SLF001
    exp.Dot: lambda self, tree: field_of(self.node(tree.this), tree.expression.name),
    CastTo: lambda self, tree: cast(self.node(tree.this), parse_type(tree.args["to"])),
    Call: Compiler._call,  # noqa: SLF001
}

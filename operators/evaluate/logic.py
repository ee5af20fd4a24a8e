"""And, or, not, is null, and the conditional.

`and`/`or` are Kleene's: false decides an `and`, true an `or`, whatever the other side is: null or failed. A row fails in a conditional only
by the conditions that were asked and the branch that was taken; nothing here fails by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import pc
from headrace.errors import TypeMismatch
from headrace.functions.common import common_type

from .buffers import truth
from .cast import cast
from .nodes import Node, apply, array, constant, make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .nodes import Datum, Frame, Mask, Result

BOOL = pa.bool_()


def conjunction(nodes: Sequence[Node]) -> Node:
    """The node of `a and b and ...`."""
    return _fold(pc.and_kleene, decider=False, nodes=nodes, word="and")


def disjunction(nodes: Sequence[Node]) -> Node:
    """The node of `a or b or ...`."""
    return _fold(pc.or_kleene, decider=True, nodes=nodes, word="or")


def negation(node: Node) -> Node:
    """The node of `not node`."""
    return apply(BOOL, pc.invert, _bool(node, "not"))


def is_null(node: Node) -> Node:
    """The node of `node is null`; NaN is not null."""
    return apply(BOOL, lambda data: data.is_null(), node)


def choose(conditions: Sequence[Node], branches: Sequence[Node], default: Node) -> Node:
    """The first branch whose condition is true, else `default`; all of one common type."""
    type_ = common_type([branch.type for branch in (*branches, default)])
    if type_ is None:
        types = ", ".join(sorted({str(branch.type) for branch in (*branches, default)}))
        message = f"the branches of a condition have no common type: {types}"
        raise TypeMismatch(message)
    pairs = []
    last = cast(default, type_)
    for condition, branch in zip(conditions, branches, strict=True):
        test = _bool(condition, "when")
        if test.constant is None:
            pairs.append((test, cast(branch, type_)))
        elif test.constant.as_py():
            last = cast(branch, type_)
            break
    if not pairs:
        return last

    def run(frame: Frame) -> Result:
        out, failed = last.run(frame)
        for test, branch in reversed(pairs):
            asked, unsure = test.run(frame)
            asked = array(asked, frame.rows)
            value, lost = branch.run(frame)
            if asked.null_count:
                asked = asked.fill_null(False)
            out = pc.if_else(asked, value, out)
            if failed is not None or lost is not None or unsure is not None:
                none: Any = np.zeros(frame.rows, dtype=np.bool_)
                failed = np.where(truth(asked), none if lost is None else lost, none if failed is None else failed)
                failed = failed if unsure is None else failed | unsure
        return out, failed

    return make(type_, run, [*(node for pair in pairs for node in pair), last])


def coalesce(nodes: Sequence[Node]) -> Node:
    """The first of `nodes` that is not null; what fails behind it does not count."""
    type_ = common_type([node.type for node in nodes])
    if type_ is None:
        types = ", ".join(sorted({str(node.type) for node in nodes}))
        message = f"coalesce has no common type: {types}"
        raise TypeMismatch(message)
    casts = [cast(node, type_) for node in nodes]
    if casts[0].constant is not None and casts[0].constant.is_valid:
        return casts[0]

    def run(frame: Frame) -> Result:
        data: list[Datum] = []
        failed: Mask | None = None
        for node in casts:
            datum, lost = node.run(frame)
            if lost is not None:
                for before in data:
                    lost = lost & truth(array(before, frame.rows).is_null())
                failed = lost if failed is None else failed | lost
            data.append(datum)
            if not isinstance(datum, pa.Scalar) and datum.null_count == 0:
                break
        return pc.coalesce(*data) if len(data) > 1 else data[0], failed

    return make(type_, run, casts)


def _fold(kernel: Any, *, decider: bool, nodes: Sequence[Node], word: str) -> Node:
    sides = [_bool(node, word) for node in nodes]
    result = sides[0]
    for side in sides[1:]:
        result = _pair(kernel, decider, result, side)
    return result


def _pair(kernel: Any, decider: bool, left: Node, right: Node) -> Node:
    for side in (left, right):
        if side.constant is not None and side.constant.as_py() is decider:
            return constant(decider, BOOL)

    def run(frame: Frame) -> Result:
        (x, x_lost), (y, y_lost) = left.run(frame), right.run(frame)
        if isinstance(x, pa.Scalar) and isinstance(y, pa.Scalar):
            x = array(x, frame.rows)
        if x_lost is None and y_lost is None:
            return kernel(x, y), None
        none: Any = np.zeros(frame.rows, dtype=np.bool_)
        x_lost, y_lost = none if x_lost is None else x_lost, none if y_lost is None else y_lost
        decided = (_is(x, decider, frame.rows) & ~x_lost) | (_is(y, decider, frame.rows) & ~y_lost)
        failed = (x_lost | y_lost) & ~decided
        return pc.if_else(pa.array(decided), decider, kernel(x, y)), failed

    return make(BOOL, run, [left, right])


def _is(data: Datum, wanted: bool, rows: int) -> Mask:
    data = array(data, rows)
    return truth(data if wanted else pc.invert(data))


def _bool(node: Node, word: str) -> Node:
    if pa.types.is_null(node.type):
        return cast(node, BOOL)
    if not pa.types.is_boolean(node.type):
        message = f"{word} takes bool, found {node.type}"
        raise TypeMismatch(message)
    return node

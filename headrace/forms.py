"""One text for every tree, the same for two trees if and only if they mean the same to the planner.

It is what derived columns, stored variables and digests are told apart by; sqlglot's own equality ignores the case of plain texts. A number
is written by its value, `and`/`or` chains are flat, a CASE without ELSE has the ELSE NULL. It promises to be stable across processes and
Python versions, and relies on the tree being canonical.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.tree import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator


def form(node: exp.Expression) -> str:
    """The text of `node`: JSON without blanks.

    >>> from headrace.tree import column, literal
    >>> form(exp.Add(this=column("clicks", "price"), expression=literal(1)))
    '["add",["column","clicks","price"],["int",1]]'
    """
    return json.dumps(structure(node), separators=(",", ":"), ensure_ascii=False)


def structure(node: Any) -> Any:
    """The same as nested lists."""
    from headrace.functions_user import USER

    if isinstance(node, exp.Column):
        return ["column", node.table, node.name]
    if isinstance(node, exp.Dot):
        return ["field", structure(node.this), node.expression.name]
    if isinstance(node, exp.Literal):
        return ["string", node.this] if node.is_string else _number(str(node.this))
    if isinstance(node, exp.And | exp.Or):
        return [node.key, *(structure(each) for each in _flat(node, type(node)))]
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        ifs = [[structure(each.this), structure(each.args["true"])] for each in node.args["ifs"]]
        return ["case", *ifs, structure(default) if default is not None else ["null"]]
    if isinstance(node, Frame):
        return ["frame", *([name, value] for name in node.arg_types if (value := node.args.get(name)) not in {None, 0, "", "right"})]
    name = node.this if node.key == "call" else ""
    if isinstance(name, str) and name.startswith("udf:") and (known := USER.get(name.removeprefix("udf:"))) is not None:
        return ["call", name, str(known.returns), known.fingerprint, *(structure(each) for each in node.expressions)]
    return [node.key, *_arguments(node)]


def _arguments(node: exp.Expression) -> Iterator[Any]:
    """In the order of `arg_types`; a named pair where several could be absent."""
    several = len(node.arg_types) > 3
    for name in node.arg_types:
        value = node.args.get(name)
        if value is None or (several and value is False):
            continue
        if isinstance(value, list):
            inner: Any = [structure(each) for each in value]
            yield from inner
        else:
            inner = structure(value) if isinstance(value, exp.Expression) else value
            yield [name, inner] if several else inner


def _number(text: str) -> list[Any]:
    try:
        return ["int", int(text)]
    except ValueError:
        return ["float", repr(float(text))]


def _flat(node: exp.Expression, kind: type[exp.Expression]) -> Iterator[exp.Expression]:
    for side in (node.this, node.expression):
        if isinstance(side, kind):
            yield from _flat(side, kind)
        else:
            yield side

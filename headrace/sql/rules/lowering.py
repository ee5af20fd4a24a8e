"""One node of SQL after another, to an expression of `headrace.expressions`.

It promises the same trees that Python's operators and methods make, because it calls them; and that every error names the place of the
innermost node it comes from. The rules stand one kind a file beside this one; `RULES` in `headrace.sql.rules` says which node is whose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from headrace.errors import HeadraceError, InvalidSql, TypeMismatch
from headrace.expressions import Expression
from headrace.types import type_name

from .refused import NODES

if TYPE_CHECKING:
    from headrace.keys import Key
    from headrace.sql.place import Text
    from headrace.sql.scope import Scope
    from headrace.sql.syntax import FrameClause


@dataclass(frozen=True)
class Lowering:
    """What the rules need to know: the text, the names in reach, the named windows, the group's key.

    `row_level`: aggregates are refused, because a sub-query computes one row from one event; `inside`: the aggregate that is being read.
    """

    text: Text
    scope: Scope
    windows: Mapping[str, FrameClause] = field(default_factory=dict)
    keys: Sequence[Key] = ()
    row_level: bool = False
    inside: str = ""

    def lower(self, node: exp.Expr) -> Expression:
        """The expression of `node`."""
        from headrace.sql.rules import RULES

        rule = RULES.get(type(node))
        try:
            if rule is None:
                raise InvalidSql(NODES.get(type(node), f"this is not known here: a feature is made of {_MADE_OF}"))
            return rule(self, node)
        except HeadraceError as error:
            raise self.text.located(error, node) from None

    def condition(self, node: exp.Expr, what: str) -> Expression:
        """The expression of `node`, which has to be true or false; `what` takes it."""
        found = self.lower(node)
        name = type_name(found.type)
        if name not in {"bool", "null"}:
            text = f"{what} takes a condition, found {name}: compare it with something"
            raise self.refuse(TypeMismatch(text, found=name), node)
        return found

    def refuse(self, error: HeadraceError, node: exp.Expr | None) -> HeadraceError:
        """`error`, at the place of `node`."""
        return self.text.located(error, node)


_MADE_OF = "columns, literals, operators, CASE, CAST, functions and aggregates"
Rule: TypeAlias = Callable[[Lowering, exp.Expr], Expression]

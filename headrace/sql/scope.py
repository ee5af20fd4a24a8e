"""The names in reach of an expression: the sources that FROM lists, and their columns.

It promises that a name means one column or is an error: a source's name stands before a column's, a column's before its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.errors import InvalidSql, UnknownColumn, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from headrace.expressions import Expression
    from headrace.source import Source
    from headrace.sql.rules.lowering import Lowering


@dataclass(frozen=True)
class Relation:
    """A source, or a view of one, by the name that it has here; `columns` are the names that can be taken from it."""

    name: str
    source: Source
    columns: tuple[str, ...]
    node: exp.Expr

    def column(self, name: str) -> Expression:
        """The column `name`."""
        if name not in self.columns:
            raise UnknownColumn(name, self.columns, f"'{self.name}'")
        return self.source[name]


@dataclass
class Scope:
    """The relations of one FROM, in its order. `used` notes the names of those that something was taken from."""

    relations: Sequence[Relation]
    used: set[str]

    def column(self, parts: list[exp.Expr]) -> Expression:
        """The column that is named by `parts`, and the fields below it."""
        names = [part.name for part in parts]
        relation = self._named(names[0])
        if len(names) > 1 and relation is not None and (names[1] in relation.columns or not self._holders(names[0])):
            found, rest = relation.column(names[1]), names[2:]
        else:
            if len(names) > 1 and relation is None and not self._holders(names[0]):
                known = [*(each.name for each in self.relations), *(name for each in self.relations for name in each.columns)]
                raise unknown("source or column", names[0], "FROM", list(dict.fromkeys(known)))
            relation = self._holder(names[0])
            found, rest = relation.column(names[0]), names[1:]
        self.used.add(relation.name)
        for name in rest:
            found = found.field(name)
        return found

    def relation(self, name: exp.Expr, lowering: Lowering) -> Relation:
        """The relation of that name."""
        found = self._named(name.name)
        if found is None:
            raise lowering.refuse(unknown("source", name.name, "FROM", [each.name for each in self.relations]), name)
        self.used.add(found.name)
        return found

    def only(self, what: str, example: str = "{}") -> Relation:
        """The one relation there is; `what` needs it, and `example` says how to name one of several."""
        if len(self.relations) != 1:
            ways = " or ".join(example.format(each.name) for each in self.relations)
            raise InvalidSql(f"{what} of several sources: write {ways}")
        self.used.add(self.relations[0].name)
        return self.relations[0]

    def _named(self, name: str) -> Relation | None:
        return next((each for each in self.relations if each.name == name), None)

    def _holders(self, column: str) -> list[Relation]:
        return [each for each in self.relations if column in each.columns]

    def _holder(self, column: str) -> Relation:
        found = self._holders(column)
        if not found:
            names = list(dict.fromkeys(name for each in self.relations for name in each.columns))
            where = ", ".join(f"'{each.name}'" for each in self.relations)
            raise UnknownColumn(column, names, where)
        if len(found) > 1:
            ways = " or ".join(f"{each.name}.{column}" for each in found)
            raise InvalidSql(f"column '{column}' is in several sources: write {ways}")
        return found[0]

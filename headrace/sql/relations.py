"""FROM: sources by name, and row-level sub-queries, which are views of a source.

A sub-query's WHERE is `Source.filter`, its computed columns are `Source.with_columns`, its list says which names can be taken from it. It
promises that everything else a query can hold (joins, groups, orders, limits) is refused with what to write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.errors import DuplicateName, HeadraceError, InvalidSql, unknown

from .place import span
from .rules.lowering import Lowering
from .scope import Relation, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.source import Source

    from .place import Text

_CLAUSES = {
    "group": "GROUP BY is not known here: every window is of one entity, OVER (EVER) is over all there ever were",
    "having": "HAVING is not known here: filter the events with FILTER (WHERE ...)",
    "qualify": "QUALIFY is not known here: a feature has a value for every event",
    "order": "ORDER BY is not known here: events are ordered by their time",
    "limit": "LIMIT is not known here: a window counts with LAST 100 ROWS",
    "offset": "OFFSET is not known here: a window ends earlier with DELAY",
    "distinct": "SELECT DISTINCT is not known here: COUNT(DISTINCT x) OVER (...) counts different values",
    "locks": "FOR UPDATE is not known here: nothing is written by a view",
    "laterals": "LATERAL is not known here: a feature is made of columns of the sources in FROM",
}
_KNOWN = {"expressions", "from_", "joins", "where", "windows", "with_"}


@dataclass(frozen=True)
class Reader:
    """Reads FROM clauses of one text; `sources` are those that are defined so far."""

    text: Text
    sources: Mapping[str, Source]

    def scope(self, select: exp.Select, views: Mapping[str, Relation] | None = None) -> Scope:
        """The relations of a SELECT, with its WITH before them and its WHERE applied."""
        check_clauses(self.text, select)
        known = dict(views or {})
        for each in (select.args.get("with_") or exp.With()).expressions:
            self._check_plain(each)
            known[each.alias] = self._sub_query(each.this, each.alias, each, known)
        listed = select.args.get("from_")
        if listed is None:
            raise self.text.located(InvalidSql("FROM is missing: name the source whose events are read"), select)
        relations: list[Relation] = []
        for node in (listed.this, *(self._comma(join) for join in select.args.get("joins") or [])):
            relation = self._relation(node, known)
            if any(each.name == relation.name for each in relations):
                text = f"FROM names '{relation.name}' twice: give one of them another name with AS"
                raise self.text.located(DuplicateName(text, source=relation.name), node)
            relations.append(relation)
        where = select.args.get("where")
        if where is None:
            return Scope(relations, set())
        if len(relations) > 1:
            problem = "WHERE with several sources does not say whose events it filters"
            raise self.text.located(InvalidSql(problem + ": filter in FROM, (SELECT * FROM source WHERE ...) AS name"), where)  # noqa: S608   # an error
        return Scope([self._filtered(relations[0], where)], set())

    def _check_plain(self, node: exp.Expr) -> None:
        """A name in FROM or WITH has nothing beside it but another name."""
        alias = node.args.get("alias")
        beside = [name for name, value in node.args.items() if value and name not in {"this", "alias", "db"}]
        if beside or (isinstance(alias, exp.TableAlias) and alias.args.get("columns")):
            problem = InvalidSql("in FROM stands a source or a sub-query, and AS with another name for it: nothing else")
            raise self.text.located(problem, node)

    def _relation(self, node: exp.Expr, known: Mapping[str, Relation]) -> Relation:
        if isinstance(node, exp.Table | exp.Subquery):
            self._check_plain(node)
        if isinstance(node, exp.Subquery):
            return self._sub_query(node.this, node.alias, node, known)
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise self.text.located(InvalidSql("FROM takes names of sources and sub-queries in parentheses"), node)
        if node.args.get("db") is not None:
            text = f"a source has one name, without a dot before it: '{node.name}'"
            raise self.text.located(InvalidSql(text), node)
        name = node.alias or node.name
        if node.name in known:
            found = known[node.name]
            return Relation(name, found.source, found.columns, node)
        if node.name not in self.sources:
            raise self.text.located(unknown("source", node.name, "the definitions", [*self.sources, *known]), node.this)
        source = self.sources[node.name]
        return Relation(name, source, tuple(source.columns), node)

    def _comma(self, join: exp.Join) -> exp.Expr:
        if any(value for name, value in join.args.items() if name != "this"):
            text = "JOIN is not known here: each source's events have their own features, name several with commas, FROM clicks, views"
            raise self.text.located(InvalidSql(text), join)
        joined: exp.Expr = join.this
        return joined

    def _sub_query(self, select: exp.Expr, alias: str, node: exp.Expr, known: Mapping[str, Relation]) -> Relation:
        if not isinstance(select, exp.Select):
            raise self.text.located(InvalidSql("a sub-query is a SELECT from one source"), node)
        if select.args.get("windows"):
            raise self.text.located(InvalidSql("WINDOW belongs to the view's own SELECT"), select.args["windows"][0])
        scope = self.scope(select, known)
        if len(scope.relations) != 1:
            raise self.text.located(InvalidSql("a sub-query is of one source"), select.args["from_"])
        inner = scope.relations[0]
        lowering = Lowering(self.text, scope, row_level=True)
        source, columns = inner.source, []
        for each in select.expressions:
            if isinstance(each, exp.Star) or (isinstance(each, exp.Column) and isinstance(each.this, exp.Star)):
                columns += list(inner.columns)
                continue
            name = feature_name(self.text, each)
            expression = lowering.lower(each.this if isinstance(each, exp.Alias) else each)
            if not (isinstance(each, exp.Column) and name in inner.columns and len(each.parts) <= 2):
                try:
                    source = source.with_columns(**{name: expression})
                except HeadraceError as error:
                    raise self.text.located(error, each) from None
            columns.append(name)
        return Relation(alias or inner.name, source, tuple(dict.fromkeys(columns)), node)

    def _filtered(self, relation: Relation, where: exp.Expr) -> Relation:
        condition = Lowering(self.text, Scope([relation], set()), row_level=True).condition(where.this, "WHERE")
        try:
            return Relation(relation.name, relation.source.filter(condition), relation.columns, relation.node)
        except HeadraceError as error:
            raise self.text.located(error, where.this) from None


def check_clauses(text: Text, select: exp.Select) -> None:
    """Raises InvalidSql at a clause that means nothing here."""
    for name, value in select.args.items():
        if not value or name in _KNOWN:
            continue
        node = value[0] if isinstance(value, list) else value
        reason = _CLAUSES.get(name, f"{name.rstrip('_').upper()} is not known here")
        raise text.located(InvalidSql(reason), node if isinstance(node, exp.Expr) and span(node) else select)


def feature_name(text: Text, node: exp.Expr) -> str:
    """The name that an item of a SELECT list has."""
    if isinstance(node, exp.Alias):
        return node.alias
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return node.name
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        return node.expression.name
    raise text.located(InvalidSql("this has no name: write AS name behind it"), node)

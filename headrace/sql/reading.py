"""`parse`: a text of SQL to definitions.

It promises the Keys, Sources and FeatureGroups of a text in their order, and one error, the first, with its place. Keys are read before
tables and tables before views, so that a text may hold them in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from headrace.errors import DuplicateName, HeadraceError, InvalidSql
from headrace.groups import FeatureGroup
from headrace.keys import Key
from headrace.source import Source

from .dialect import read
from .groups import group_of
from .place import Text
from .syntax import CreateKey, CreateTable, CreateView
from .tables import key_of, source_of

if TYPE_CHECKING:
    from sqlglot import exp

Definition: TypeAlias = Key | Source | FeatureGroup
D = TypeVar("D", Key, Source)


class Definitions(Sequence[Definition]):
    """The definitions of a text, in its order; `keys`, `sources` and `groups` are the same by name."""

    def __init__(self, items: Iterable[Definition]) -> None:
        self._items = tuple(items)
        self.keys: dict[str, Key] = {each.name: each for each in self._items if isinstance(each, Key)}
        self.sources: dict[str, Source] = {each.name: each for each in self._items if isinstance(each, Source)}
        self.groups: dict[str, FeatureGroup] = {each.name: each for each in self._items if isinstance(each, FeatureGroup)}

    @overload
    def __getitem__(self, at: int) -> Definition: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Definition]: ...
    def __getitem__(self, at: int | slice) -> Definition | Sequence[Definition]:
        return self._items[at]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"Definitions({list(self._items)})"


def parse(sql: str, *, file: str = "sql", known: Iterable[Any] = ()) -> Definitions:
    """The definitions that `sql` holds: `CREATE KEY`, `CREATE TABLE`, `CREATE VIEW`.

    Args:
        sql: statements, divided by `;`.
        file: what errors call the text.
        known: Keys, Sources and groups that are defined elsewhere, in Python or another file; those of groups are taken as well.

    Raises:
        DefinitionError: of the kind of mistake; its text shows the place, which `error.file`, `error.line` and `error.character` (both
            from 1) name.

    >>> import headrace as hr
    >>> found = hr.parse('''
    ... CREATE TABLE clicks (uid BIGINT, price DOUBLE, ts TIMESTAMP) WITH (time = 'ts', keys = 'uid: buyer_id');
    ... CREATE VIEW buyers WITH (key = 'buyer_id') AS SELECT SUM(price) OVER (LAST '7 days') AS spend FROM clicks
    ... ''')
    >>> found.groups["buyers"].features["spend"]
    <expression sum("price") over [7d]: float64>
    """
    text = Text(sql, file)
    statements = read(text)
    keys, sources = _known(known)
    made: dict[int, Definition] = {}
    seen: dict[tuple[type, str], exp.Expr] = {}
    for statement in statements:
        if not isinstance(statement, CreateKey | CreateTable | CreateView):
            problem = InvalidSql("a SELECT alone defines nothing: write CREATE VIEW name WITH (key = '...') AS before it")
            raise text.located(problem, statement)
        mark = (type(statement), statement.this.name)
        if mark in seen:
            raise text.located(DuplicateName(f"'{statement.this.name}' is created twice", name=statement.this.name), statement.this)
        seen[mark] = statement
    for kind in (CreateKey, CreateTable, CreateView):
        for at, statement in enumerate(statements):
            if isinstance(statement, kind):
                made[at] = _made(text, statement, keys, sources)
    return Definitions(made[at] for at in range(len(statements)))


def _made(text: Text, statement: exp.Expr, keys: dict[str, Key], sources: dict[str, Source]) -> Definition:
    """The definition of one statement; Keys and Sources are added to those that are known."""
    name = statement.this.name
    try:
        if isinstance(statement, CreateKey):
            return _agreed(keys, name, key_of(text, statement))
        if isinstance(statement, CreateTable):
            return _agreed(sources, name, source_of(text, statement, keys))
        return group_of(text, statement, sources, keys)
    except RecursionError:
        text_of_it = "this nests deeper than can be read: name a part of it in a sub-query, (SELECT *, ... AS part FROM source) AS name"
        raise text.located(InvalidSql(text_of_it), statement.this) from None
    except HeadraceError as error:   # every error has a place; the least is the statement's name
        raise text.located(error, statement.this) from None


def _agreed(known: dict[str, D], name: str, made: D) -> D:
    """`made`, which is known from here on; one of that name which was known before has to be the same."""
    if known.setdefault(name, made) != made:
        raise DuplicateName(f"'{name}' is defined elsewhere, and not in the same way: {known[name]!r}", name=name)
    return made


def _known(known: Iterable[Any]) -> tuple[dict[str, Key], dict[str, Source]]:
    keys: dict[str, Key] = {}
    sources: dict[str, Source] = {}
    for each in known:
        if isinstance(each, Key):
            keys[each.name] = each
        elif isinstance(each, Source):
            sources[each.name] = each
            keys |= {key.name: key for key in each.keys.values()}
        elif isinstance(each, FeatureGroup):
            keys |= {key.name: key for key in each.keys}
            for source in each.sources:
                sources[source.name] = source
                keys |= {key.name: key for key in source.keys.values()}
    return keys, sources

"""Where in a text something stands, and how an error shows it.

It promises that every error which leaves this package names file, line and column (both counted from 1) and shows the line with the place
underlined. Places are character offsets, first and last included, in a node's `meta`; a node without one takes its children's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TypeVar

from sqlglot import exp

from headrace.errors import HeadraceError

from .wording import in_sql

E = TypeVar("E", bound=HeadraceError)
N = TypeVar("N", bound=exp.Expr)

WIDTH = 120
"""Longer lines are shown in part, around the place."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of SQL and the name of the file that it came from ("sql" where there is none)."""

    sql: str
    file: str = "sql"

    def located(self, error: E, node: exp.Expr | None) -> E:
        """The same error with the place of `node` in front and the line below; an error that has its place already stays as it is."""
        found = None if node is None else span(node)
        return error if found is None else self.at(error, *found)

    def at(self, error: E, start: int, end: int) -> E:
        """The same error, at the characters `start` to `end`, both included."""
        if "file" in error.facts:
            return error
        start = min(start, max(len(self.sql.rstrip()) - 1, 0))
        first = self.sql.rfind("\n", 0, start) + 1
        last = self.sql.find("\n", start)
        line = self.sql[first : len(self.sql) if last < 0 else last].rstrip()
        number = self.sql.count("\n", 0, start) + 1
        column = start - first + 1
        placed = copy.copy(error)
        placed.facts = error.facts | {"file": self.file, "line": number, "character": column}
        shown, caret = _shown(line.replace("\t", " "), column - 1, min(end - start + 1, max(len(line) - column + 1, 1)))
        margin = " " * len(str(number))
        placed.args = (f"{self.file}:{number}:{column}: {in_sql(error.text)}\n {number} | {shown}\n {margin} | {caret}",)
        return placed


def span(node: exp.Expr) -> tuple[int, int] | None:
    """The first and last character of a node and what is below it, None where nothing is known."""
    found = [(each.meta["start"], each.meta["end"]) for each in node.walk() if each.meta.get("start") is not None]
    if not found:
        return None
    return min(start for start, _ in found), max(end for _, end in found)


def put(node: N, start: int, end: int) -> N:
    """`node`, with its place."""
    node.meta["start"], node.meta["end"] = start, end
    return node


def same(node: N, origin: exp.Expr) -> N:
    """`node`, with the place of what it was made from, where that is known."""
    found = span(origin)
    return node if found is None else put(node, *found)


def _shown(line: str, column: int, length: int) -> tuple[str, str]:
    """The part of a line around a place, and the carets below."""
    left = 0
    if len(line) > WIDTH:
        left = max(0, min(column - WIDTH // 3, len(line) - WIDTH))
        line = ("..." if left else "") + line[left : left + WIDTH]
        column += 3 if left else 0
    length = max(1, min(length, len(line) - (column - left)))
    return line, " " * (column - left) + "^" * length

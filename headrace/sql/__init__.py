"""Definitions in SQL: `parse` reads them, `to_sql` writes them.

The text becomes a tree of sqlglot's nodes (`dialect`), rules make expressions of it (`rules`), and the definitions are the same objects as
those written in Python (`tables`, `groups`). It promises equal digests for equal definitions, whichever way they were written.
"""

from __future__ import annotations

from .reading import Definitions, parse
from .writing import to_sql

__all__ = ["Definitions", "parse", "to_sql"]

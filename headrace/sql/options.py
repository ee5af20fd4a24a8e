"""The options in `WITH (...)`: which there are, and their values as Python has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import DuplicateName, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from .place import Text


def read_options(text: Text, options: Sequence[exp.Expr], known: Sequence[str], what: str) -> dict[str, str]:
    """Names and texts of the options; raises at one that is not `known` or stands twice."""
    found: dict[str, str] = {}
    for option in options:
        name = option.this.name.lower()
        if name not in known:
            raise text.located(unknown("option", name, what, known), option.this)
        if name in found:
            raise text.located(DuplicateName(f"option '{name}' of {what} is said twice", option=name), option.this)
        found[name] = option.expression.name
    return found


def listed(text: str) -> list[str]:
    """The parts between commas, without blanks around."""
    return [part.strip() for part in text.split(",") if part.strip()]

"""The options in `WITH (...)`: which there are, and their values as Python has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.errors import DuplicateName, InvalidValue, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .place import Text


def read_options(text: Text, options: Sequence[exp.Expr], known: Sequence[str], what: str) -> dict[str, str]:
    """Names and texts of the options; raises at one that is not `known`, stands twice, or is no text."""
    found: dict[str, str] = {}
    for option in options:
        name, value = option.this.name.lower(), option.expression
        if name not in known:
            raise text.located(unknown("option", name, what, known), option.this)
        if name in found:
            raise text.located(DuplicateName(f"option '{name}' of {what} is said twice", option=name), option.this)
        if not (isinstance(value, exp.Literal) and value.is_string):
            raise text.located(InvalidValue(f"option '{name}' of {what} takes a text in quotes", option=name), value)
        found[name] = value.name
    return found


def listed(text: str) -> list[str]:
    """The parts between commas, without blanks around."""
    return [part.strip() for part in text.split(",") if part.strip()]

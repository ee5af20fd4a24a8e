"""What the pages are put together from: tables, calls as one writes them, texts of docstrings."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MADE = "<!-- made by docs/generate.py; what it says stands in {} -->\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""A table of Markdown; a cell may hold anything but the end of a line.

    >>> print(table(["a", ""], [["x|y", "1"]]))
    | a | |
    |---|---|
    | x\|y | 1 |
    """

    def line(cells: Sequence[str]) -> str:
        escaped = (cell.replace("|", "\\|") for cell in cells)
        return "|" + "".join(f" {cell} |" if cell else " |" for cell in escaped)

    return "\n".join([line(heads), "|---" * len(heads) + "|", *map(line, rows)])


def same(where: str, told: Mapping[str, object] | Iterable[str], there: Iterable[str]) -> None:
    """Raises where a page tells of other things than there are."""
    missing, gone = sorted(set(there) - set(told)), sorted(set(told) - set(there))
    if missing or gone:
        raise SystemExit(f"{where} does not tell of {missing}, and tells of {gone}, which are not there")


def written(name: str, call: Callable[..., object]) -> str:
    """A call as one writes it: parameters with their defaults, without types."""
    parts = []
    stars = False
    for parameter in inspect.signature(call).parameters.values():
        if parameter.name == "self" or (parameter.name == "where" and parameter.kind is parameter.KEYWORD_ONLY):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not stars:
            stars = True
        shown = f"*{parameter.name}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name
        parts.append(shown if parameter.default is parameter.empty else f"{shown}={parameter.default!r}")
    return f"{name}({', '.join(parts)})"


def sentences(call: Callable[..., object]) -> str:
    """A docstring's text before its sections and examples."""
    whole = inspect.getdoc(call) or ""
    return " ".join(re.split(r"\n\s*(?:>>>|Args:|Raises:)", whole)[0].split())

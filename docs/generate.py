"""Writes the pages of docs/reference that are made from the code: `python docs/generate.py [FOLDER]`.

It promises the same text for the same code; a test compares it with what stands in the folder. What a page says stands where it is
declared (a function's entry, a setting, the help of a command or a metric) or, where the code has no place for it, in `docs/pages`, which
refuses to make a page that leaves something out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pages import aggregates, archive, commands, expressions, log_lines, metrics, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOLDER = Path(__file__).parent / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "expressions.md": expressions.page,
    "aggregates.md": aggregates.page,
    "commands.md": commands.page,
    "settings.md": settings.page,
    "metrics.md": metrics.page,
    "log-lines.md": log_lines.page,
    "archive.md": archive.page,
}


def main(arguments: Sequence[str]) -> None:
    """Write every page."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page().rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

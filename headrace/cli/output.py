"""What commands print: lines, tables that fit the terminal, JSON, and what goes to stderr.

It promises that results go to stdout and everything else to stderr, and that colours appear on a terminal alone. A table that is too wide
is turned: its columns become rows.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from headrace.texts import jsonable, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

BOLD, DIM, RED, GREEN = "1", "2", "31", "32"
_GAP = "  "
_WIDEST = 60
_NARROWEST = 12


class Interrupted(Exception):
    """Ctrl-C, with what to say about going on."""


def styled(text: str, style: str, stream: Any = None) -> str:
    """`text` in a style where `stream` (stdout) is a terminal that shows it."""
    stream = sys.stdout if stream is None else stream
    plain = not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[{style}m{text}\x1b[0m"


def say(text: str) -> None:
    """A sentence to the person, on stderr."""
    print(f"{styled('headrace:', BOLD, sys.stderr)} {text}", file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(jsonable(value), ensure_ascii=False, indent=2))


def print_table(table: pa.Table, digits: int | None = 6, limit: int = _WIDEST) -> None:
    """The rows of an Arrow table."""
    names = table.column_names
    rows = [[shown(value, digits) for value in row.values()] for row in table.to_pylist()]
    right = [_is_number(field.type) for field in table.schema]
    print_rows(names, rows, right, limit=limit)


def print_rows(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool] | None = None,
    *,
    limit: int = _WIDEST,
    fit: str = "turn",
) -> None:
    """Rows of texts under their names, in columns.

    `right` says which columns end at one place. Where the columns are wider than the terminal, `fit` decides: turn makes rows of them,
    cut shortens the widest, nothing leaves the lines long.
    """
    right = right or [False] * len(names)
    cut = [[_cut(cell, limit) for cell in row] for row in rows]
    widths = _widths(names, cut)
    if fit == "cut":
        while _total(widths) > screen_width() and max(widths) > _NARROWEST:
            widest = widths.index(max(widths))
            cut = [[_cut(cell, widths[widest] - 1) if at == widest else cell for at, cell in enumerate(row)] for row in cut]
            widths = [width - (at == widest) for at, width in enumerate(widths)]
    if fit != "turn" or _total(widths) <= screen_width() or not rows:
        _print_lines(names, cut, widths, right)
    else:
        _print_turned(names, cut)


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max([_width(name), *(_width(row[at]) for row in rows)]) for at, name in enumerate(names)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _print_lines(names: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> None:
    def line(cells: Sequence[str]) -> str:
        return _GAP.join(_padded(cell, width, at_right) for cell, width, at_right in zip(cells, widths, right, strict=True)).rstrip()

    print(styled(line(names), BOLD))
    for row in rows:
        print(line(row))


def _print_turned(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as rows, as many of the rows beside one another as fit, then the next."""
    head = max(_width(name) for name in names)
    room = screen_width() - head
    at = 0
    while at < len(rows):
        widths: list[int] = []
        for row in rows[at:]:
            width = max(_width(cell) for cell in row)
            if widths and sum(widths) + width + len(_GAP) * (len(widths) + 1) > room:
                break
            widths.append(width)
        if at:
            print()
        for column, name in enumerate(names):
            cells = [_padded(row[column], width, True) for row, width in zip(rows[at : at + len(widths)], widths, strict=True)]
            print(styled(_padded(name, head, False), BOLD) + _GAP + _GAP.join(cells))
        at += len(widths)


def screen_width() -> int:
    """Columns of the terminal, or COLUMNS; without either there is no limit."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return 1 << 30


def plural(n: int, one: str, many: str | None = None) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _is_number(type_: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_duration(type_))


def _cut(cell: str, limit: int) -> str:
    line = cell.replace("\n", "⏎").replace("\t", " ")
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _padded(cell: str, width: int, at_right: bool) -> str:
    fill = " " * (width - _width(cell))
    return fill + cell if at_right else cell + fill


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)

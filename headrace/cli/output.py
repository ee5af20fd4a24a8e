"""What commands print: lines, tables that fit the terminal, JSON, and what goes to stderr.

It promises that results go to stdout and everything else to stderr; that colours appear on a terminal alone; that values in JSON are what
JSON can hold (instants as ISO 8601, NaN and infinities as text). A table that is too wide is turned: its columns become rows.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headrace.durations import format_duration
from headrace.times import format_time, to_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

BOLD, DIM, RED, GREEN = "1", "2", "31", "32"
_GAP = "  "
_WIDEST = 60


class Interrupted(Exception):  # noqa: N818   # it is no error
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


def jsonable(value: Any) -> Any:
    """`value` as JSON can hold it.

    >>> jsonable({"at": datetime(2024, 1, 2), "x": [float("nan"), 1.5, None]})
    {'at': '2024-01-02T00:00:00Z', 'x': ['NaN', 1.5, None]}
    """
    if isinstance(value, dict):
        return {str(name): jsonable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else shown(value)
    return shown(value)


def shown(value: Any, digits: int | None = None) -> str:
    """A value as a cell of a table has it; floats with `digits` significant digits, all that tell it apart where None.

    >>> shown(2.0), shown(1 / 3, 4), shown(None), shown(123456789.5, 6), shown([1, None])
    ('2.0', '0.3333', 'null', '123456789.5', '[1, null]')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value, digits)
    if isinstance(value, datetime):
        return format_time(to_us(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value // timedelta(microseconds=1))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(each, digits)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(each, digits) for each in value)}]"
    return str(value)


def _float(value: float, digits: int | None) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    exact = repr(value)
    if digits is None or len(exact) <= digits + 2:
        return exact
    size = abs(value)
    if size >= 10.0 ** (digits - 2):
        return f"{value:.1f}" if size < 1e15 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}"


def print_table(table: pa.Table, digits: int | None = 6, limit: int = _WIDEST) -> None:
    """The rows of an Arrow table."""
    names = table.column_names
    rows = [[shown(value, digits) for value in row.values()] for row in table.to_pylist()]
    right = [_is_number(field.type) for field in table.schema]
    print_rows(names, rows, right, limit=limit)


def print_rows(names: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool] | None = None, limit: int = _WIDEST) -> None:
    """Rows of texts under their names, in columns; turned where they do not fit."""
    right = right or [False] * len(names)
    cut = [[_cut(cell, limit) for cell in row] for row in rows]
    widths = [max([_width(name), *(_width(row[at]) for row in cut)]) for at, name in enumerate(names)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= screen_width() or not rows:
        _print_lines(names, cut, widths, right)
    else:
        _print_turned(names, cut)


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


def bullets(lines: Iterable[str]) -> None:
    """Lines with a mark before each."""
    for line in lines:
        print(f"  {line}")


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

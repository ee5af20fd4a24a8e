"""Progress on stderr, where a terminal looks: a bar with rate and remaining time, or a count where the end is not known.

It promises to print nothing where stderr is no terminal, and to leave no line behind.
"""

from __future__ import annotations

import sys
import threading
import time as clock
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY_S = 0.1


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Shows `what` and how far it is; the block calls what it is given with rows done and rows in all, None where that is not known."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[told]}")]
    begun = clock.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None, told="")

        def update(done: int, total: int | None) -> None:
            told = how_far(done, total, clock.monotonic() - begun)
            # a bar that is full would stop moving: what was read is still being worked on
            shown.update(task, completed=min(done, total - 1) if total else done, total=total, told=told)

        yield update


def how_far(done: int, total: int | None, seconds: float) -> str:
    """Rows, rate and what is left, in words.

    >>> how_far(50_000, 200_000, 10.0), how_far(0, None, 3.0), how_far(7, 7, 62.0)
    ('50,000 rows, 5,000/s, 30 s left', '3 s', '7 rows, 62 s, finishing')
    """
    if not done:
        return f"{seconds:,.0f} s"
    if total is not None and done >= total:
        return f"{done:,} rows, {seconds:,.0f} s, finishing"
    speed = done / seconds if seconds else 0.0
    left = f", {(total - done) / speed:,.0f} s left" if total and speed else ""
    return f"{done:,} rows, {speed:,.0f}/s{left}"


@contextmanager
def watching(what: str) -> Iterator[Callable[[Any], None]]:
    """Progress of a `replay.run.Run`: the block calls what it is given with the run before it starts it."""
    ended = threading.Event()
    with progress(what) as update:

        def follow(run: Any) -> None:
            while not ended.wait(_EVERY_S):
                update(run.progress.rows, run.course.rows)

        def start(run: Any) -> None:
            threading.Thread(target=follow, args=(run,), daemon=True).start()

        try:
            yield start
        finally:
            ended.set()

"""Progress on stderr, where a terminal looks: a bar with rate and remaining time, or a count where the end is not known.

It promises to print nothing where stderr is no terminal, and to leave no line behind.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Update = "Callable[[int, int | None], None]"
_EVERY_S = 0.1


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Shows `what` and how far it is; the block calls what it is given with rows done and rows in all, None where that is not known."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None, rows="", left="")

        def update(done: int, total: int | None) -> None:
            speed = done / shown.tasks[0].elapsed if shown.tasks[0].elapsed else 0.0
            rows = f"{done:,} rows, {speed:,.0f}/s" if done else ""
            left = f"{(total - done) / speed:,.0f} s left" if total and speed else ""
            shown.update(task, completed=done, total=total, rows=rows, left=left)

        yield update


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

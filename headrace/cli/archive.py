"""The command `archive`: a topic into its log, until it is told to stop."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from headrace.cli.options import Context, Environment, Folder, Json, argument, open_repository, option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.archiving import Archived, Status

LOG_EVERY_S = 10.0
LINE_EVERY_S = 0.5


def archive(
    context: Context,
    source: Annotated[str, argument("SOURCE", help="The source's name.")],
    once: Annotated[bool, option("--once", help="End at the end that the topic has now.")] = False,
    roll_rows: Annotated[
        int, option("--roll-rows", metavar="N", help="A file ends behind about so many rows (4000000).", min=1)
    ] = 4_000_000,
    roll_bytes: Annotated[
        int, option("--roll-bytes", metavar="N", help="A file ends behind about so many bytes (268435456).", min=1)
    ] = 268_435_456,
    roll_seconds: Annotated[
        float, option("--roll-seconds", metavar="S", help="A file ends so long after its first message came (300).", min=0.1)
    ] = 300.0,
    retain: Annotated[str | None, option("--retain", metavar="90d", help="Remove files whose rows all arrived longer ago.")] = None,
    accept_gap: Annotated[bool, option("--accept-gap", help="Go on although Kafka has dropped what the archive lacks.")] = False,
    compression: Annotated[
        str | None, option("--compression", metavar="CODEC", help="zstd, lz4, snappy or none; that of [archive], or zstd, otherwise.")
    ] = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Bring a topic into the log of its source, exactly once: wherever it dies, the same command goes on there.

    Ctrl-C and SIGTERM end it; what was read is published then. Only one process at a time archives a source: a second one fails.

    Example:
      headrace archive clicks
      headrace archive clicks --once --json
      headrace archive clicks --roll-seconds 60 --retain 90d
    """
    from headrace.archive.append import Rolling
    from headrace.archiving import archive as archive_topic
    from headrace.cli.output import print_json
    from headrace.durations import parse_duration
    from headrace.errors import InvalidValue
    from headrace.settings import CODECS

    if compression is not None and compression not in CODECS:
        raise InvalidValue(f"--compression {compression} is none of {', '.join(CODECS)}", value=compression)
    kept = None if retain is None else timedelta(microseconds=parse_duration(retain, "--retain"))
    if kept is not None and kept <= timedelta(0):
        raise InvalidValue(f"--retain {retain} keeps nothing: give how long rows are kept, such as 90d", value=retain)
    repository = open_repository(context, repo, env)
    with _watching(source) as began:
        done = archive_topic(
            repository,
            source,
            once=once,
            rolling=Rolling(roll_rows, roll_bytes, roll_seconds),
            retain=kept,
            accept_gap=accept_gap,
            compression=compression or repository.config.archive.compression or "zstd",
            began=began,
        )
    if as_json:
        print_json({name: getattr(done, name) for name in done.__dataclass_fields__})
    else:
        _tell(done)


def _tell(done: Archived) -> None:
    from headrace.cli.output import plural

    print(f"{done.source}: {plural(done.rows, 'row')} of {plural(done.messages, 'message')} in {plural(done.files, 'new file')}")
    if done.skipped:
        print(f"{plural(done.skipped, 'message')} arrived before the end of what was loaded, and are left out")
    if done.dead:
        print(f"{plural(done.dead, 'dead letter')}: headrace dead-letters list {done.source}")
    if done.removed:
        print(f"{plural(done.removed, 'file')} older than is kept were removed")
    if not done.ended:
        print("stopped; what was read is in the log, the same command goes on there")


@contextmanager
def _watching(source: str) -> Iterator[Callable[[Callable[[], Status]], None]]:
    """Tells how far the run is: one line that lives on a terminal, elsewhere a JSON line every ten seconds."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def began(status: Callable[[], Status]) -> None:
        work = _live_line if sys.stderr.isatty() else _log_lines
        threads.append(threading.Thread(target=work, args=(source, status, ended), daemon=True))
        threads[0].start()

    try:
        yield began
    finally:
        ended.set()
        for thread in threads:
            thread.join(1.0)


def _log_lines(source: str, status: Callable[[], Status], ended: threading.Event) -> None:
    before = status()
    while not ended.wait(LOG_EVERY_S):
        now = status()
        print(json.dumps(record(source, before, now)), file=sys.stderr, flush=True)
        before = now


def record(source: str, before: Status, now: Status) -> dict[str, object]:
    """What a line of the log says on how far a run is."""
    return {
        "source": source,
        "messages": now.messages,
        "rows": now.rows,
        "rate": round((now.messages - before.messages) / max(1e-9, now.seconds - before.seconds), 1),
        "lag": now.lag,
        "files": now.files,
        "dead": now.dead,
        "trouble": now.trouble,
    }


def _live_line(source: str, status: Callable[[], Status], ended: threading.Event) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        before = status()
        while not ended.wait(LINE_EVERY_S):
            now = status()
            live.update(Text(line(source, before, now), no_wrap=True, overflow="ellipsis"), refresh=True)
            before = now


def line(source: str, before: Status, now: Status) -> str:
    """One line on how far a run is.

    >>> from headrace.archiving import Status
    >>> line("clicks", Status(0, 0, 0, 0, 900, 1.0, None), Status(500, 499, 1, 2, 400, 1.5, None))
    'archiving clicks: 500 messages, 1,000/s, 400 wait in Kafka, 2 files, 1 dead'
    """
    speed = (now.messages - before.messages) / max(1e-9, now.seconds - before.seconds)
    waiting = f"{now.lag:,} wait in Kafka" if now.lag else "at the end"
    parts = [f"{now.messages:,} messages", f"{speed:,.0f}/s", waiting, f"{now.files:,} files"]
    if now.dead:
        parts.append(f"{now.dead:,} dead")
    if now.trouble:
        parts.append(now.trouble)
    return f"archiving {source}: {', '.join(parts)}"

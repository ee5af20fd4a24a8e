"""The command `run`: groups on the live stream, until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Self

from headrace.cli.options import Context, Environment, Folder, argument, open_repository, option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.repository import Repository
    from headrace.running.starting import Start

LOG_EVERY_S = 10.0
LINE_EVERY_S = 0.5
SIGNALLED = 128
SHOW_CURSOR = "\x1b[?25h"


def run(
    context: Context,
    names: Annotated[list[str], argument("GROUP|SERVICE", help="What is computed.")],
    start: Annotated[str | None, option("--from", metavar="T", help="Kafka's messages since then alone: ISO, -1d, yesterday.")] = None,
    fresh: Annotated[bool, option("--fresh", help="Leave the checkpoint aside; make the state anew from the log.")] = False,
    accept_gap: Annotated[bool, option("--accept-gap", help="Go on although Kafka has dropped what the archive lacks.")] = False,
    dry_run: Annotated[bool, option("--dry-run", help="Say where it would start, and write nothing.")] = False,
    processes: Annotated[int, option("--processes", metavar="N", help="How many processes share the work (1).", min=1)] = 1,
    checkpoint_s: Annotated[float, option("--checkpoint-seconds", metavar="S", help="How far checkpoints are apart (10).", min=0.5)] = 10.0,
    metrics_port: Annotated[
        int | None,
        option("--metrics-port", metavar="PORT", help="Serve metrics for Prometheus there; N processes take N ports.", min=1, max=65_535),
    ] = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Annotated[bool, option("--json", help="With --dry-run: print JSON, for programs.")] = False,
) -> None:
    """Compute features on the live stream, with the dataflow that replays.

    It goes on from its checkpoint; without one it replays the archive and goes over to Kafka at exactly the next offset; without an archive
    it begins with Kafka's first message. Ctrl-C and SIGTERM end it with a last checkpoint.

    Example:
      headrace run buyer_activity item_popularity
      headrace run buyer_activity --dry-run
      headrace run fraud_v1 --processes 2 --metrics-port 9400
    """
    from headrace.cli.output import say
    from headrace.running.job import RunOptions
    from headrace.running.run import plan_run
    from headrace.running.run import run as run_live

    repository = open_repository(context, repo, env)
    if dry_run:
        _dry_run(repository, names, *plan_run(repository, names, start, fresh, processes), as_json=as_json)
        return
    options = RunOptions(processes=processes, checkpoint_s=checkpoint_s, metrics_port=metrics_port)
    ended = threading.Event()
    tellers: list[threading.Thread] = []

    def began(where: Start, worker: Any) -> None:
        replaying.end()
        say(_started(where))
        tellers.append(threading.Thread(target=_tell, args=(worker, ended), daemon=True))
        tellers[0].start()
        signals.worker = worker

    replaying = _Replaying()
    with _Signals() as signals:
        try:
            run_live(
                repository, names, since=start, fresh=fresh, accept_gap=accept_gap, options=options, progress=replaying, began=began,
            )  # fmt: skip
        finally:
            replaying.end()
            ended.set()
            for teller in tellers:
                teller.join(1.0)
    say(f"stopped ({signals.worker.desk.reason}); its state is in checkpoint {signals.worker.last_number}, the same command goes on there")


class _Replaying:
    """The bar of a replay that comes first: appears with the first word of it, and goes before the line of the live run comes."""

    def __init__(self) -> None:
        self._shown = ExitStack()
        self._update: Any = None
        self._ended = False
        self._lock = threading.Lock()

    def __call__(self, done: int, total: int | None) -> None:
        """So many rows were read."""
        from headrace.cli.progress import progress

        with self._lock:
            if self._ended:
                return
            if self._update is None:
                self._update = self._shown.enter_context(progress("replaying the archive"))
            self._update(done, total)

    def end(self) -> None:
        """Nothing is shown any more."""
        with self._lock:
            self._ended = True
            self._shown.close()


class _Signals:
    """While it is entered, SIGINT and SIGTERM ask the run to end with a checkpoint; a second one ends at once."""

    def __init__(self) -> None:
        self.worker: Any = None
        self.asked = False

    def __enter__(self) -> Self:
        self.before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _stop(self, number: int, _frame: object) -> None:
        if self.asked:
            # an exception would come out of the engine as a panic; what counts is in the checkpoint
            shown = SHOW_CURSOR if sys.stderr.isatty() else ""
            sys.stderr.write(f"{shown}\nheadrace: ended at once; the same command goes on at the last checkpoint that counts\n")
            sys.stderr.flush()
            os._exit(SIGNALLED + number)
        if self.worker is None or self.worker.anew:
            raise KeyboardInterrupt
        self.asked = True
        self.worker.desk.stop(signal.Signals(number).name)
        sys.stderr.write("\nheadrace: stopping with a last checkpoint; once more ends at once\n")

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _tell(worker: Any, ended: threading.Event) -> None:
    """One calm line on a terminal; elsewhere a JSON line every ten seconds."""
    from headrace.running.telling import Teller, line

    teller = Teller(worker)
    if not sys.stderr.isatty():
        while not ended.wait(LOG_EVERY_S):
            print(json.dumps(teller.now()), file=sys.stderr, flush=True)
        return
    with _one_line() as show:
        while not ended.wait(LINE_EVERY_S):
            show(line(teller.now()))


@contextmanager
def _one_line() -> Iterator[Any]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield lambda text: live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


def _started(start: Start) -> str:
    from headrace.running.starting import ARCHIVE, CHECKPOINT, INSTANT

    partitions = f"{len(start.places)} partitions"
    if start.how == CHECKPOINT and start.complete is not None:
        told = f"going on from checkpoint {start.complete.number}, {partitions}"
    elif start.how == ARCHIVE:
        told = f"the archive is replayed; over to Kafka, {partitions}"
    elif start.how == INSTANT:
        told = f"reading Kafka from the instant on, {partitions}"
    else:
        told = f"reading Kafka from its beginning, {partitions}"
    if start.unfilled:
        why = "a state made anew would lack what Kafka or the archive no longer has"
        told += f"; {start.unfilled}, and lacks every entity until its next step: {why}"
    return f"{start.unreadable}: the state was made anew; {told}" if start.unreadable else told


def _dry_run(repository: Repository, names: list[str], groups: Any, start: Start, *, as_json: bool) -> None:
    from headrace.cli.output import print_json, print_rows, say
    from headrace.plan import build
    from headrace.plan.sizes import track_size
    from headrace.running.starting import gap_text

    plan = build(groups)
    sizes: dict[str, list[int]] = {}
    for number, track in enumerate(plan.tracks):
        size, total = track_size(plan, number), sizes.setdefault(", ".join(plan.keys[track.key].names), [0, 0])
        total[0], total[1] = total[0] + size.entity_bytes, total[1] + size.event_bytes
    stores = {name: repository.config.store_url(name) for name in repository.config.online.stores}
    rows = [
        [name[0], *map(str, (name[1], place.offset, start.low[name], start.high[name]))] for name, place in sorted(start.places.items())
    ]
    if as_json:
        print_json({
            "groups": [group.name for group in groups], "start": start.how, "unreadable": start.unreadable, "unfilled": start.unfilled,
            "partitions": [dict(zip(("source", "partition", "offset", "low", "high"), row, strict=True)) for row in rows],
            "gaps": [dict(zip(("source", "partition", "first", "behind"), gap, strict=True)) for gap in start.gaps],
            "state": {key: {"entity_bytes": one, "event_bytes": other} for key, (one, other) in sizes.items()}, "stores": stores,
        })  # fmt: skip
        return
    why = start.unreadable or start.unfilled
    say(f"{', '.join(names)} would start from {start.how}" + (f"; {why}" if why else ""))
    print_rows(["source", "partition", "from offset", "first in Kafka", "behind the last"], rows, [False, True, True, True, True])
    for key, (entity, event) in sizes.items():
        print(f"state: about {entity:,} bytes for each {key}, and {event:,} for each event in the longest window")
    print(f"stores: {', '.join(f'{name} ({url})' for name, url in stores.items()) or 'none'}")
    if start.gaps:
        say(gap_text(start.gaps))

"""The command `replay`: the log through the one dataflow, into Parquet files and online stores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from headrace.cli.options import Context, Environment, Folder, From, Json, To, argument, open_repository, option

if TYPE_CHECKING:
    from replay.files import Summary

_QUIET = re.compile(r"rows |coincide$|null (?!key )")
"""Counts that go into the manifest and are not told: what is normal, and what is told elsewhere."""


def replay(
    context: Context,
    names: Annotated[list[str], argument("GROUP|SERVICE", help="What is computed.")],
    rows: Annotated[
        str | None, option("--rows", metavar="events|steps", help="A row for every event (default), or the history of steps.")
    ] = None,
    spine: Annotated[
        str | None, option("--spine", metavar="FILE", help="A row for each row of this table instead: keys and an instant.")
    ] = None,
    time: Annotated[str | None, option("--time", metavar="COLUMN", help="The spine's column of instants.")] = None,
    before: Annotated[bool, option("--before", help="What stood just before the instant, not at it.")] = False,
    start: From = None,
    stop: To = None,
    online: Annotated[bool, option("--online", help="Fill the online stores with the newest values as well.")] = False,
    processes: Annotated[int, option("--processes", metavar="N", help="How many processes share the work (1).", min=1)] = 1,
    out: Annotated[str | None, option("--out", metavar="DIR", help="The folder for the Parquet files.")] = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Compute features of the archived log, through the dataflow that computes them live.

    Ctrl-C stops behind the slice in work; the same command goes on there and writes the same bytes.

    Example:
      headrace replay buyer_activity --out out/activity
      headrace replay will_buy_v1 --spine data/questions.csv --time asked --out out/train
      headrace replay buyer_activity item_popularity --online
    """
    from headrace.cli.output import Interrupted, print_json
    from headrace.cli.progress import progress
    from headrace.errors import InvalidValue
    from replay.files import Stopped, replay_files

    if spine is not None and rows is not None:
        raise InvalidValue("--rows and --spine exclude each other: a spine has a row for each of its own rows")
    if spine is None and (time is not None or before):
        raise InvalidValue(f"{'--time' if time is not None else '--before'} belongs to --spine FILE, which is missing")
    repository = open_repository(context, repo, env)
    targets = repository.resolve(names)
    try:
        with progress(f"replaying {', '.join(names)}") as update:
            summary = replay_files(
                repository,
                targets,
                out,
                rows=rows or "events",
                spine=spine,
                time=time,
                before=before,
                start=start,
                stop=stop,
                online=online,
                processes=processes,
                progress=update,
            )
    except Stopped as stopped:
        raise Interrupted(stopped.text) from None
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the same command goes on") from None
    if as_json:
        print_json({name: getattr(summary, name) for name in ("out", "rows", "read", "seconds", "files", "counts", "complete_before")})
    else:
        _tell(summary, online, [store for store in repository.config.online.stores if online])


def _tell(summary: Summary, online: bool, stores: list[str]) -> None:
    from headrace.cli.output import plural

    if summary.complete_before:
        print(f"{summary.out} holds this replay already: {plural(summary.rows, 'row')} in {plural(len(summary.files), 'file')}")
        return
    speed = f", {summary.read / summary.seconds:,.0f} events/s" if summary.seconds >= 1 else ""
    took = f"{plural(summary.read, 'event')} in {summary.seconds:.1f} s{speed}"
    if summary.out is not None:
        print(f"{plural(summary.rows, 'row')} in {plural(len(summary.files), 'file')} of {summary.out}; {took}")
    if online:
        print(f"the newest values are in {', '.join(stores)}" + ("" if summary.out is not None else f"; {took}"))
    for what, n in summary.counts.items():
        if n and not _QUIET.match(what):
            print(f"  {what}: {n:,}")

"""The commands about the log: `load`, `show`."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from headrace.cli.options import Environment, Folder, From, Json, To, open_repository


def load(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.", show_default=False)],
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Parquet, CSV or JSON lines; texts also .gz, .bz2, .zst, .lz4.", show_default=False)],
    arrival: Annotated[
        Optional[str], typer.Option("--arrival", metavar="COLUMN", help="When an event reached the log; its event time otherwise.", show_default=False)
    ] = None,
    partition: Annotated[int, typer.Option("--partition", help="The partition of the log that the rows go to.", min=0)] = 0,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Bring files into the log of a source. A file that was loaded before is noticed and left out.

    \b
    Example:
      headrace load clicks data/2024-03-*.parquet
      headrace load clicks export.csv.gz --arrival received_at
    """
    from headrace.archive import load as load_files
    from headrace.cli.output import Interrupted, print_json
    from headrace.cli.progress import progress
    from headrace.showing import archive_of

    repository = open_repository(context, repo, env)
    found = repository.sources[source]
    try:
        with progress(f"loading {source}") as update:
            loaded = load_files(
                found,
                files,
                archive_of(repository),
                arrival=arrival,
                partition=partition,
                compression=repository.config.archive.compression,
                progress=lambda _file, rows: update(rows, None),
            )
    except KeyboardInterrupt:
        text = "repeat the same command with the same files: it ends as if it had not been interrupted"
        raise Interrupted(text) from None
    if as_json:
        print_json({name: getattr(loaded, name) for name in ("source", "rows", "dead", "raised", "files", "ignored", "dead_letters")})
        return
    _tell(loaded, len(files) - len(loaded.ignored))


def _tell(loaded: object, fresh: int) -> None:
    from headrace.archive import Loaded
    from headrace.cli.output import plural

    assert isinstance(loaded, Loaded)   # noqa: S101   # what load returns
    for file, reason in loaded.ignored:
        print(f"{file}: left out, {reason}")
    if fresh:
        print(f"{loaded.source}: {plural(loaded.rows, 'row')} of {plural(fresh, 'file')} in the log now")
    if loaded.dead:
        print(f"{plural(loaded.dead, 'row')} could not be taken: each stands with its reason in {loaded.dead_letters}")
    if loaded.raised:
        print(f"{plural(loaded.raised, 'row')} arrived before the log's end and count as arriving with it")


def show(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.", show_default=False)],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many rows.", min=1)] = 20,
    key: Annotated[Optional[list[str]], typer.Option("--key", metavar="K=V", help="Only rows with this value.", show_default=False)] = None,
    start: From = None,
    stop: To = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Rows of a log: the newest, or the first that arrived from an instant on.

    \b
    Example:
      headrace show clicks -n 5
      headrace show clicks --key buyer_id=7 --from 2024-03-02
    """
    from headrace.cli.output import plural, print_json, print_table, say
    from headrace.entities import parse_pairs
    from headrace.showing import bounds_text, log_of
    from headrace.showing import show as rows_of_log

    repository = open_repository(context, repo, env)
    table = rows_of_log(repository, source, n, parse_pairs(key or [], "--key"), start, stop)
    if as_json:
        print_json(table.to_pylist())
        return
    if table.num_rows:
        print_table(table)
        return
    log = log_of(repository, repository.sources[source])
    rows = sum(group.rows for group in log.row_groups())
    if rows:
        say(f"no such row among the {plural(rows, 'row')} of '{source}', {bounds_text(log)}")
    else:
        say(f"the log of '{source}' is empty: headrace load {source} FILE")

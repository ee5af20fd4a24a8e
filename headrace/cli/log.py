"""The commands about the log: `load`, `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.options import Context, Environment, Folder, From, Json, To, argument, instant, open_repository, option

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING_TAKEN = 1


def load(
    context: Context,
    source: Annotated[str, argument("SOURCE", help="The source's name.")],
    files: Annotated[list[str], argument("FILE", help="Parquet, CSV or JSON lines; texts also .gz, .bz2, .zst, .lz4.")],
    arrival: Annotated[
        str | None, option("--arrival", metavar="COLUMN", help="When an event reached the log; its event time otherwise.")
    ] = None,
    partition: Annotated[int, option("--partition", metavar="N", help="The partition of the log that the rows go to (0).", min=0)] = 0,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Bring files into the log of a source. A file that was loaded before is noticed and left out.

    It ends with 1 where no row could be taken: they are dead letters, and most likely the source does not describe the files.

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
                compression=repository.config.archive.compression or "lz4",
                progress=lambda _file, rows: update(rows, None),
            )
    except KeyboardInterrupt:
        text = "interrupted; repeat the same command with the same files: it ends as if it had not been interrupted"
        raise Interrupted(text) from None
    if as_json:
        print_json({name: getattr(loaded, name) for name in ("source", "rows", "dead", "raised", "files", "ignored", "dead_letters")})
    else:
        _tell(loaded, len(files) - len(loaded.ignored))
    if loaded.dead and not loaded.rows:
        raise typer.Exit(NOTHING_TAKEN)


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
    context: Context,
    source: Annotated[str, argument("SOURCE", help="The source's name.")],
    n: Annotated[int, option("-n", metavar="N", help="How many rows (20).", min=1)] = 20,
    key: Annotated[list[str] | None, option("--key", metavar="K=V", help="Only rows with this value; may be repeated.")] = None,
    start: From = None,
    stop: To = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Rows of a log: the newest, or the first that arrived from an instant on.

    Example:
      headrace show clicks -n 5
      headrace show clicks --key buyer_id=7 --from 2024-03-02
    """
    from headrace.cli.output import plural, print_json, print_table, say
    from headrace.entities import parse_pairs
    from headrace.showing import bounds_text, log_of
    from headrace.showing import show as rows_of_log

    repository = open_repository(context, repo, env)
    table = rows_of_log(repository, source, n, parse_pairs(key or [], "--key"), instant(start, "--from"), instant(stop, "--to"))
    if as_json:
        print_json(table.to_pylist())
        return
    if table.num_rows:
        print_table(_compact(table, repository.sources[source].time))
        return
    log = log_of(repository, repository.sources[source])
    rows = sum(group.rows for group in log.row_groups())
    if rows:
        say(f"no such row among the {plural(rows, 'row')} of '{source}', {bounds_text(log)}")
    else:
        say(f"the log of '{source}' is empty: headrace load {source} FILE")


def _compact(table: pa.Table, time: str) -> pa.Table:
    """The rows as people read them: the place in one column, the arrival only where it is not the event time."""
    import pyarrow as pa

    from headrace.archive import ARRIVAL, OFFSET, PARTITION

    places = zip(table.column(PARTITION).to_pylist(), table.column(OFFSET).to_pylist(), strict=True)
    shown = table.drop_columns([PARTITION, OFFSET, ARRIVAL])
    if not table.column(ARRIVAL).equals(table.column(time)):
        shown = shown.append_column("_arrival", table.column(ARRIVAL))
    return shown.append_column("_place", pa.array([f"{partition}/{offset}" for partition, offset in places]))

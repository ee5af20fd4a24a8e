"""The command `verify`: the online store against a replay of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.options import Context, Environment, Folder, Json, argument, open_repository, option

if TYPE_CHECKING:
    from headrace.verifying import Verified

NOT_PROVED = 1


def verify(
    context: Context,
    group: Annotated[str, argument("GROUP", help="The group's name.")],
    n: Annotated[int, option("-n", metavar="N", help="How many entities of each, taken at random (100).", min=1)] = 100,
    seed: Annotated[int | None, option("--seed", metavar="S", help="The same entities once more; others each time otherwise.")] = None,
    store: Annotated[str | None, option("--store", metavar="NAME", help="Which online store; the first otherwise.")] = None,
    limit: Annotated[int, option("--limit", metavar="N", help="How many differences are shown (20).", min=1)] = 20,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Compare the online store with a replay of the log, cell by cell, at the same place in the log.

    Entities of the log are looked up in the store as well: it is behind with one whose newest event, as the log had it at the run's
    newest checkpoint, it has not seen. It ends with 0 where all cells are equal and it is behind with none, with 1 otherwise. Entities
    whose newest events are not archived yet are not counted: where that is all of them nothing was proved, and it ends with 1 as well.
    What was removed from the archive by its age no replay knows: the events of such an entity are fewer there, and windows that reach back
    so far differ.

    Example:
      headrace verify buyer_activity
      headrace verify buyer_activity -n 1000 --seed 7 --json
    """
    from headrace.cli.output import print_json
    from headrace.cli.progress import watching
    from headrace.verifying import verify as verify_group

    repository = open_repository(context, repo, env)
    with watching(f"replaying {group}") as watch:
        found = verify_group(repository, group, n, seed, store, watch)
    if as_json:
        print_json(_as_dict(found, limit))
    else:
        _tell(found, limit)
    if found.equal < found.cells or found.behind or not found.cells:
        raise typer.Exit(NOT_PROVED)


def _as_dict(found: Verified, limit: int) -> dict[str, object]:
    told: dict[str, object] = {name: getattr(found, name) for name in found.__dataclass_fields__ if name not in {"differences", "behind"}}
    told["share"] = found.share
    for what, rows in (("differences", found.differences), ("behind", found.behind)):
        told[what] = [{name: getattr(each, name) for name in each.__dataclass_fields__} for each in rows[:limit]]
    return told


def _tell(found: Verified, limit: int) -> None:
    from headrace.cli.output import plural, say
    from headrace.entities import format_entity
    from headrace.texts import shown
    from headrace.times import format_time

    if found.cells:
        of = f"{plural(found.equal, 'cell')} of {found.cells:,} equal"
        print(f"{found.group}: {percent(found.equal, found.cells)} %, {of}, in {found.entities:,} of {found.stored:,} entities")
    else:
        print(f"{found.group}: nothing was compared")
    if found.close:
        print(f"{plural(found.close, 'cell')} of these not to the last bit, but within 1e-9")
    if found.not_archived:
        print(f"{plural(found.not_archived, 'entity', 'entities')} more not archived yet, and not counted")
    if found.checkpoint is not None:
        of = plural(found.sampled, "entity", "entities")
        print(f"behind the log at checkpoint {found.checkpoint}: {len(found.behind):,} of {of}")
    if found.behind:
        late = [
            [format_entity(each.entity), *(place(us, n) for us, n in ((each.online_us, each.online_n), (each.log_us, each.log_n)))]
            for each in found.behind
        ]
        _print_some(["entity", "online: arrival, n", "log: arrival, n"], late, limit)
        told = "the store has lost steps, or never had them: its run, stopped and started with --fresh, fills it"
        say(told if found.begins_us is None else f"{told} as far as the archive goes back, to {format_time(found.begins_us)}")
    if found.not_looked_up is not None:
        say(f"entities of the log were not looked up in the store: {found.not_looked_up}")
    if found.differences:
        rows = [
            [format_entity(d.entity), d.feature, shown(d.online), shown(d.replay), place(d.arrival_us, d.n)]
            for d in found.differences
        ]
        _print_some(["entity", "cell", "online", "replay", "arrival, n"], rows, limit)
        if found.begins_us is not None:
            say(f"the archive begins at {format_time(found.begins_us)}: what happened before is in the store, and not in the replay")
    if found.differences or found.behind:
        say(f"--seed {found.seed} compares the same entities once more")


def place(arrival_us: int | None, n: int | None) -> str:
    """A place in the log, as the tables show it.

    >>> place(0, 3), place(None, None)
    ('1970-01-01T00:00:00Z, 3', 'no step')
    """
    from headrace.times import format_time

    return "no step" if arrival_us is None else f"{format_time(arrival_us)}, {n}"


def _print_some(head: list[str], rows: list[list[str]], limit: int) -> None:
    from headrace.cli.output import print_rows

    print_rows(head, rows[:limit])
    if len(rows) > limit:
        print(f"and {len(rows) - limit:,} more")


def percent(equal: int, cells: int) -> str:
    """The share in percent; 100 where all are equal and nowhere else.

    >>> percent(3, 3), percent(2, 3), percent(999_999, 1_000_000)
    ('100', '66.6', '99.9')
    """
    if equal == cells:
        return "100"
    return f"{equal * 1000 // cells / 10:.1f}"

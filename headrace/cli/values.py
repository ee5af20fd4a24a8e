"""The commands about values: `preview`, `trace`, `explain`, `get`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.options import Context, Environment, Folder, From, Json, To, argument, instant, open_repository, option

if TYPE_CHECKING:
    from headrace.getting import Values

FAILURE = 1
_EVENTS = 10
Group = Annotated[str, argument("GROUP", help="The group's name.")]
At = Annotated[str | None, option("--at", metavar="T", help="The asker's instant: ISO, -1d, yesterday.")]
Request = Annotated[
    list[str] | None, option("--request", metavar="NAME=VALUE", help="What the asker brings for a request column; may be repeated.")
]


def preview(
    context: Context,
    group: Group,
    n: Annotated[int, option("-n", metavar="N", help="How many rows (20).", min=1)] = 20,
    key: Annotated[list[str] | None, option("--key", metavar="K=V", help="Only rows of this entity; may be repeated.")] = None,
    start: From = None,
    stop: To = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Features of the newest events, a row for every event. Writes nothing.

    Example:
      headrace preview buyer_activity -n 5
      headrace preview buyer_activity --key buyer_id=7 --from 2024-03-02
    """
    from headrace.cli.output import print_json, print_table, say
    from headrace.cli.progress import watching
    from headrace.entities import parse_pairs
    from headrace.previewing import preview as preview_group
    from headrace.showing import bounds_text, log_of

    repository = open_repository(context, repo, env)
    with watching(f"replaying {group}") as watch:
        bounds = instant(start, "--from"), instant(stop, "--to")
        found = preview_group(repository, group, n, parse_pairs(key or [], "--key"), *bounds, watch)
    if as_json:
        print_json(found.table.to_pylist())
        return
    if found.table.num_rows:
        print_table(found.table)
        if start is not None and found.found > n:
            say(f"the newest {n} of {found.found:,} rows; -n shows more")
        return
    logs = [f"'{source.name}', {bounds_text(log_of(repository, source))}" for source in repository.groups[group].sources]
    say(f"no such row in the log of {' and of '.join(logs)}")


def trace(
    context: Context,
    group: Group,
    entity: Annotated[str, argument("K=V", help="The entity: 7, buyer_id=7, user_id=7,category=shoes.")],
    at: At = None,
    before: Annotated[bool, option("--before", help="What stood just before the instant, not at it.")] = False,
    feature: Annotated[str | None, option("--feature", metavar="F", help="One feature, or a template's name.")] = None,
    n: Annotated[
        int | None, option("-n", metavar="N", help="How many events of a kind, besides those at a window's edge (10; all in JSON).", min=0)
    ] = None,
    request: Request = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Why the values of an entity are what they are: each window's bounds, the events in it, what left, the value.

    It is computed from the log once more, and compared with what the flow says.

    Example:
      headrace trace buyer_activity buyer_id=7
      headrace trace buyer_activity 7 --at 2024-03-02T12:00 --feature views_1h
    """
    from headrace.cli.output import print_json, say
    from headrace.cli.progress import watching
    from headrace.cli.tracing import print_trace
    from headrace.entities import parse_pairs
    from headrace.tracing import trace as trace_entity

    repository = open_repository(context, repo, env)
    with watching(f"asking {group}") as watch:
        brought = parse_pairs(request or [], "--request")
        found = trace_entity(repository, group, entity, instant(at, "--at"), feature, before, brought, watch)
    if as_json:
        print_json(found.as_dict(n))
    else:
        print_trace(found, _EVENTS if n is None else n)
    if found.differs:
        names = ", ".join(each.name for each in found.differs)
        say(f"the flow says something else for {names}: this is a mistake of headrace; please report it with what --json prints")
        raise typer.Exit(FAILURE)


def explain(
    context: Context,
    groups: Annotated[list[str], argument("GROUP|SERVICE", help="Groups or services, planned together.")],
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """The plan: what is kept of each source, who shares it, windows, bytes an entity, and from which columns a feature comes.

    Example:
      headrace explain buyer_activity item_popularity
    """
    from headrace.cli.output import print_json
    from headrace.plan import build, describe
    from headrace.plan import explain as explain_plan
    from headrace.services import FeatureService

    repository = open_repository(context, repo, env)
    named = repository.resolve(groups)
    # a service stands for its groups; one that is named twice is planned once
    found = {each.name: each for one in named for each in (one.groups if isinstance(one, FeatureService) else [one])}
    plan = build(list(found.values()))
    if as_json:
        print_json(describe(plan))
    else:
        print(explain_plan(plan))


def get(
    context: Context,
    group: Group,
    keys: Annotated[list[str], argument("KEY", help="Entities: 7 12, or user_id=7,category=shoes.")],
    at: At = None,
    request: Request = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """The values of entities, from the online store; with --at as they stood at an instant, from the log.

    Example:
      headrace get buyer_activity 7 12
      headrace get buyer_activity 7 --at 2024-03-02T12:00
    """
    from headrace.cli.output import print_json
    from headrace.cli.progress import watching
    from headrace.entities import parse_pairs
    from headrace.getting import get as get_values

    repository = open_repository(context, repo, env)
    with watching(f"asking {group}") as watch:
        found = get_values(repository, group, keys, instant(at, "--at"), parse_pairs(request or [], "--request"), watch)
    if as_json:
        print_json([_as_dict(each) for each in found])
    else:
        _print_values(found, at is not None)


def _print_values(found: list[Values], from_log: bool) -> None:
    """A column for each entity, below it the features."""
    from headrace.cli.output import print_rows
    from headrace.entities import format_entity
    from headrace.texts import shown
    from headrace.times import format_time

    heads = ["", *(format_entity(each.entity) for each in found)]
    rows = [[name, *(shown(each.values[name]) for each in found)] for name in found[0].values]
    rows.append([""] * len(heads))
    rows.append(["status", *("known" if each.known else "unknown" for each in found)])
    if from_log:
        rows.append(["asked", *(format_time(each.asked_us) for each in found)])
    else:
        rows.append(["step", *("" if each.step_us is None else format_time(each.step_us) for each in found)])
        rows.append(["age", *("" if each.age_us is None else age_text(each.age_us) for each in found)])
        rows.append(["events", *("" if each.events is None else f"{each.events:,}" for each in found)])
    print_rows(heads, rows, [False, *[True] * len(found)])


def age_text(us: int) -> str:
    """An age in its two largest units: `3d4h`, `5m12s`.

    >>> age_text(90_061_000_000), age_text(1_234_567)
    ('1d1h', '1s234ms')
    """
    import re

    from headrace.durations import format_duration

    return "".join(re.findall(r"\d+[a-z]+", format_duration(us))[:2])


def _as_dict(values: Values) -> dict[str, Any]:
    from headrace.times import format_time

    def instant(us: int | None) -> str | None:
        return None if us is None else format_time(us)

    return {
        "entity": values.entity,
        "known": values.known,
        "values": values.values,
        "asked": instant(values.asked_us),
        "step": instant(values.step_us),
        "arrival": instant(values.arrival_us),
        "age_s": None if values.age_us is None else values.age_us / 1_000_000,
        "events": values.events,
    }

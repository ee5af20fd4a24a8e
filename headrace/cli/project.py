"""The commands about definitions: `init`, `check`, `list`, `source`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.options import Context, Environment, Folder, Json, argument, open_repository, option

USER_MISTAKE = 2


def init(
    folder: Annotated[Path, argument("DIR", help="The folder; it is made where it is not there.")],
    name: Annotated[str | None, option("--name", help="The project's name; that of the folder otherwise.")] = None,
) -> None:
    """Make a feature repository that runs: definitions, settings, sample events, a unit test.

    Example:
      headrace init shop && cd shop && headrace load clicks data/clicks.csv && headrace preview buyer_activity
    """
    from headrace.initial import init as make

    for path in make(folder, name):
        print(f"  {path}")
    where = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    print(f"\na feature repository with three days of clicks; try:\n  {where}headrace load clicks data/clicks.csv")
    print("  headrace preview buyer_activity\n  headrace trace buyer_activity 7\nREADME.md has the rest")


def check(context: Context, repo: Folder = None, env: Environment = None, as_json: Json = False) -> None:
    """Read every definition, type it and plan it; for editors and CI. No event is read.

    Example:
      headrace check
      headrace check --json
    """
    from headrace.checking import check as check_repository
    from headrace.cli.output import plural, print_json, say

    given = context.obj or {}
    found = check_repository(repo or given.get("folder") or ".", env or given.get("env"))
    if as_json:
        print_json(found.as_dict())
    else:
        for problem in found.problems:
            file = problem.file
            say(problem.text if file is None or problem.text.startswith(file) else f"{file}: {problem.text}")
    if not found.ok:
        raise typer.Exit(USER_MISTAKE)
    if not as_json:
        counts = found.counts
        if not counts["groups"] and not counts["sources"]:
            print(f"{found.repository.path} defines nothing yet: -C DIR names another folder, headrace init DIR makes one to begin with")   # type: ignore[union-attr]
        else:
            print(f"all right: {', '.join(plural(n, kind[:-1]) for kind, n in counts.items())}")


def list_(
    context: Context,
    kind: Annotated[
        str | None, argument("KIND", help="sources, groups, features or services; all otherwise, but features with --json alone.")
    ] = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """What the repository defines.

    Example:
      headrace list
      headrace list features
    """
    from headrace.cli.output import print_json, print_rows, styled
    from headrace.errors import unknown
    from headrace.listing import KINDS, inventory

    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, "headrace list", KINDS)
    found = inventory(open_repository(context, repo, env))
    chosen = [kind] if kind else [each for each in KINDS if each != "features"]
    if as_json:
        print_json({each: found[each] for each in ([kind] if kind else KINDS)})
        return
    for at, each in enumerate(chosen):
        if len(chosen) > 1:
            print(("\n" if at else "") + styled(each, "1;4"))
        rows = [_SHOWN[each](entry) for entry in found[each]]
        if rows:
            names = list(dict.fromkeys(name for row in rows for name in row))
            print_rows(names, [[row.get(name, "") for name in names] for row in rows], limit=1 << 16, fit="cut")
        else:
            print(f"no {each} in this repository")


def source(
    file: Annotated[str, argument("FILE", help="Parquet, CSV or JSON lines.")],
    name: Annotated[str | None, option("--name", help="The source's name; that of the file otherwise.")] = None,
) -> None:
    """Print the hr.Source(…) of a file: its columns with their types, the event time, what could be Keys.

    Example:
      headrace source data/clicks.csv >> features.py
    """
    from headrace.infer import infer_source

    print(infer_source(file, name), end="")


def _with_description(row: dict[str, str], entry: dict[str, Any]) -> dict[str, str]:
    return row | ({"description": entry["description"]} if entry["description"] else {})


def _source(entry: dict[str, Any]) -> dict[str, str]:
    row = {"name": entry["name"], "columns": str(len(entry["columns"])), "time": entry["time"], "read by": ", ".join(entry["groups"])}
    return _with_description(row | {"file": entry["file"]}, entry)


def _group(entry: dict[str, Any]) -> dict[str, str]:
    row = {"name": entry["name"], "key": ", ".join(entry["key"]), "features": str(len(entry["features"]))}
    return _with_description(row | {"sources": ", ".join(entry["sources"]), "file": entry["file"]}, entry)


def _feature(entry: dict[str, Any]) -> dict[str, str]:
    return {name: str(entry[name]) for name in ("name", "group", "type", "expression")}


def _service(entry: dict[str, Any]) -> dict[str, str]:
    row = {"name": entry["name"], "keys": ", ".join(entry["keys"]), "features": str(len(entry["features"]))}
    return _with_description(row | {"groups": ", ".join(entry["groups"]), "file": entry["file"]}, entry)


_SHOWN = {"sources": _source, "groups": _group, "features": _feature, "services": _service}

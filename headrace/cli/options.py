"""What several commands take: the repository, its environment, `--json`.

`-C` and `--env` may stand before the command or behind it. It promises a loaded repository, or the error that loading it raised.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from headrace.repository import Repository

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Context = typer.Context


def option(*names: str, **more: Any) -> Any:
    """An option of a command; its default is told in its help where it needs telling."""
    return typer.Option(*names, show_default=False, **more)


def argument(metavar: str, **more: Any) -> Any:
    """An argument of a command."""
    return typer.Argument(metavar=metavar, show_default=False, **more)


Folder = Annotated[
    Path | None, option("-C", "--repo", metavar="DIR", help="The feature repository; the current folder otherwise.")
]
Environment = Annotated[
    str | None, option("--env", metavar="NAME", help="The environment of headrace.toml; HEADRACE_ENV otherwise.")
]
JSON_HELP = "Print JSON, for programs."
Json = Annotated[bool, option("--json", help=JSON_HELP)]
From = Annotated[str | None, option("--from", metavar="T", help="ISO, -1d (before now), yesterday.")]
To = Annotated[str | None, option("--to", metavar="T", help="Up to this instant, which is not included.")]


def open_repository(context: Context, folder: Path | None, env: str | None) -> Repository:
    """The repository that a command was given, before or behind its name; raises where it defines nothing."""
    from headrace.errors import RepositoryError
    from headrace.repository import Repository

    given = context.obj or {}
    found = Repository(folder or given.get("folder") or ".", env or given.get("env"))
    if not found.sources and not found.groups:
        text = f"{found.path} defines nothing: -C DIR names another folder, headrace init DIR makes one to begin with"
        raise RepositoryError(text, path=str(found.path))
    return found


def instant(text: str | None, option_name: str) -> datetime | None:
    """The instant that an option was given; the error names the option."""
    from headrace.times import parse_time

    return None if text is None else _EPOCH + timedelta(microseconds=parse_time(text, option_name))

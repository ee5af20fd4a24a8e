"""What several commands take: the repository, its environment, `--json`.

`-C` and `--env` may stand before the command or behind it. It promises a loaded repository, or the error that loading it raised.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from headrace.repository import Repository

Folder = Annotated[
    Optional[Path], typer.Option("-C", "--repo", metavar="DIR", help="The feature repository; the current folder otherwise.", show_default=False)
]
Environment = Annotated[
    Optional[str], typer.Option("--env", metavar="NAME", help="The environment of headrace.toml; HEADRACE_ENV otherwise.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", show_default=False)]
From = Annotated[Optional[str], typer.Option("--from", metavar="T", help="ISO, -1d (before now), yesterday.", show_default=False)]
To = Annotated[Optional[str], typer.Option("--to", metavar="T", help="Up to this instant, which is not included.", show_default=False)]


def open_repository(context: typer.Context, folder: Path | None, env: str | None) -> Repository:
    """The repository that a command was given, before or behind its name."""
    from headrace.repository import Repository

    given = context.obj or {}
    return Repository(folder or given.get("folder") or ".", env or given.get("env"))

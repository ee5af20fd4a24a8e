"""The entry point of `headrace`: which commands there are, what their errors look like, how they end.

It promises exit code 0, 2 for a mistake of the user, 1 for a failure and 130 for Ctrl-C, and never a traceback unless HEADRACE_TRACEBACK is
set. It imports nothing heavy: what a command needs is loaded when it runs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from headrace.cli import log, project, replaying, values
from headrace.cli.options import Environment, Folder

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_MISTAKE, FAILURE, INTERRUPTED, CLOSED_PIPE = 2, 1, 130, 141

app = typer.Typer(
    name="headrace",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"headrace {version('headrace')}")
        raise typer.Exit


@app.callback()
def _first(
    context: typer.Context,
    repo: Folder = None,
    env: Environment = None,
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.", show_default=False),
) -> None:
    """Features written once, computed by one dataflow for training data and for the live stream.

    headrace init DIR makes a repository to begin with; headrace COMMAND --help has an example.
    """
    context.obj = {"folder": repo, "env": env}


for command in (
    project.init, project.check, project.list_, project.source, log.load, log.show, values.preview, values.trace, values.explain,
    replaying.replay, values.get,
):  # fmt: skip
    app.command(command.__name__.rstrip("_"))(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    from headrace.cli.guard import check_names
    from headrace.cli.output import Interrupted
    from headrace.errors import HeadraceError

    show_traceback = bool(os.environ.get("HEADRACE_TRACEBACK"))
    try:
        check_names()
        ended = typer.main.get_command(app).main(arguments, prog_name="headrace", standalone_mode=False)
        return ended if isinstance(ended, int) else 0
    except (KeyboardInterrupt, Interrupted, typer.Abort) as stop:
        said = str(stop) if isinstance(stop, Interrupted) else "nothing was written; the same command starts again"
        _say(f"interrupted: {said}")
        return INTERRUPTED
    except _UsageError as error:
        _say(_usage(error))
        return USER_MISTAKE
    except HeadraceError as error:
        return _failed(error, show_traceback)
    except BrokenPipeError:
        # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    # the last place where anything can be told calmly: a mistake of ours, or one that the engine has wrapped
    except Exception as error:
        ours = _cause(error)
        if ours is not None:
            return _failed(ours, show_traceback)
        if show_traceback:
            raise
        _say(f"failed: {type(error).__name__}: {error}; HEADRACE_TRACEBACK=1 shows where")
        return FAILURE


# the common root of what a wrong command line raises, whichever library typer parses with
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _failed(error: Exception, show_traceback: bool) -> int:
    from headrace.errors import UserError

    if show_traceback:
        import traceback

        traceback.print_exception(error)
    _say(str(error))
    return USER_MISTAKE if isinstance(error, UserError) else FAILURE


def _usage(error: Exception) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    where = f"; see {context.command_path} --help" if context is not None else ""
    return f"{text[:1].lower()}{text[1:].rstrip('.')}{where}"


def _cause(error: BaseException | None) -> Exception | None:
    """The error of ours that another was raised from."""
    from headrace.errors import HeadraceError

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, HeadraceError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _say(text: str) -> None:
    from headrace.cli.output import say

    say(text)

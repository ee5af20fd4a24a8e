"""Which commands there are. It imports nothing heavy: what a command needs is loaded when it runs."""

import inspect
from collections.abc import Callable

import typer

from headrace.cli import archive, dead, log, project, replaying, running, values, verifying
from headrace.cli.options import Environment, Folder

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

        print(f"headrace {version('headrace')}")
        raise typer.Exit


@app.callback()
def first(
    context: typer.Context,
    repo: Folder = None,
    env: Environment = None,
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.", show_default=False),
) -> None:
    """Features written once, computed by one dataflow for training data and for the live stream.

    headrace init DIR makes a repository to begin with; headrace COMMAND --help has an example.
    """
    context.obj = {"folder": repo, "env": env}


Command = Callable[..., None]


def _register(group: typer.Typer, command: Command, told: str) -> None:
    """Add a command under the name of its function."""
    # the example keeps its lines: everything else is folded to the terminal
    whole = inspect.getdoc(command) or ""
    group.command(command.__name__.rstrip("_"), short_help=told, help=whole.replace("Example:", "\b\nExample:"))(command)


for command, told in (
    (project.init, "Make a feature repository that runs."),
    (project.check, "Read every definition, type it and plan it."),
    (project.list_, "What the repository defines."),
    (project.source, "Print the hr.Source(…) of a file."),
    (log.load, "Bring files into the log of a source."),
    (log.show, "Rows of a log."),
    (values.preview, "Features of the newest events."),
    (values.trace, "Why the values of an entity are what they are."),
    (values.explain, "The plan: what is kept, and for whom."),
    (replaying.replay, "Compute features of the log, into files and stores."),
    (running.run, "Compute features on the live stream."),
    (archive.archive, "Bring a topic into the log of its source."),
    (values.get, "The values of entities, now or at an instant."),
    (verifying.verify, "Compare the online store with a replay of the log."),
):
    _register(app, command, told)

letters = typer.Typer(rich_markup_mode=None)
for letter_command, told in dead.COMMANDS:
    _register(letters, letter_command, told)
app.add_typer(letters, name="dead-letters", help="What could not be used, and why: list, show, retry.")


def invoke(arguments: list[str]) -> int:
    """Runs a command and gives its exit code; raises what it raises, `UsageError` for a command line that is wrong."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("headrace", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return int(end.exit_code)
    return 0


# the common root of what a wrong command line raises, whichever library typer parses with
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

"""The page of commands: what `headrace COMMAND --help` says, and what all commands have in common."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import typer

from headrace.cli import options
from headrace.cli.app import CLOSED_PIPE, FAILURE, INTERRUPTED, USER_MISTAKE
from headrace.cli.commands import app
from headrace.durations import FORMS as DURATIONS
from headrace.times import FORMS as TIMES

from .json_output import told as json_told
from .parts import MADE, table

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYWHERE = {"repo", "env", "help"}
"""Parameters that are told once for all commands."""

INSTANTS = TIMES.replace(" or a datetime", "").replace(", 'yesterday'", " or 'yesterday'").replace("'", "`")
LENGTHS = DURATIONS.replace(", or a timedelta", "").replace(", ISO", " or ISO").replace("'", "`")
STOPPED = "also `run` and `archive` that were told to stop by Ctrl-C or SIGTERM, and `run` that one of a changed definition has replaced"
FAILED = "a file, a store, Kafka; a gap in the log; `load` that could take no row; `verify` and `trace` that found a difference"

TEXT = f"""\
# Commands

`headrace --help` lists them, `headrace COMMAND --help` says what stands here. Every command is a thin layer on a public function of
Python.

## What they have in common

- **The repository** is the folder with [`headrace.toml`](settings.md) and the definitions: the current one, or that of `-C DIR` (`--repo
  DIR`). `--env NAME` takes the tables of `[env.NAME]`, as HEADRACE_ENV does. Both stand before the command or behind it.
- **Results go to stdout**, everything else (progress, warnings, errors, [log lines](log-lines.md)) to stderr. Progress and colours are
  shown on a terminal alone.
- **`--json`** prints one JSON document in place of tables and sentences, and all digits of a number.
- **An instant** (`T`) is {INSTANTS}, without a zone in UTC. `--from` is included, `--to` is not.
- **A length of time** is {LENGTHS}.
- **An entity** is its key, `7`, or `buyer_id=7`; of a key of several columns `user_id=7,category=shoes`.

## Exit codes

{table(["code", "when"], [
    ["0", f"it did what was asked; {STOPPED}"],
    [str(FAILURE), f"a failure: {FAILED}"],
    [str(USER_MISTAKE), "a mistake in the command line, a setting, a definition or a file that was given; `check` that found one"],
    [str(INTERRUPTED), "Ctrl-C, but for `run` and `archive`; there too before the work has begun, and in `run` when it comes twice"],
    [str(CLOSED_PIPE), "whoever read the output closed it, as `head` does"],
])}

An error is one sentence on stderr, behind `headrace:`. `HEADRACE_TRACEBACK=1` adds where in the code it was raised.
"""


def page() -> str:
    """The page of commands."""
    root: Any = typer.main.get_command(app)
    parts = [MADE.format("headrace/cli"), TEXT]
    parts += [section(name, command) for name, command in walked("headrace", root)]
    return "\n".join(parts)


def walked(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    for child, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from walked(f"{name} {child}", command)
        else:
            yield f"{name} {child}", command


def section(name: str, command: Any) -> str:
    """One command."""
    told, _, example = inspect.cleandoc(command.help).partition("\b\nExample:\n")
    own = [each for each in command.params if each.name not in EVERYWHERE and not is_json(each)]
    usage = " ".join([name, *(shown(each) for each in own if each.param_type_name == "argument")])
    rows = [[f"`{called(each)}`", standard(each), without_default(each)] for each in own]
    also = [f"`{names}`" for names, there in (("-C DIR", has(command, "repo")), ("--env NAME", has(command, "env"))) if there]
    also += ["`--json`" for each in command.params if is_json(each)]
    parts = [f"## {name}", f"`{usage}`", told.strip()]
    if rows:
        parts.append(table(["", "default", ""], rows))
    sentences = [f"Also {', '.join(also)}." if also else "It takes neither `-C` nor `--env`.", json_told(name.removeprefix("headrace "))]
    parts.append(" ".join(filter(None, sentences)))
    commands = "\n".join(line.strip() for line in example.splitlines() if line.strip())
    return "\n\n".join([*parts, f"```sh\n{commands}\n```\n"])


def is_json(parameter: Any) -> bool:
    """Whether it is the `--json` that means the same everywhere."""
    return bool(parameter.name == "as_json" and parameter.help == options.JSON_HELP)


def has(command: Any, name: str) -> bool:
    """Whether a command takes a parameter."""
    return any(each.name == name for each in command.params)


def shown(argument: Any) -> str:
    """An argument in the usage."""
    name = argument.metavar or argument.name.upper()
    name = f"{name}…" if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def called(parameter: Any) -> str:
    """A parameter as one writes it."""
    if parameter.param_type_name == "argument":
        return shown(parameter)
    names = ", ".join(parameter.opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or 'TEXT'}"


def standard(parameter: Any) -> str:
    """What holds where a parameter is not given."""
    if parameter.required:
        return "must be given"
    value = parameter.default
    return f"{value:g}" if isinstance(value, float) else str(value) if type(value) is int else ""


def without_default(parameter: Any) -> str:
    """The help of a parameter, without the number at its end, which must be the default."""
    text = parameter.help or ""
    found = re.search(r" \((\d+)\)\.$", text)
    if (found[1] if found else "") != standard(parameter).removeprefix("must be given"):
        raise SystemExit(f"the help of {parameter.opts[0]} says {text!r}, and the default is {parameter.default!r}")
    return text[: found.start()] + "." if found else text

"""The entry point of `headrace`: what errors look like, how a command ends.

It promises exit code 0, 2 for a mistake of the user, 1 for a failure and 130 for Ctrl-C, our warnings as sentences on stderr, and never a
traceback unless HEADRACE_TRACEBACK is set. Which commands there are is left to `headrace.cli.commands`, which is imported inside, so that
an interrupt is told calmly then too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USER_MISTAKE, FAILURE, INTERRUPTED, CLOSED_PIPE = 2, 1, 130, 141


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    # the command has said how it ended: a Ctrl-C while the interpreter takes itself down changes nothing
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    try:
        from headrace.cli.output import Interrupted, say
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except Interrupted as stop:
        say(str(stop))
        return INTERRUPTED
    except KeyboardInterrupt:
        say("interrupted; nothing was written, the same command starts again")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has seen enough; what is left in the buffer must not fail again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return code


def _run(arguments: list[str]) -> int:
    from headrace.cli.output import Interrupted, say
    from headrace.errors import HeadraceError, own
    from headrace.guard import check_names

    try:
        check_names()
        from headrace.cli.commands import UsageError, invoke
    except HeadraceError as error:
        return _failed(error)
    try:
        with _calm_warnings():
            return invoke(arguments)
    except UsageError as error:
        say(_usage(error))
        return USER_MISTAKE
    except HeadraceError as error:
        return _failed(error)
    except (BrokenPipeError, Interrupted):
        raise
    # the last place where anything can be told calmly: a mistake of ours, or an error of ours that the engine has wrapped
    except Exception as error:  # noqa: BLE001
        return _failed(own(error) or error)


@contextlib.contextmanager
def _calm_warnings() -> Iterator[None]:
    """While it is entered, a warning of ours is a sentence, without the line of code that it came from."""
    from headrace.cli.output import say
    from headrace.errors import HeadraceWarning

    with warnings.catch_warnings():
        plain = warnings.showwarning

        def show(
            message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
        ) -> None:
            if issubclass(category, HeadraceWarning):
                say(str(message))
            else:
                plain(message, category, filename, lineno, file, line)

        warnings.simplefilter("always", HeadraceWarning)
        warnings.showwarning = show
        yield


def _failed(error: Exception) -> int:
    from headrace.cli.output import say
    from headrace.errors import HeadraceError, UserError

    if os.environ.get("HEADRACE_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, HeadraceError):
        say(str(error))
    else:
        say(f"failed: {type(error).__name__}: {error}; HEADRACE_TRACEBACK=1 shows where")
    return USER_MISTAKE if isinstance(error, UserError) else FAILURE


def _usage(error: Exception) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    if not text:
        return "a command is missing; see headrace --help"
    context = getattr(error, "ctx", None)
    where = f"; see {context.command_path} --help" if context is not None else ""
    return f"{text[:1].lower()}{text[1:].rstrip('.')}{where}"

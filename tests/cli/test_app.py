"""The command line as a whole: help, exit codes, interrupts, names that are taken."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headrace.cli.app import run
from headrace.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

COMMANDS = ["init", "check", "list", "source", "load", "show", "preview", "trace", "explain", "replay", "run", "archive", "get", "verify"]
LETTERS = ["dead-letters list", "dead-letters show", "dead-letters retry"]
MAIN = "from headrace.cli.app import main; main()"
ROOT = Path(__file__).parents[2]


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", MAIN, *arguments],   # the current folder is no place to import from, as for the script
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "100"} | environment,
    )


def test_help_names_every_command(headrace: Callable[..., Ran]) -> None:
    done = headrace("--help")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.partition("Commands:\n")[2].splitlines()] == [*COMMANDS, "dead-letters"]


@pytest.mark.parametrize("command", [*COMMANDS, *LETTERS])
def test_every_command_has_an_example(headrace: Callable[..., Ran], command: str) -> None:
    done = headrace(*command.split(), "--help")
    assert (done.code, done.err) == (0, "")
    lines = done.out.partition("  Example:\n")[2].splitlines()
    assert lines[0].startswith(f"    headrace {command} ") or lines[0] == f"    headrace {command}"


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["shw"], "no such command 'shw'. Did you mean 'show'?; see headrace --help"),
        (["show"], "missing argument 'SOURCE'; see headrace show --help"),
        (["show", "clicks", "--nn", "3"], "no such option: --nn"),
        (["show", "clicks", "-n", "some"], "invalid value for '-n': "),
        (["replay", "--processes", "0"], "invalid value for '--processes': "),
        (["run", "--metrics-port", "70000"], "invalid value for '--metrics-port': "),
    ],
)
def test_a_wrong_command_line(headrace: Callable[..., Ran], arguments: list[str], text: str) -> None:
    done = headrace(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"headrace: {text}")
    assert done.err.endswith(" --help\n")


def test_nothing_at_all_is_help(headrace: Callable[..., Ran]) -> None:
    done = headrace()
    assert done.code == 2
    assert "Commands:" in done.out + done.err


def test_version(headrace: Callable[..., Ran]) -> None:
    from importlib.metadata import version

    assert headrace("--version").out == f"headrace {version('headrace')}\n"


@pytest.mark.parametrize(
    "error, code, text",
    [
        (ConfigError("a mistake of the user"), 2, "headrace: a mistake of the user\n"),
        (StorageError("a failure"), 1, "headrace: a failure\n"),
        (ZeroDivisionError("by zero"), 1, "headrace: failed: ZeroDivisionError: by zero; HEADRACE_TRACEBACK=1 shows where\n"),
        (KeyboardInterrupt(), 130, "headrace: interrupted; nothing was written, the same command starts again\n"),
    ],
)
def test_how_a_command_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("headrace.checking.check", failing)
    assert run(["check"]) == code
    assert capsys.readouterr().err == text


def test_an_error_that_the_engine_has_wrapped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(*_: object, **__: object) -> None:
        try:
            raise StorageError("the file is gone")
        except StorageError as error:
            text = "error in step 3 of the flow"
            raise RuntimeError(text) from error

    monkeypatch.setattr("headrace.checking.check", failing)
    assert run(["check"]) == 1
    assert capsys.readouterr().err == "headrace: the file is gone\n"


def test_a_traceback_where_one_is_wanted(headrace: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_TRACEBACK", "1")
    done = headrace("show", "clicks", "-C", tmp_path / "nowhere")
    assert done.code == 2
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert done.err.splitlines()[-1].startswith("headrace: there is no folder ")


def test_an_interrupt(loaded_shop: Path) -> None:
    """Ctrl-C while the definitions are read."""
    slow = "import time\nprint('here', flush=True)\ntime.sleep(60)\n"
    folder = loaded_shop.parent / "slow"
    folder.mkdir()
    (folder / "slow.py").write_text(slow)
    with start("check", cwd=folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "headrace: interrupted; nothing was written, the same command starts again\n")


@pytest.mark.parametrize("wait_s", [0.0, 0.002, 0.1, 0.4])
def test_a_replay_that_is_interrupted_goes_on(shop: Path, wait_s: float) -> None:
    with start("replay", "buyer_activity", "--rows", "steps", "--out", "out", cwd=shop) as process:
        deadline = time.monotonic() + 60
        while not (shop / "out" / ".headrace-replay").exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(wait_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    stopping = "headrace: stopping behind the slice in work; Ctrl-C again ends at once\n"
    assert (process.returncode, err.removeprefix(stopping)) in [
        (0, ""),   # it was at its end already
        (130, "headrace: stopped behind a slice; run the same command again to go on in out\n"),
        (130, "headrace: interrupted; the same command goes on\n"),
    ]
    assert headrace_rows(out) == (None if process.returncode else 4394)
    with start("replay", "buyer_activity", "--rows", "steps", "--out", "out", cwd=shop) as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err, headrace_rows(out)) == (0, "", 4394)


def headrace_rows(out: str) -> int | None:
    """How many rows a replay says that it has written."""
    found = re.search(r"([\d,]+) rows in", out)
    return int(found[1].replace(",", "")) if found else None


@pytest.mark.parametrize("arguments", [["trace", "buyer_activity", "7", "--json"], ["preview", "buyer_activity", "-n", "2000"]])
def test_a_reader_that_has_seen_enough(loaded_shop: Path, arguments: list[str]) -> None:
    with start(*arguments, cwd=loaded_shop) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=120) == 141


@pytest.mark.parametrize("name", ["flows", "operators", "replay", "sinks", "sources"])
@pytest.mark.parametrize("form", ["module", "package"])
def test_a_name_that_is_taken(tmp_path: Path, name: str, form: str) -> None:
    """The first command says so, before anything of the other is imported."""
    place = tmp_path / f"{name}.py" if form == "module" else tmp_path / name
    file = place if form == "module" else place / "__init__.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('imported')\n")
    with start("check", cwd=tmp_path, PYTHONPATH=str(tmp_path)) as process:
        out, err = process.communicate(timeout=60)
    text = f"another '{name}' is imported in place of headrace's: found {place}, expected {ROOT / name}"
    assert (process.returncode, out) == (2, "")
    assert err == f"headrace: {text}; rename it, or take {tmp_path} off PYTHONPATH\n"


def test_a_distribution_that_takes_a_name(tmp_path: Path) -> None:
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / "__init__.py").write_text("")
    info = tmp_path / "replay_tool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: replay-tool\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("replay\n")
    with start("list", cwd=tmp_path, PYTHONPATH=str(tmp_path)) as process:
        _, err = process.communicate(timeout=60)
    text = f"another 'replay' is imported in place of headrace's: found {tmp_path / 'replay'}, expected {ROOT / 'replay'}"
    advice = "it belongs to replay-tool: pip uninstall replay-tool, or give headrace an environment of its own"
    assert (process.returncode, err) == (2, f"headrace: {text}; {advice}\n")


def test_a_name_that_is_taken_in_a_test_of_a_user(shop: Path) -> None:
    """`python -m pytest` puts the repository's folder in front."""
    (shop / "sources.py").write_text("")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, check=False, cwd=shop, capture_output=True, text=True)
    text = f"another 'sources' is imported in place of headrace's: found {shop / 'sources.py'}, expected {ROOT / 'sources'}"
    assert done.returncode == 1
    assert f"headrace.guard.NameTaken: {text}; rename it, or take {shop} off PYTHONPATH" in done.stdout


def test_a_folder_of_a_users_own_takes_no_name(shop: Path) -> None:
    """`replay/` and `sources.py` beside the definitions are the user's."""
    (shop / "replay").mkdir()
    (shop / "replay" / "notes.txt").write_text("")
    (shop / "sources.py").write_text("")
    with start("preview", "item_popularity", "-n", "1", "--json", cwd=shop) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)[0]["item"] == "pot"

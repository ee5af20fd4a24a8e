"""A repository as `headrace init` makes it, loaded once, and a way to run a command in this process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from headrace.archive import load
from headrace.cli.app import run
from headrace.initial import init
from headrace.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Headrace = "Callable[..., Ran]"


@pytest.fixture
def headrace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs `headrace` with these arguments, on a screen of 100 columns that is no terminal."""
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("HEADRACE_ENV", "HEADRACE_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)

    def called(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return called


@pytest.fixture(scope="session")
def loaded_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of `init` with its clicks in the log. Not to be changed."""
    folder = tmp_path_factory.mktemp("repositories") / "shop"
    init(folder)
    load(Repository(folder).sources["clicks"], [folder / "data" / "clicks.csv"], folder / "archive")
    return folder


@pytest.fixture
def shop(loaded_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which the command runs."""
    folder = tmp_path / "shop"
    shutil.copytree(loaded_shop, folder)
    monkeypatch.chdir(folder)
    return folder

"""`headrace init`: a repository that runs as it is."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from headrace.initial.sample import clicks_csv, questions_csv
from headrace.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Ran


def test_init(headrace: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = headrace("init", "shop")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "  shop/headrace.toml\n  shop/features.py\n  shop/items.sql\n  shop/tests/test_features.py\n  shop/README.md\n  shop/.gitignore\n"
        "  shop/data/clicks.csv\n  shop/data/questions.csv\n\n"
        "a feature repository with three days of clicks; try:\n"
        "  cd shop && headrace load clicks data/clicks.csv\n"
        "  headrace preview buyer_activity\n"
        "  headrace trace buyer_activity 7\n"
        "README.md has the rest\n"
    )
    repository = Repository("shop")
    assert repository.config.project.name == "shop"
    assert repository.groups.names == ["buyer_activity", "item_popularity", "item_prices"]


def test_the_name_of_the_project(headrace: Callable[..., Ran], tmp_path: Path) -> None:
    assert headrace("init", tmp_path / "my shop!").code == 0
    assert Repository(tmp_path / "my shop!").config.project.name == "my_shop"
    assert headrace("init", tmp_path / "b", "--name", "other").code == 0
    assert Repository(tmp_path / "b").config.project.name == "other"


def test_nothing_is_replaced(headrace: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine too")
    done = headrace("init", ".")
    assert (done.code, done.out) == (2, "")
    assert done.err == "headrace: . has README.md already: nothing was written; name another folder\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "notes.txt"]
    (tmp_path / "README.md").unlink()
    assert headrace("init", ".").code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine too"


def test_a_file_is_no_folder(headrace: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    done = headrace("init", "taken")
    assert (done.code, done.err) == (2, "headrace: taken is a file, expected a folder, or a name that is free\n")


def test_its_own_tests_pass(loaded_shop: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], check=False, cwd=loaded_shop, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_sample_is_the_same_everywhere() -> None:
    clicks, questions = clicks_csv().splitlines(), questions_csv().splitlines()
    assert [len(clicks), len(questions)] == [2255, 450]
    assert clicks[1] == "e00000,7,grinder,view,59.9,2024-03-01T08:28:43Z"
    assert clicks[-1] == "e02253,33,pot,buy,29.0,2024-03-03T21:01:04Z"
    assert questions[1] == "31,tea,2024-03-01T08:50:46Z,false"

"""The names that the project puts on the import path are its own.

`flows`, `replay`, `sources` are common words: another distribution, or a file of the user, could stand in front of them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT


@pytest.mark.parametrize("name", PACKAGES)
def test_top_level_name_is_this_project(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not importable: install the project with make test, or run pytest from its folder"
    assert spec.origin is not None, f"{name} is a folder without __init__.py: {list(spec.submodule_search_locations or [])}"
    assert Path(spec.origin).parent == ROOT / name


def test_tests_are_a_package() -> None:
    spec = importlib.util.find_spec("tests")
    assert spec is not None
    assert spec.origin == str(ROOT / "tests" / "__init__.py")


def test_types_are_declared() -> None:
    assert (ROOT / "headrace" / "py.typed").exists()


def test_the_command_is_an_entry_point() -> None:
    (found,) = entry_points(group="console_scripts", name="headrace")
    assert callable(found.load())


def test_import_leaves_the_path_alone() -> None:
    code = "import sys; before = list(sys.path); import headrace; headrace.Source; assert sys.path == before, sys.path"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_repository_may_use_our_names(tmp_path: Path) -> None:
    """A user's `sources.py` and `replay.py` are loaded under names of ours, and their folder is not importable afterwards."""
    (tmp_path / "headrace.toml").write_text('[project]\nname = "names"\n')
    definitions = 'import headrace as hr\nclicks = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts", keys={"uid": user})\n'
    user = 'user = hr.Key("uid", hr.Dimension("user"), "int64")\n'
    (tmp_path / "sources.py").write_text(definitions.replace("clicks =", user + "clicks ="))
    (tmp_path / "replay.py").write_text('import headrace as hr\nseller = hr.Key("seller", hr.Dimension("seller"), "string")\n')
    code = f"""
import sys
before = list(sys.path)
import headrace as hr
repository = hr.Repository({str(tmp_path)!r})
print(sorted(source.name for source in repository.sources))
assert sys.path == before, sys.path
import flows, replay, sources
for module in (flows, replay, sources):
    assert not module.__file__.startswith({str(tmp_path)!r}), module.__file__
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['clicks']"

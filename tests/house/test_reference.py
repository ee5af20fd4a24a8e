"""The reference says what the code says: its pages are what the script makes, and the script leaves nothing out."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from headrace.aggregates import REGISTRY as AGGREGATES
from headrace.functions import REGISTRY as FUNCTIONS
from tests.house.tree import PACKAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
STALE = "docs/reference is not what the code says: run python docs/generate.py"
OURS = {"HEADRACE_REPLAY_ADDRESSES"}
"""Variables that pass between our own processes."""
SETTING = re.compile(r"HEADRACE_[A-Z]+__[A-Z]+")


def generated(folder: Path, change: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script, behind a change of the code."""
    code = f"import runpy, sys\nsys.path.insert(0, {str(DOCS)!r})\n{change}\nsys.argv = ['generate', {str(folder)!r}]\n"
    code += f"runpy.run_path({str(DOCS / 'generate.py')!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True)


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_its_pages_are_what_the_script_writes(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, DOCS / "generate.py", tmp_path], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}\n{STALE}, once docs/pages tells of it"
    assert texts(REFERENCE) == texts(tmp_path), STALE


@pytest.mark.parametrize(
    "change, page",
    [
        ("from headrace.cli import options; options.From.__metadata__[0].help = 'Another help.'", "commands.md"),
        ("from headrace import settings; settings.TABLES['new'] = settings.State", "settings.md"),
        ("from headrace.running import watch; watch.DELAY_BOUNDS_S = (0.1,)", "metrics.md"),
        ("from headrace.archive import layout; layout.VERSION = '2'", "archive.md"),
        ("from headrace.cli import archive, running; archive.LOG_EVERY_S = running.LOG_EVERY_S = 11.0", "log-lines.md"),
    ],
    ids=lambda value: value if value.endswith(".md") else "",
)  # fmt: skip
def test_a_change_of_the_code_is_seen(tmp_path: Path, change: str, page: str) -> None:
    done = generated(tmp_path, change)
    assert done.returncode == 0, done.stderr
    assert [name for name, text in texts(tmp_path).items() if text != (REFERENCE / name).read_text()] == [page]


@pytest.mark.parametrize(
    "change, told",
    [
        (
            "from headrace.running import metrics as m; old = m._events; m._events = lambda counts: [*old(counts), m._gauge('headrace_new', 'New.', 1)]",
            "docs/pages/metrics.py does not tell of ['headrace_new'], and tells of [], which are not there",
        ),
        (
            "from headrace.running import telling as t; old = t.numbers_of; t.numbers_of = lambda worker: old(worker) | {'new': 1}",
            "docs/pages/log_lines.py does not tell of ['new'], and tells of [], which are not there",
        ),
        (
            "from headrace.archive.files import LogFile; old = LogFile.entry; LogFile.entry = lambda *a: old(*a) | {'new': 1}",
            "docs/pages/archive.py does not tell of ['new'], and tells of [], which are not there",
        ),
    ],
    ids=["metric", "field of a log line", "field of a manifest"],
)
def test_what_nothing_is_said_of_is_told(tmp_path: Path, change: str, told: str) -> None:
    done = generated(tmp_path, change)
    assert (done.returncode, done.stderr.strip()) == (1, told)


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if not function.internal])
def test_every_function_has_a_section_with_an_example(name: str) -> None:
    page = (REFERENCE / "expressions.md").read_text()
    assert page.count(f"\n### {name}\n") == 1
    section = page.split(f"\n### {name}\n")[1].split("\n### ")[0]
    assert "Python: `" in section
    assert " → " in section


@pytest.mark.parametrize("name", [name for name, kind in AGGREGATES.items() if not kind.internal])
def test_every_aggregate_has_a_section(name: str) -> None:
    page = (REFERENCE / "aggregates.md").read_text()
    method = {"decay_sum": "decayed_sum", "decay_count": "decayed_count"}.get(name, name)
    section = page.split(f"\n## {method}\n")[1].split("\n## ")[0]
    assert "SQL: `" in section
    assert AGGREGATES[name].doc in section


def test_every_variable_that_is_asked_for_is_told() -> None:
    asked = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            asked |= set(re.findall(r"\"(HEADRACE_[A-Z_]*[A-Z])\"", path.read_text()))
    assert {"HEADRACE_ENV", "HEADRACE_CACHE", "HEADRACE_TRACEBACK"} <= asked
    page = (REFERENCE / "settings.md").read_text()
    assert {name for name in asked - OURS if f"| `{name}` |" not in page and not SETTING.fullmatch(name)} == set()

"""The reference says what the code says."""

from __future__ import annotations

import runpy
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from headrace.aggregates import REGISTRY as AGGREGATES
from headrace.functions import REGISTRY as FUNCTIONS
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "docs" / "generate.py"
PAGES = runpy.run_path(str(SCRIPT))["PAGES"]


def test_its_pages_are_what_the_script_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    standing = {path.name: path.read_text() for path in (ROOT / "docs" / "reference").iterdir() if path.name in PAGES}
    assert standing == written, "docs/reference is older than the code: run python docs/generate.py"


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if not function.internal])
def test_every_function_has_a_section_with_an_example(name: str) -> None:
    page = PAGES["expressions.md"]()
    assert page.count(f"\n### {name}\n") == 1
    section = page.split(f"\n### {name}\n")[1].split("\n### ")[0]
    assert "Python: `" in section
    assert " → " in section


@pytest.mark.parametrize("name", [name for name, kind in AGGREGATES.items() if not kind.internal])
def test_every_aggregate_has_a_section(name: str) -> None:
    page = PAGES["aggregates.md"]()
    method = {"decay_sum": "decayed_sum", "decay_count": "decayed_count"}.get(name, name)
    section = page.split(f"\n## {method}\n")[1].split("\n## ")[0]
    assert "SQL: `" in section
    assert AGGREGATES[name].doc in section

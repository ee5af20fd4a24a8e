"""How long a person waits for the first answer: import and `--help`.

Measured in fresh processes, as the least of several: what the machine does beside it only ever adds.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.house.tree import ROOT

TIMES = 7
IMPORT_S = 0.3
HELP_S = 0.5
pytestmark = pytest.mark.alone

HEAVY = ["numba", "polars", "duckdb", "pandas", "bytewax", "typer", "rich", "matplotlib", "sklearn"]


def python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, capture_output=True, text=True).stdout


def test_import() -> None:
    code = "import time; start = time.perf_counter(); import headrace; print(time.perf_counter() - start)"
    taken_s = min(float(python("-c", code)) for _ in range(TIMES))
    print(f"import headrace: {taken_s:.3f} s")
    assert taken_s <= IMPORT_S


def test_names_of_definitions_import() -> None:
    """The names that every definition file uses: little beyond Arrow and the SQL library, which they stand on."""

    def taken_s(code: str) -> float:
        return float(python("-c", f"import time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"))

    names = ["Dimension", "Key", "Source", "FeatureGroup", "FeatureService", "window", "label"]
    pairs = [(taken_s("import pyarrow, sqlglot"), taken_s(f"import headrace as hr; [getattr(hr, n) for n in {names!r}]")) for _ in range(TIMES)]
    bare_s, ours_s = (min(times) for times in zip(*pairs, strict=True))
    print(f"pyarrow and sqlglot: {bare_s:.3f} s; the names of definitions: {ours_s:.3f} s")
    assert ours_s <= 1.5 * bare_s


def test_help() -> None:
    def once() -> float:
        start = time.perf_counter()
        text = python("-c", "import sys; sys.argv = ['headrace', '--help']; from headrace.cli.app import main; main()")
        taken_s = time.perf_counter() - start
        assert "replay" in text
        return taken_s

    taken_s = min(once() for _ in range(TIMES))
    print(f"headrace --help: {taken_s:.3f} s")
    assert taken_s <= HELP_S


def test_import_brings_nothing_heavy() -> None:
    loaded = python("-c", f"import sys, headrace; headrace.Source; print(*(m for m in {HEAVY!r} if m in sys.modules))")
    assert loaded.split() == []

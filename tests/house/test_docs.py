"""The code in README and docs runs, and prints what stands beneath it.

Every block that starts with ```python is executed, the blocks of one file in one namespace, in order. Of shell blocks those are
run that start with ```sh run; where one ends, the next block begins, as in a terminal. A block that starts with ```text output is compared with what the block before it printed.
What must not run is a block of ```text, or ```sh without `run`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.tree import ROOT, project_files, shown

BLOCK = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
KINDS = {"python", "sh", "sh run", "text", "text output", "sql", "toml", "json", "yaml", ""}


class Block(NamedTuple):
    """A fenced block: its info string, its text, and the line that its text starts at."""

    kind: str
    body: str
    line: int


def blocks(text: str) -> list[Block]:
    return [Block(m["kind"].strip(), m["body"], text.count("\n", 0, m.start("body")) + 1) for m in BLOCK.finditer(text)]


def run_sh(body: str) -> str:
    """What the commands print; the folder that they end in becomes this process's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.NamedTemporaryFile("r") as end:
        environment = os.environ | {"PATH": path, "COLUMNS": "120", "BLOCK_END": end.name}
        command = ["sh", "-eu", "-c", f'{body}\npwd > "$BLOCK_END"']
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240, env=environment)
        assert done.returncode == 0, f"{body}\n{done.stdout}{done.stderr}"
        os.chdir(end.read().strip())
    return done.stdout


def run(name: str, text: str) -> int:
    """Run the blocks of one file; the number of those that ran."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed, ran = "", 0
    for block in blocks(text):
        assert block.kind in KINDS, f"{name}:{block.line - 1}: a block of {block.kind!r}; expected one of {sorted(KINDS)}"
        if block.kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * (block.line - 1) + block.body, name, "exec"), namespace)   # noqa: S102
            printed, ran = out.getvalue(), ran + 1
        elif block.kind == "sh run":
            printed, ran = run_sh(block.body), ran + 1
        elif block.kind == "text output":
            assert [line.rstrip() for line in printed.strip().splitlines()] == [line.rstrip() for line in block.body.strip().splitlines()]
    return ran


DOCUMENTS = [
    path
    for path in project_files()
    if path.suffix == ".md" and path.parent in {ROOT, ROOT / "docs"} | set((ROOT / "docs").rglob("*")) | set((ROOT / "examples").glob("*"))
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_documents_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(shown(path), path.read_text())


def slug(heading: str) -> str:
    """The anchor that a heading has."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_links_lead_somewhere(path: Path) -> None:
    text = BLOCK.sub("", path.read_text())
    for target in re.findall(r"\]\(([^)]+)\)", text):
        place, _, anchor = target.partition("#")
        if "://" in target:
            continue
        found = path.parent / place if place else path
        assert found.exists(), f"{shown(path)} links to {target}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", found.read_text()), re.MULTILINE)
            assert anchor in [slug(heading) for heading in headings], f"{shown(path)} links to {target}; {place} has no such heading"


def test_the_readme_shows_code_that_runs() -> None:
    kinds = [block.kind for block in blocks((ROOT / "README.md").read_text())]
    assert "python" in kinds
    assert "text output" in kinds


@pytest.mark.parametrize(
    "text,error",
    [
        ("```python\n1 / 0\n```\n", ZeroDivisionError),
        ("```sh run\nfalse\n```\n", AssertionError),
        ("```python\nprint(1)\n```\n\n```text output\n2\n```\n", AssertionError),
        ("```pyton\n1\n```\n", AssertionError),
    ],
)
def test_a_wrong_document_is_found(text: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        run("doc.md", text)


def test_blocks_share_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "```sh run\nmkdir deep\ncd deep\n```\n```python\nfrom pathlib import Path\nprint(Path.cwd().name)\n```\n```text output\ndeep\n```\n"
    assert run("doc.md", text) == 2


def test_blocks_share_their_names() -> None:
    assert run("doc.md", "```python\nx = 2\n```\nand\n```python\nprint(x)\n```\n```text output\n2\n```\n") == 2

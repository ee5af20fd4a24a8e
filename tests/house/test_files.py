"""What holds for every file: its length, what it must not name, and that it needs nothing that was not declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import PACKAGES, ROOT, shown, text_files

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 500
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
# distributions whose module has another name
MODULES = {"confluent-kafka": "confluent_kafka", "prometheus-client": "prometheus_client", "scikit-learn": "sklearn", "pip-tools": "piptools"}
# in pieces, so that this file does not name them
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("pypi", "python", "org"), ("conda", "anaconda", "org"))]
OPTIONS = ["--" + name for name in ("index-url", "extra-index-url", "find-links", "trusted-host")]
MACHINE = re.compile(r"(?<![\w.}*-])/(?:root|home|Users|work|workspace|mnt)/\w")


def is_lock(path: Path) -> bool:
    return path in LOCKS


@pytest.mark.parametrize("path", [p for p in text_files() if not is_lock(p)], ids=shown)
def test_a_file_is_one_concept(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST, f"{shown(path)} holds more than {LONGEST} lines: it is two concepts"


@pytest.mark.parametrize("path", text_files(), ids=shown)
def test_no_machine_is_named(path: Path) -> None:
    text = path.read_text()
    assert [host for host in HOSTS if host in text] == []
    assert MACHINE.findall(text) == []
    if is_lock(path):
        assert [option for option in OPTIONS if option in text] == []


def test_the_patterns_find_what_they_look_for() -> None:
    assert MACHINE.search("open('" + "/ho" + "me/ann/x')")
    assert not MACHINE.search("docs/home/index.md, ./work/x, s3://bucket/root/x")
    assert all(HOSTS)


def declared(*extras: str) -> set[str]:
    """The modules that the project may import with these extras."""
    texts = list(PYPROJECT["dependencies"])
    for extra in extras:
        texts += PYPROJECT["optional-dependencies"][extra]
    return {MODULES.get(name, name.replace("-", "_")) for name in (Requirement(text).name for text in texts)}


def imported(path: Path) -> set[str]:
    """The top-level modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", [p for p in text_files() if p.suffix == ".py"], ids=shown)
def test_every_import_is_declared(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if room in PACKAGES:
        allowed = declared("kafka", "aerospike", "river", "s3", "metrics", "serving") | {"fsspec", "pandas", "polars"} | set(PACKAGES)
    else:
        allowed = declared(*PYPROJECT["optional-dependencies"]) | set(PACKAGES) | {"fsspec", "tests", "benchmarks", "examples", "boto3", "botocore"}
        allowed |= {other.stem for other in path.parent.glob("*.py")} | {other.parent.name for other in path.parent.glob("*/__init__.py")}
    assert imported(path) - allowed == set()


def pinned(lock: Path) -> dict[str, list[str]]:
    """Name → hashes of a lock file."""
    entries: dict[str, list[str]] = {}
    for line in lock.read_text().splitlines():
        if start := re.match(r"([A-Za-z0-9._-]+)==(\S+) \\$", line):
            name = canonicalize_name(start[1])
            assert name not in entries, f"{name} is locked twice"
            entries[name] = []
        elif found := re.match(r"\s+--hash=sha256:([0-9a-f]{64})", line):
            entries[name].append(found[1])
        else:
            assert re.match(r"\s*(#|$)", line), f"not understood: {line}"
    return entries


@pytest.mark.parametrize("lock", LOCKS, ids=shown)
def test_locks_hold_hashes(lock: Path) -> None:
    entries = pinned(lock)
    assert entries
    assert [name for name, hashes in entries.items() if not hashes] == []


def versions(lock: Path) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE)}


def test_locks_agree_and_cover_what_is_declared() -> None:
    build, demo, test = (versions(ROOT / "requirements" / f"{name}.txt") for name in ("build", "demo", "test"))
    assert "hatchling" in build
    assert {name: version for name, version in demo.items() if test.get(name) != version} == {}
    assert {name for name in build.keys() & test.keys() if build[name] != test[name]} == set()
    for lock, extras in ((demo, ["example", "kafka"]), (test, list(PYPROJECT["optional-dependencies"]))):
        for text in PYPROJECT["dependencies"] + [text for extra in extras for text in PYPROJECT["optional-dependencies"][extra]]:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            assert name in lock, f"{text} is not locked: run make lock"
            assert requirement.specifier.contains(lock[name]), f"{text}, and {lock[name]} is locked: run make lock"

"""The project's own files, as the tests of the house see them.

It relies on no version control: a copy from an archive is tested as a clone is.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("headrace", "flows", "operators", "sinks", "sources", "replay")
# what the tools, the examples and the tests write, beside hidden folders
WRITTEN = {"__pycache__", "build", "dist", "node_modules", "target"}
WRITTEN_BY_EXAMPLES = {"archive", "data", "online", "out"}
HIDDEN_BUT_OURS = {".ci", ".github"}


@functools.cache
def project_files() -> tuple[Path, ...]:
    """Every file that people wrote, sorted."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        skip = set(WRITTEN)
        if here.parts[:1] == ("examples",):
            skip |= WRITTEN_BY_EXAMPLES
        folders[:] = [
            name
            for name in folders
            if name not in skip and not name.endswith(".egg-info") and (not name.startswith(".") or name in HIDDEN_BUT_OURS)
        ]
        found += [Path(folder, name) for name in names if not name.endswith((".pyc", ".so", ".parquet", ".png"))]
    return tuple(sorted(found))


def text_files() -> list[Path]:
    """Those that hold text."""
    return [path for path in project_files() if b"\0" not in path.read_bytes()[:4096]]


def shown(path: Path) -> str:
    """The name of a file in a message, or as a test's id."""
    return str(path.relative_to(ROOT))

"""A feature repository to begin with: what `headrace init` writes.

It promises a folder that runs at once: definitions in Python and SQL, settings, sample events and questions (the same bytes every time), a
unit test, a README with the commands to try. It never replaces a file.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import RepositoryError
from headrace.initial.sample import clicks_csv, questions_csv

if TYPE_CHECKING:
    import os

FILES = {
    "headrace.toml": "headrace.toml.txt",
    "features.py": "features.py.txt",
    "items.sql": "items.sql.txt",
    "tests/test_features.py": "test_features.py.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
}
SAMPLES = {"data/clicks.csv": clicks_csv, "data/questions.csv": questions_csv}


def init(folder: str | os.PathLike[str], name: str | None = None) -> list[Path]:
    """Writes a feature repository into `folder` and returns its files.

    Args:
        folder: made where it is not there; what is in it already stays.
        name: the project's name; else that of the folder.

    Raises `RepositoryError` where a file that would be written exists, before anything is written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [str(path.relative_to(folder)) for path in init(Path(folder, "shop"))][:3]
    ['shop/headrace.toml', 'shop/features.py', 'shop/items.sql']
    """
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise RepositoryError(f"{folder} is a file, expected a folder, or a name that is free", path=str(folder))
    taken = [each for each in (*FILES, *SAMPLES) if (place / each).exists()]
    if taken:
        text = f"{folder} has {', '.join(taken)} already: nothing was written; name another folder"
        raise RepositoryError(text, path=str(folder), files=taken)
    project = name or _project_name(place.resolve().name)
    templates = files("headrace.initial").joinpath("files")
    contents = {target: templates.joinpath(source).read_text(encoding="utf-8") for target, source in FILES.items()}
    contents |= {target: make() for target, make in SAMPLES.items()}
    written = []
    try:
        for target, content in contents.items():
            path = place / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content.replace("{{project}}", project), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise RepositoryError(f"cannot write into {folder}: {error.strerror}", path=str(folder)) from error
    return written


def _project_name(folder: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", folder).strip("_") or "features"

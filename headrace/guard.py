"""Whether the names that headrace puts on the import path are its own.

`flows`, `replay`, `sources` are common words: another distribution, or a file beside a script, can stand in front of ours and would be
imported in its place. It promises to say so before the first of them is imported; it imports none of them itself.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from headrace.errors import UserError

NAMES = ("flows", "operators", "replay", "sinks", "sources")


class NameTaken(UserError):
    """Another module of a name that headrace needs is found first."""


def check_names() -> None:
    """Raises `NameTaken` for the first name that is not ours, with what to do."""
    import headrace

    ours = Path(headrace.__file__).resolve().parents[1]
    for name in NAMES:
        place = _place(name)
        if place is None:
            text = f"headrace's package '{name}' is missing beside {ours / 'headrace'}: install headrace again"
            raise NameTaken(text, name=name)
        if place != ours / name:
            raise NameTaken(_advice(name, place, ours), name=name, found=str(place))


def _place(name: str) -> Path | None:
    """The folder or file that `import name` would take."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.origin is None:
        folders = list(spec.submodule_search_locations or [])
        return Path(folders[0]).resolve() if folders else None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin


def _advice(name: str, place: Path, ours: Path) -> str:
    from importlib.metadata import packages_distributions

    text = f"another '{name}' is imported in place of headrace's: found {place}, expected {ours / name}"
    others = sorted({other for other in packages_distributions().get(name, []) if other != "headrace"})
    if others:
        return f"{text}; it belongs to {', '.join(others)}: pip uninstall {' '.join(others)}, or give headrace an environment of its own"
    return f"{text}; rename it, or take {place.parent} off PYTHONPATH"

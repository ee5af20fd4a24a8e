"""Imports the Python files of a feature repository under a name of ours.

A file `keys.py` becomes the module `_headrace_repo_<hash of the folder>.keys`. Inside the folder's files both `from .keys import user` and
`from keys import user` reach it; `sys.path` is not touched, and nothing outside the folder sees a module called `keys`. A file of the
folder goes before any other module of its name, as in a folder of scripts, `headrace` itself excepted. It promises that loading the same
folder again runs its files again. What the files define is left to `headrace.repository`.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

PREFIX = "_headrace_repo_"
Scope: TypeAlias = "Mapping[str, Any] | None"


class Modules:
    """The modules of one folder; `load` runs a file that did not run yet, `finished` are those that ran to their end, in that order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = PREFIX + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        for name in [name for name in sys.modules if name == self.package or name.startswith(self.package + ".")]:
            del sys.modules[name]
        _FINDER.folders[self.package] = folder
        self.finished: list[ModuleType] = []
        _FINDER.finished[self.package] = self.finished
        if _FINDER not in sys.meta_path:
            # first: Python's own finder would take the files from the package's path, without our import
            sys.meta_path.insert(0, _FINDER)
        importlib.invalidate_caches()
        importlib.import_module(self.package)

    def load(self, stem: str) -> ModuleType:
        """The module of the file `<stem>.py`."""
        return importlib.import_module(f"{self.package}.{stem}")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules of the folders that were loaded, and nothing else."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.finished: dict[str, list[ModuleType]] = {}

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        package, *parts = fullname.split(".")
        folder = self.folders.get(package)
        if folder is None:
            return None
        if not parts:
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(folder)]
            return spec
        place = folder.joinpath(*parts)
        for file in (place.with_name(place.name + ".py"), place / "__init__.py"):
            if file.is_file():
                within = [str(place)] if file.name == "__init__.py" else None
                loader = _Loader(fullname, str(file))
                return importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=within)
        if place.is_dir():
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        return None


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a file with an `import` that looks among its neighbours first."""

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.split(".")[0]
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _importer(package)}
        super().exec_module(module)
        _FINDER.finished[package].append(module)


def _importer(package: str) -> Any:
    def import_(name: str, globals_: Scope = None, locals_: Scope = None, fromlist: Sequence[str] = (), level: int = 0) -> Any:
        top = name.partition(".")[0]
        if level == 0 and top != "headrace" and _FINDER.find_spec(f"{package}.{top}") is not None and not _is_data(package, top):
            found = importlib.import_module(f"{package}.{name}")
            for each in fromlist or ():
                if not hasattr(found, each) and hasattr(found, "__path__") and _FINDER.find_spec(f"{package}.{name}.{each}") is not None:
                    importlib.import_module(f"{package}.{name}.{each}")
            return found if fromlist else sys.modules[f"{package}.{top}"]
        return builtins.__import__(name, globals_, locals_, fromlist, level)

    return import_


def _is_data(package: str, top: str) -> bool:
    """Whether the name is that of a folder without Python files: `data/` does not stand for a module."""
    place = _FINDER.folders[package] / top
    return place.is_dir() and not place.with_name(top + ".py").is_file() and not any(place.glob("*.py"))


_FINDER = _Finder()

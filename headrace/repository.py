"""A feature repository: a folder of definitions in Python and SQL, and its settings.

It promises every Source, FeatureGroup and FeatureService that the folder's own files define, by name, and one error for the first thing
that is wrong, with file and line. Files of subfolders count where another file imports them; hidden files and those of tests do not
(`test_…`, `…_test.py`, `conftest.py`). A script belongs behind `if __name__ == "__main__":`, since every file is run once. Replays are
left to `replay`.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from headrace.config import load_config
from headrace.errors import HeadraceError, RepositoryError, UnknownName, unknown
from headrace.groups import FeatureGroup
from headrace.keys import Key
from headrace.modules import Modules
from headrace.services import FeatureService
from headrace.source import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from headrace.config import Config
    from replay.run import Options

T = TypeVar("T")
_OTHERS = {"conftest.py", "setup.py", "noxfile.py"}


class Named(Generic[T]):
    """Definitions of one kind in the order of their files; iterates over them, and `["name"]` gives one."""

    def __init__(self, kind: str, where: str) -> None:
        self._kind = kind
        self._where = where
        self._found: dict[str, T] = {}
        self._files: dict[str, str] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __getitem__(self, name: str) -> T:
        if name not in self._found:
            raise unknown(self._kind, name, self._where, self._found)
        return self._found[name]

    def __repr__(self) -> str:
        return f"[{', '.join(self._found)}]"

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(self._found)

    def file_of(self, name: str) -> str:
        """The file that defines it, relative to the repository."""
        self[name]
        return self._files[name]

    def add(self, name: str, definition: T, file: str, *, equal_is_same: bool) -> None:
        """Takes a definition; raises where another one has its name."""
        standing = self._found.setdefault(name, definition)
        self._files.setdefault(name, file)
        if standing is not definition and not (equal_is_same and standing == definition):
            files = [self._files[name], file]
            place = f"twice in {file}" if files[0] == file else f"in {files[0]} and in {file}"
            raise RepositoryError(f"{self._kind} '{name}' is defined {place}; rename one of them", name=name, files=files)


class Repository:
    """The definitions and settings of a folder.

    Args:
        path: the folder.
        env: the environment of `headrace.toml`; else `HEADRACE_ENV` says it.
        overrides: settings that go before all others, as nested tables.

    Raises `RepositoryError` for a file that cannot be run or a name that is used twice, `ConfigError` for a setting, and what a definition
    raises, with file and line in front.
    """

    def __init__(self, path: str | os.PathLike[str] = ".", env: str | None = None, overrides: Mapping[str, Any] | None = None) -> None:
        folder = Path(path).resolve()
        if not folder.is_dir():
            text = f"there is no folder {path}; headrace init {path} makes a feature repository"
            raise RepositoryError(text, path=str(path))
        self.path = folder
        self.config: Config = load_config(folder, env, overrides)
        where = f"the repository {folder.name}"
        self.sources: Named[Source] = Named("source", where)
        self.groups: Named[FeatureGroup] = Named("group", where)
        self.services: Named[FeatureService] = Named("service", where)
        self.keys: Named[Key] = Named("Key", where)
        self._read_python()
        self._read_sql()
        for name in self.services.names:
            if name in self.groups:
                files = [self.groups.file_of(name), self.services.file_of(name)]
                text = f"'{name}' is a group in {files[0]} and a service in {files[1]}; rename one of them"
                raise RepositoryError(text, name=name, files=files)

    def __repr__(self) -> str:
        return f"Repository('{self.path}', {len(self.sources)} sources, {len(self.groups)} groups, {len(self.services)} services)"

    def resolve(self, names: str | Sequence[str]) -> list[FeatureGroup | FeatureService]:
        """The groups and services of these names, in this order."""
        found: list[FeatureGroup | FeatureService] = []
        for name in [names] if isinstance(names, str) else names:
            if name in self.groups:
                found.append(self.groups[name])
            elif name in self.services:
                found.append(self.services[name])
            else:
                raise unknown("group or service", name, f"the repository {self.path.name}", [*self.groups.names, *self.services.names])
        return found

    @overload
    def replay(
        self,
        names: str | Sequence[str],
        *,
        rows: str = "events",
        spine: Any = None,
        time: str | None = None,
        before: bool = False,
        from_: Any = None,
        to: Any = None,
        stream: Literal[False] = False,
        options: Options | None = None,
    ) -> pa.Table: ...
    @overload
    def replay(
        self,
        names: str | Sequence[str],
        *,
        rows: str = "events",
        spine: Any = None,
        time: str | None = None,
        before: bool = False,
        from_: Any = None,
        to: Any = None,
        stream: Literal[True],
        options: Options | None = None,
    ) -> pa.RecordBatchReader: ...
    def replay(
        self,
        names: str | Sequence[str],
        *,
        rows: str = "events",
        spine: Any = None,
        time: str | None = None,
        before: bool = False,
        from_: Any = None,
        to: Any = None,
        stream: bool = False,
        options: Options | None = None,
    ) -> pa.Table | pa.RecordBatchReader:
        """Replays the archive through groups or a service, into a `pyarrow.Table`; the arguments are those of `hr.replay`."""
        from replay.tables import archive_logs, replay_table

        targets = self.resolve(names)
        table, _ = replay_table(targets, archive_logs(self, targets), rows, spine, time, before, from_, to, options)
        return table.to_reader() if stream else table

    # --- reading ------------------------------------------------------------------------------------------------------------

    def _read_python(self) -> None:
        modules = Modules(self.path)
        for file in self._files(".py"):
            try:
                modules.load(file.stem)
            except HeadraceError as error:
                name, line = self._place(error, file)
                raise error.within(f"{name}, line {line}", file=name, line=line) from error
            except SyntaxError as error:
                name = self._shown(Path(error.filename or file))
                text = f"{name}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
                raise RepositoryError(text, file=name, line=error.lineno) from error
            # whatever a user's file raises while it runs is told with its place, the end of a script among it
            except (Exception, SystemExit) as error:
                name, line = self._place(error, file)
                told = str(error).replace(f"{modules.package}.", "")
                what = "it ends the program" if isinstance(error, SystemExit) else f"{type(error).__name__}: {told}"
                raise RepositoryError(f"{name}, line {line}: {what}", file=name, line=line) from error
        # in this order a definition is met first in the file that makes it, then in those that import it
        for module in modules.finished:
            for value in vars(module).values():
                self._take(value, self._shown(Path(str(module.__file__))))

    def _read_sql(self) -> None:
        """Files may use one another's tables, in any order."""
        waiting = self._files(".sql")
        while waiting:
            failed: list[tuple[Path, HeadraceError]] = []
            for file in waiting:
                try:
                    self._read_statements(file)
                except UnknownName as error:
                    failed.append((file, error))
            if len(failed) == len(waiting):
                raise failed[0][1]
            waiting = [file for file, _ in failed]

    def _read_statements(self, file: Path) -> None:
        from headrace.sql import parse

        known = [*self.keys, *self.sources, *self.groups]
        for definition in parse(file.read_text(encoding="utf-8"), file=file.name, known=known):
            self._take(definition, file.name)

    def _take(self, value: Any, file: str, depth: int = 0) -> None:
        """Files a value of a module, where it is a definition or a list or dict of them."""
        if isinstance(value, Source):
            base = value.base
            self.sources.add(base.name, base, file, equal_is_same=True)
            for key in base.keys.values():
                self._take(key, file)
        elif isinstance(value, FeatureGroup):
            self.groups.add(value.name, value, file, equal_is_same=False)
            for part in (*value.sources, *value.keys):
                self._take(part, file)
        elif isinstance(value, FeatureService):
            self.services.add(value.name, value, file, equal_is_same=False)
            for group in value.groups:
                self._take(group, file)
        elif isinstance(value, Key):
            self.keys.add(value.name, value, file, equal_is_same=True)
        elif isinstance(value, list | tuple) and not depth:
            for each in value:
                self._take(each, file, 1)
        elif isinstance(value, dict) and not depth:
            for each in value.values():
                self._take(each, file, 1)

    def _files(self, suffix: str) -> list[Path]:
        return sorted(file for file in self.path.glob(f"*{suffix}") if file.is_file() and not _is_other(file))

    def _place(self, error: BaseException, file: Path) -> tuple[str, int]:
        """The deepest line of the user's own files that the error came through."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if self.path in Path(frame.filename).parents]
        return (self._shown(Path(frames[-1].filename)), frames[-1].lineno or 1) if frames else (file.name, 1)

    def _shown(self, file: Path) -> str:
        return str(file.relative_to(self.path)) if self.path in file.parents else file.name


def _is_other(file: Path) -> bool:
    """Whether a file holds tests or the like."""
    name = file.name
    return name.startswith((".", "test_")) or name.endswith("_test.py") or name in _OTHERS or not file.stem.isidentifier()

"""Whether the definitions of a repository hold: what `headrace check` tells people, editors and CI.

It promises every group typed, planned and compiled, by itself and all together, without reading an event; and the problems as data, with
file and line where they are known. What is wrong in a file is found when the repository is loaded, and is then the only problem.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import HeadraceError, UserError
from headrace.plan import build
from headrace.repository import Repository

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from headrace.groups import FeatureGroup


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: its text, and where it stands."""

    text: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; `repository` is None where it could not be loaded."""

    repository: Repository | None
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def counts(self) -> dict[str, int]:
        """How many definitions of each kind there are."""
        found = self.repository
        if found is None:
            return {}
        features = sum(len(group.features) for group in found.groups)
        return {"sources": len(found.sources), "groups": len(found.groups), "features": features, "services": len(found.services)}

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        problems = [{"file": each.file, "line": each.line, "text": each.text} for each in self.problems]
        return {"ok": self.ok, **self.counts, "problems": problems}


def check(path: str | os.PathLike[str] = ".", env: str | None = None) -> Checked:
    """Checks the repository in the folder `path`, in the environment `env`.

    >>> check("/nowhere").problems[0].text
    'there is no folder /nowhere; headrace init /nowhere makes a feature repository'
    """
    try:
        repository = Repository(path, env)
    except UserError as error:
        return Checked(None, [_problem(error)])
    problems: list[Problem] = []
    for group in repository.groups:
        problems += _tried([group], repository.groups.file_of(group.name))
    if not problems and len(repository.groups) > 1:
        problems += _tried(list(repository.groups), None)
    return Checked(repository, problems)


def _tried(groups: Sequence[FeatureGroup], file: str | None) -> list[Problem]:
    """What goes wrong on the way from the definitions to what runs."""
    from operators.evaluate import compile_finish, compile_rows

    try:
        plan = build(groups)
        schemas = {source.name: source.base.schema for group in groups for source in group.sources}
        for source in plan.sources:
            compile_rows([(each.expr, each.type) for each in source.derived], schemas[source.name])
        for group in plan.groups:
            compile_finish(group.features, pa.schema([(cell.id, cell.type) for cell in group.cells]), group.requests)
    except HeadraceError as error:
        return [_problem(error, file)]
    return []


def _problem(error: HeadraceError, file: str | None = None) -> Problem:
    return Problem(error.text, error.facts.get("file", file), error.facts.get("line"))

"""Every error that headrace raises on purpose.

An error's text says what was found, where, what was expected, what exists and what to do; it is lower case and has no full stop.
The facts in it are attributes as well (`error.facts`, and `error.column` for `facts["column"]`), so that a program need not read the text.
All of them pickle: a worker's error reaches the process that started it. What to print, and the exit code, is left to the command line:
a `UserError` is 2, anything else 1.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class HeadraceError(Exception):
    """The root: a text and its facts.

    >>> error = UnknownName("unknown column 'prce' in source 'clicks'", column="prce", source="clicks")
    >>> error.column, str(error)
    ('prce', "unknown column 'prce' in source 'clicks'")
    """

    def __init__(self, text: str, **facts: Any) -> None:
        super().__init__(text)
        self.facts = facts

    @property
    def text(self) -> str:
        """What is shown to a person."""
        return str(self.args[0])

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.text, self.facts)

    def within(self, place: str, **facts: Any) -> HeadraceError:
        """The same error, told with the place in front; facts that are known already stay."""
        return _again(type(self), f"{place}: {self.text}", facts | self.facts)


def own(error: BaseException | None) -> HeadraceError | None:
    """The error of ours that another was raised from, or is: Bytewax wraps what a step raises."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, HeadraceError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _again(kind: type[HeadraceError], text: str, facts: dict[str, Any]) -> HeadraceError:
    error = kind.__new__(kind)
    HeadraceError.__init__(error, text, **facts)
    return error


class HeadraceWarning(UserWarning):
    """Something that is computed as asked, and is probably not what was meant. The command line prints it and goes on."""


class UserError(HeadraceError):
    """A mistake of the person who wrote or called something; the command line ends with 2."""


class DefinitionError(UserError):
    """A definition that cannot be: found when it is read, before any event is."""


class UnknownName(DefinitionError):
    """A column, feature, type, function, key or option that does not exist."""


class UnknownColumn(UnknownName):
    """A column that its source, batch or schema does not have.

    >>> print(UnknownColumn("prce", ["price", "item"], "source 'clicks'"))
    unknown column 'prce' in source 'clicks' (did you mean 'price'?); it has: price, item
    """

    def __init__(self, column: str, known: Iterable[str] = (), where: str = "the batch") -> None:
        names = list(known)
        super().__init__(_unknown("column", column, where, names), column=column, known=names)


class DuplicateName(DefinitionError):
    """Two things of one name where names tell them apart."""


class InvalidSql(DefinitionError):
    """SQL that does not parse, or that means nothing in a definition."""


class InvalidName(DefinitionError):
    """A name that cannot stand where it is used."""


class InvalidValue(DefinitionError):
    """A parameter that is out of its range or not understood."""


class TypeMismatch(DefinitionError):
    """An operand or column of a type that does not fit."""


class KeyMissing(DefinitionError):
    """A source without the column for a group's Key."""


class InvalidWindow(DefinitionError):
    """A window that holds nothing or contradicts itself."""


class FutureFrame(InvalidWindow):
    """A window that ends after the current row: it would see what is not known yet."""


class LabelLeak(DefinitionError):
    """A label that is read before it is known."""


class OpenAggregate(DefinitionError):
    """An aggregate without a window."""


class NestedAggregate(DefinitionError):
    """An aggregate or a window inside another."""


class MixedSources(DefinitionError):
    """Columns of several sources where one event is meant."""


class AmbiguousTruth(DefinitionError, TypeError):
    """An expression where Python asks for True or False."""


class DataError(UserError):
    """A file or table that was given and cannot be read as its source."""


class ConfigError(UserError):
    """A setting that does not exist, is of a wrong type or contradicts another."""


class RepositoryError(UserError):
    """A file of a feature repository that cannot be loaded, or definitions that do not go together."""


class StorageError(HeadraceError):
    """A file or store of ours that could not be read or written."""


class Unreachable(StorageError):
    """A store that did not answer, or not well: what is in it may be whole."""


def quoted(names: Iterable[str]) -> str:
    """Names as a text has them: 'a', 'b'."""
    return ", ".join(f"'{name}'" for name in names)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` with the nearest of `known`, or nothing when none is near.

    >>> did_you_mean("prce", ["price", "item"])
    " (did you mean 'price'?)"
    >>> did_you_mean("zzz", ["price", "item"])
    ''
    """
    by_lower = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[near[0]]}'?)" if near else ""


def unknown(what: str, name: str, where: str, known: Iterable[str], **facts: Any) -> UnknownName:
    """The error for a name that is not among `known`.

    >>> print(unknown("column", "prce", "source 'clicks'", ["price", "item"]))
    unknown column 'prce' in source 'clicks' (did you mean 'price'?); it has: price, item
    """
    names = list(known)
    return UnknownName(_unknown(what, name, where, names), name=name, known=names, **facts)


def _unknown(what: str, name: str, where: str, names: list[str]) -> str:
    has = f"; it has: {', '.join(names)}" if names else ""
    return f"unknown {what} '{name}' in {where}{did_you_mean(name, names)}{has}"

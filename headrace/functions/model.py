"""What is declared of a row function: parameters, the type of its result, and the text of its page in the reference.

It promises that `result_type` and `check` find every mistake that can be found without data. How a function is computed is told in
`operators.evaluate`; a test sees to it that the two lists are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from headrace.errors import InvalidValue, TypeMismatch

from .common import common_type

types = pa.types
Result: TypeAlias = pa.DataType | Callable[[list[pa.DataType]], pa.DataType]

_KINDS: dict[str, tuple[str, Callable[[pa.DataType], bool]]] = {
    "any": ("any value", lambda type_: True),  # noqa: ARG005
    "value": ("a value that is no list or struct", lambda type_: not types.is_nested(type_)),
    "number": ("a number", lambda type_: types.is_integer(type_) or types.is_floating(type_)),
    "magnitude": ("a number or a duration", lambda type_: types.is_integer(type_) or types.is_floating(type_) or types.is_duration(type_)),
    "int": ("an integer", lambda type_: bool(types.is_integer(type_))),
    "string": ("a string", lambda type_: bool(types.is_string(type_))),
    "day": ("a timestamp or a date", lambda type_: types.is_timestamp(type_) or types.is_date(type_)),
    "timestamp": ("a timestamp", lambda type_: bool(types.is_timestamp(type_))),
    "duration": ("a duration", lambda type_: bool(types.is_duration(type_))),
    "list": ("a list", lambda type_: types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_)),
    "packed": ("a packed value or a list of them", lambda type_: types.is_binary(type_) or types.is_list(type_)),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `kind` is a word of this module's list; `literal`: a constant; `many`: any number, the last one."""

    name: str
    kind: str
    literal: bool = False
    optional: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class RowFunction:
    """A function of one row's values, by the name that `Call` has in the canonical tree.

    `summary`, `nulls` and `failures` are sentences for the reference, `example` is a doctest. `sql_names` are further names in SQL.
    `reject` says what is wrong with the literals among the arguments. The planner, not people, puts `internal` ones into trees.
    """

    name: str
    parameters: tuple[Parameter, ...]
    result: Result
    summary: str
    example: str
    nulls: str = "Null where an argument is null."
    failures: str = "Never fails."
    sql_names: tuple[str, ...] = ()
    reject: Callable[[Sequence[Any]], str | None] | None = None
    internal: bool = False

    @property
    def signature(self) -> str:
        """The function as one would write it: `round(x: a number, [digits: a literal, an integer])`."""
        return f"{self.name}({', '.join(_written(parameter) for parameter in self.parameters)})"

    @property
    def doc(self) -> str:
        """The page of the reference: what it gives, for which arguments, what null and errors do, an example that runs."""
        return f"{self.signature}\n\n{self.summary} {self.nulls} {self.failures}\n\n{self.example}"

    def check(self, count: int) -> None:
        """Raises TypeMismatch unless the function takes `count` arguments."""
        least = sum(not parameter.optional for parameter in self.parameters)
        most = None if self.parameters and self.parameters[-1].many else len(self.parameters)
        if count < least or (most is not None and count > most):
            wanted = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
            message = f"{self.name} takes {wanted} argument{'' if wanted == '1' else 's'}, found {count}: {self.signature}"
            raise TypeMismatch(message)

    def parameter(self, index: int) -> Parameter:
        """The parameter that argument number `index`, from 0, is for."""
        return self.parameters[min(index, len(self.parameters) - 1)]

    def check_literals(self, literal: Sequence[bool]) -> None:
        """Raises TypeMismatch unless each argument that has to be a literal is one; `literal` says which are."""
        for index, is_literal in enumerate(literal):
            parameter = self.parameter(index)
            if parameter.literal and not is_literal:
                message = f"{self.name} takes a literal as {parameter.name}, found an expression: {self.signature}"
                raise TypeMismatch(message)

    def check_values(self, values: Sequence[Any]) -> None:
        """Raises InvalidValue where literals make no sense: `values` are the arguments', `...` where one is no literal."""
        known = [(self.parameter(index), value) for index, value in enumerate(values) if value is not ...]
        for parameter, value in known:
            if parameter.literal and value is None:
                message = f"{self.name} takes {_KINDS[parameter.kind][0]} as {parameter.name}, found null: {self.signature}"
                raise InvalidValue(message)
        # arguments that must be literals and are not have been refused before
        wrong = self.reject(values) if self.reject is not None else None
        if wrong:
            message = f"{self.name}: {wrong}"
            raise InvalidValue(message)

    def result_type(self, arg_types: list[pa.DataType]) -> pa.DataType:
        """The type of the result; raises TypeMismatch where the arguments are too few, too many or of another kind."""
        self.check(len(arg_types))
        for index, type_ in enumerate(arg_types):
            parameter = self.parameter(index)
            text, fits = _KINDS[parameter.kind]
            if not (pa.types.is_null(type_) or fits(type_)):
                message = f"{self.name} takes {text} as {parameter.name}, found {type_}: {self.signature}"
                raise TypeMismatch(message)
        return self.result(arg_types) if callable(self.result) else self.result


def meeting(name: str) -> Callable[[list[pa.DataType]], pa.DataType]:
    """The rule of functions whose arguments meet in one type, which is the result's."""

    def rule(arg_types: list[pa.DataType]) -> pa.DataType:
        type_ = common_type(arg_types)
        if type_ is None:
            listed = ", ".join(str(each) for each in arg_types)
            message = f"{name} takes arguments of one type, found {listed}"
            raise TypeMismatch(message)
        return type_

    return rule


def same(arg_types: list[pa.DataType]) -> pa.DataType:
    """The rule of functions that keep a number's kind: integers give int64, floats float64, durations stay."""
    first = arg_types[0]
    if pa.types.is_integer(first):
        return pa.int64()
    return first if pa.types.is_duration(first) or pa.types.is_null(first) else pa.float64()


def _written(parameter: Parameter) -> str:
    text = f"{parameter.name}: {'literal, ' if parameter.literal else ''}{_KINDS[parameter.kind][0]}"
    if parameter.many:
        text += ", ..."
    return f"[{text}]" if parameter.optional else text

"""`kernel`, `inline`, `shared`, `outlined`: what makes a Python function one of the kernels' language.

A kernel can be called from Python, with ints, floats and arrays; the others only by such functions. The first call of any kernel compiles
every kernel of its package as one library, or loads it from the cache.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from operators.machine.addresses import address
from operators.machine.values import BY_NAME, REAL, Type

if TYPE_CHECKING:
    from operators.machine.library import Library

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: dict[Any, Function] = {}
"""Every function of the language, by the Python function that it is made of; a kernel by its `Kernel` too."""


@dataclass(slots=True)
class Function:
    """A function of the language: types of its arguments and results, and how it is linked (an attribute of LLVM's)."""

    python: Any
    attribute: str
    exported: bool
    arguments: tuple[Type, ...] = field(init=False)
    results: tuple[Type, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read the annotations."""
        annotations = dict(self.python.__annotations__)
        result = str(annotations.pop("return", "missing"))
        names = inspect.signature(self.python).parameters
        self.arguments = tuple(self._type(str(annotations.get(name, "missing")), name) for name in names)
        inner = result[6:-1] if result.startswith("tuple[") else result
        self.results = () if inner == "None" else tuple(self._type(part.strip(), "result") for part in inner.split(","))

    def _type(self, text: str, what: str) -> Type:
        if text not in BY_NAME:
            raise TypeError(f"{self.name}: {what} is annotated {text!r}, expected one of {', '.join(BY_NAME)}")
        return BY_NAME[text]

    @property
    def name(self) -> str:
        """Its name in the library."""
        return f"{self.python.__module__}.{self.python.__qualname__}"


class Kernel:
    """A function that Python can call; it runs without the GIL."""

    def __init__(self, function: Function, library: Library | None = None) -> None:
        """Without a `library` it is in that of the package of its module."""
        self.function, self.library = function, library
        self.__doc__, self.__name__ = function.python.__doc__, function.python.__name__
        self._call: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Run it; results as ints and floats, several as a tuple."""
        call = self._call or self._load()
        results = self.function.results
        machine: list[Any] = []
        for kind, value in zip(self.function.arguments, arguments, strict=True):
            if kind.element is not None:
                if not isinstance(value, np.ndarray) or value.dtype not in kind.dtypes or not value.flags.c_contiguous:
                    raise self._refused(kind, value)
                machine.append(address(value))
                machine.append(value.size)
            else:
                machine.append(float(value) if kind is REAL else int(value))
        if len(results) < 2:
            return call(*machine)
        room = (ctypes.c_int64 * len(results))()
        call(*machine, ctypes.addressof(room))
        return tuple(ctypes.c_double.from_buffer(room, 8 * i).value if kind is REAL else room[i] for i, kind in enumerate(results))

    def _load(self) -> Any:
        from operators.machine.library import library_of

        library = self.library or library_of(self.function.python.__module__.rpartition(".")[0])
        kinds: list[Any] = []
        for kind in self.function.arguments:
            kinds += [ctypes.c_double] if kind is REAL else [ctypes.c_int64] * (1 if kind.element is None else 2)
        results = self.function.results
        if len(results) > 1:
            kinds.append(ctypes.c_int64)
        single = None if len(results) != 1 else ctypes.c_double if results[0] is REAL else ctypes.c_int64
        self._call = ctypes.CFUNCTYPE(single, *kinds)(library.address(self.function.name))
        return self._call

    def _refused(self, kind: Type, value: Any) -> TypeError:
        found = f"{value.dtype} with strides {value.strides}" if isinstance(value, np.ndarray) else type(value).__name__
        expected = " or ".join(sorted(map(str, kind.dtypes)))
        return TypeError(f"{self.function.name}: an argument is {found}, expected a contiguous array of {expected}")


def kernel(python: F) -> F:
    """A function that Python can call."""
    function = Function(python, "", exported=True)
    made = cast("F", Kernel(function))
    FUNCTIONS[python] = FUNCTIONS[made] = function
    return made


def inline(python: F) -> F:
    """A function that stands in each of its callers."""
    FUNCTIONS[python] = Function(python, "alwaysinline", exported=False)
    return python


def shared(python: F) -> F:
    """A function that is copied into its callers only where LLVM finds it small."""
    FUNCTIONS[python] = Function(python, "", exported=False)
    return python


def outlined(python: F) -> F:
    """A function that is always called: large, or seldom needed."""
    FUNCTIONS[python] = Function(python, "noinline", exported=False)
    return python

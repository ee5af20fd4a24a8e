"""The types of the kernels' language, and how a value of one becomes one of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

I1, I8, I32, I64, F64, PTR = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType(), ir.PointerType()

Words = np.ndarray[Any, np.dtype[np.int64]]
Halves = np.ndarray[Any, np.dtype[np.int32]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Type:
    """A type: its name in an annotation, and what LLVM makes of it. An array also has the types of its elements, in memory and in NumPy."""

    name: str
    machine: Any
    element: Any = None
    dtypes: frozenset[Any] = frozenset()


INT, REAL, BOOL, NOTHING = Type("int", I64), Type("float", F64), Type("bool", I1), Type("None", ir.VoidType())
WORDS = Type("Words", PTR, I64, frozenset({np.dtype(np.int64), np.dtype(np.uint64)}))
HALVES = Type("Halves", PTR, I32, frozenset({np.dtype(np.int32)}))
BYTES = Type("Bytes", PTR, I8, frozenset({np.dtype(np.uint8), np.dtype(np.int8), np.dtype(np.bool_)}))
"""The elements of an array of bytes are numbers from 0 to 255."""
BY_NAME = {t.name: t for t in (INT, REAL, BOOL, NOTHING, WORDS, HALVES, BYTES)}


def machine_types(kind: Type) -> list[Any]:
    """What an argument of the type is to LLVM: an array is the address of its first element and its length."""
    return [kind.machine] if kind.element is None else [kind.machine, I64]


@dataclass(frozen=True, slots=True)
class Value:
    """A value in a function that is being built. A tuple has `parts` in place of `machine`; the part of an array is its length."""

    type: Type
    machine: Any
    parts: tuple[Value, ...] = ()

    def flat(self) -> list[Any]:
        """What stands for it among the arguments of a call."""
        return [self.machine, *(part.machine for part in self.parts)]


def constant(value: float) -> Value:
    """A constant of the language."""
    if isinstance(value, bool | np.bool_):
        return Value(BOOL, ir.Constant(I1, int(value)))
    if isinstance(value, int | np.integer):
        return Value(INT, ir.Constant(I64, int(value)))
    return Value(REAL, ir.Constant(F64, float(value)))


def convert(builder: Any, value: Value, to: Type) -> Value | None:
    """The value as one of type `to` where Python would take it for one: a bool for an int, an int for a float; None where not."""
    if value.type == to:
        return value
    if value.type == BOOL and to == INT:
        return Value(INT, builder.zext(value.machine, I64))
    if value.type == INT and to == REAL:
        return Value(REAL, builder.sitofp(value.machine, F64))
    return None


def truth(builder: Any, value: Value) -> Any:
    """The value as a condition: a number is true unless it is zero."""
    if value.type == BOOL:
        return value.machine
    if value.type == INT:
        return builder.icmp_signed("!=", value.machine, ir.Constant(I64, 0))
    return builder.fcmp_unordered("!=", value.machine, ir.Constant(F64, 0.0))

"""What the kernels' language can do besides arithmetic: memory at addresses, bits, a few functions of numbers.

Memory is addressed by plain integers: an address is in bytes, an index in units of what is read. Whoever calls a kernel keeps the arrays
alive and large enough. `fixed` reads what nothing writes while a kernel runs, so that it may be read once for many uses; `put_out` and
`put_out_byte` write what no kernel reads. The functions here have no Python body; they exist for the compiler and for the type checker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir

from operators.machine.values import BOOL, F64, I8, I32, I64, INT, NOTHING, PTR, REAL, Type, Value

F = TypeVar("F", bound=Callable[..., Any])
Emit = Callable[[Any, list[Any]], Any]

OPERATIONS: dict[Any, tuple[tuple[Type, ...], Type, Emit]] = {}
"""By Python object: the types of the arguments, of the result, and what builds it."""


def operation(arguments: tuple[Type, ...], result: Type, emit: Emit) -> Callable[[F], F]:
    """Give a function of the language its meaning."""

    def register(function: F) -> F:
        OPERATIONS[function] = (arguments, result, emit)
        return function

    return register


def _pointer(builder: Any, address: Any, index: Any, element: Any) -> Any:
    return builder.gep(builder.inttoptr(address, PTR), [index], source_etype=element)


def _tag(builder: Any, instruction: Any, region: str) -> Any:
    """Tell LLVM which region an access is in: what is written to `out` is never read, so it cannot change `state`."""
    module = builder.module
    root = module.add_metadata(["headrace"])
    kind = module.add_metadata([region, root, ir.Constant(I64, 0)])
    instruction.set_metadata("tbaa", module.add_metadata([kind, kind, ir.Constant(I64, 0)]))
    return instruction


def _load(element: Any, result: Type, *, fixed: bool = False) -> Emit:
    def emit(builder: Any, args: list[Any]) -> Any:
        value = builder.load(_pointer(builder, args[0], args[1], element), typ=element)
        if fixed:
            value.set_metadata("invariant.load", builder.module.add_metadata([]))
        _tag(builder, value, "state")
        return builder.sext(value, I64) if result == INT and element != I64 else value

    return emit


def _store(element: Any, region: str = "state") -> Emit:
    def emit(builder: Any, args: list[Any]) -> Any:
        value = builder.trunc(args[2], element) if element in {I8, I32} else args[2]
        _tag(builder, builder.store(value, _pointer(builder, args[0], args[1], element)), region)

    return emit


def _call(name: str, result: Any, arguments: list[Any], *extra: Any) -> Emit:
    def emit(builder: Any, args: list[Any]) -> Any:
        module = builder.module
        function = module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)
        return builder.call(function, [*args, *extra])

    return emit


@operation((INT, INT), INT, _load(I64, INT))
def word(address: int, index: int) -> int:
    """The int64 at address + 8 index."""
    raise NotImplementedError


@operation((INT, INT), INT, _load(I64, INT, fixed=True))
def fixed(address: int, index: int) -> int:
    """The int64 at address + 8 index, where nothing is written while the kernel runs."""
    raise NotImplementedError


@operation((INT, INT), INT, _load(I8, INT, fixed=True))
def fixed_byte(address: int, index: int) -> int:
    """The int8 at address + index, where nothing is written while the kernel runs."""
    raise NotImplementedError


@operation((INT, INT), INT, _load(I32, INT))
def half(address: int, index: int) -> int:
    """The int32 at address + 4 index."""
    raise NotImplementedError


@operation((INT, INT), INT, _load(I8, INT))
def byte(address: int, index: int) -> int:
    """The int8 at address + index."""
    raise NotImplementedError


@operation((INT, INT), REAL, _load(F64, REAL))
def real(address: int, index: int) -> float:
    """The float64 at address + 8 index."""
    raise NotImplementedError


@operation((INT, INT, INT), NOTHING, _store(I64))
def set_word(address: int, index: int, value: int) -> None:
    """Write the int64 at address + 8 index."""


@operation((INT, INT, INT), NOTHING, _store(I32))
def set_half(address: int, index: int, value: int) -> None:
    """Write the int32 at address + 4 index."""


@operation((INT, INT, INT), NOTHING, _store(I8))
def set_byte(address: int, index: int, value: int) -> None:
    """Write the int8 at address + index."""


@operation((INT, INT, REAL), NOTHING, _store(F64))
def set_real(address: int, index: int, value: float) -> None:
    """Write the float64 at address + 8 index."""


@operation((INT, INT, INT), NOTHING, _store(I64, "out"))
def put_out(address: int, index: int, value: int) -> None:
    """Write the int64 at address + 8 index, which no kernel reads."""


@operation((INT, INT, INT), NOTHING, _store(I8, "out"))
def put_out_byte(address: int, index: int, value: int) -> None:
    """Write the int8 at address + index, which no kernel reads."""


def _prefetch(builder: Any, args: list[Any]) -> Any:
    flags = [ir.Constant(I32, n) for n in (0, 3, 1)]
    return _call("llvm.prefetch.p0", ir.VoidType(), [PTR, I32, I32, I32], *flags)(builder, [builder.inttoptr(args[0], PTR)])


def address_of(array: Any) -> int:
    """Where an array begins; for any array."""
    raise NotImplementedError


@operation((INT,), NOTHING, _prefetch)
def prefetch(address: int) -> None:
    """Have the cache line at the address fetched; the address may be any."""


@operation((INT,), REAL, lambda builder, args: builder.bitcast(args[0], F64))
def as_float(value: int) -> float:
    """The float64 that has the bits of an int64."""
    raise NotImplementedError


@operation((REAL,), INT, lambda builder, args: builder.bitcast(args[0], I64))
def as_word(value: float) -> int:
    """The int64 that has the bits of a float64."""
    raise NotImplementedError


@operation((INT, INT), INT, lambda builder, args: builder.lshr(*args))
def shift_right(value: int, by: int) -> int:
    """The value as an unsigned word, shifted."""
    raise NotImplementedError


@operation((INT, INT), BOOL, lambda builder, args: builder.icmp_unsigned("<", *args))
def is_below(a: int, b: int) -> bool:
    """Whether a is less than b, both as unsigned words."""
    raise NotImplementedError


@operation((REAL, REAL, REAL), REAL, _call("llvm.fma.f64", F64, [F64, F64, F64]))
def fused(a: float, b: float, c: float) -> float:
    """The product of a and b, plus c, rounded once."""
    raise NotImplementedError


@operation((REAL, REAL), REAL, _call("llvm.pow.f64", F64, [F64, F64]))
def power(base: float, exponent: float) -> float:
    """The base to the exponent, as the C library has it."""
    raise NotImplementedError


@operation((INT,), INT, lambda builder, args: builder.ptrtoint(_call("malloc", PTR, [I64])(builder, args), I64))
def allocate(size: int) -> int:
    """The address of `size` new bytes; they are to be given back."""
    raise NotImplementedError


@operation((INT,), NOTHING, lambda builder, args: _call("free", ir.VoidType(), [PTR])(builder, [builder.inttoptr(args[0], PTR)]))
def deallocate(address: int) -> None:
    """Give back what `allocate` gave."""


@operation((INT,), INT, lambda builder, args: builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0)))
def leading_zeros(value: int) -> int:
    """How many of the 64 bits stand before the highest one."""
    raise NotImplementedError


def _is_finite(builder: Any, args: list[Any]) -> Any:
    bits = builder.and_(builder.bitcast(args[0], I64), ir.Constant(I64, 0x7FF0000000000000))
    return builder.icmp_unsigned("!=", bits, ir.Constant(I64, 0x7FF0000000000000))


OPERATIONS[math.sqrt] = ((REAL,), REAL, _call("llvm.sqrt.f64", F64, [F64]))
OPERATIONS[math.isfinite] = ((REAL,), BOOL, _is_finite)


def result_of(builder: Any, operation_: tuple[tuple[Type, ...], Type, Emit], arguments: list[Value]) -> Value:
    """Build an operation on arguments of its types."""
    return Value(operation_[1], operation_[2](builder, [a.machine for a in arguments]))

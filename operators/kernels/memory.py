"""Words, halves, reals and bytes at addresses.

The kernels address their arrays by plain integers: numba counts references on every array that it passes to a function, which costs more than the
work of a row. Whoever calls a kernel keeps the arrays alive and large enough; nothing here checks a bound. An address is in bytes, an index
in units of what is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _load(kind: Any, bits: Any, result: Any, widen: bool) -> Any:
    @intrinsic
    def load(typingctx: Any, address: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], bits().as_pointer())
            value = builder.load(builder.gep(pointer, [args[1]]))
            return builder.sext(value, ir.IntType(64)) if widen else value

        return result(types.int64, types.int64), codegen

    return load


def _store(bits: Any, value_type: Any, narrow: bool) -> Any:
    @intrinsic
    def store(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], bits().as_pointer())
            value = builder.trunc(args[2], bits()) if narrow else args[2]
            builder.store(value, builder.gep(pointer, [args[1]]))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, value_type), codegen

    return store


word: Callable[..., Any] = _load(types.int64, lambda: ir.IntType(64), types.int64, False)
"""word(address, i): the int64 at address + 8 i."""
half: Callable[..., Any] = _load(types.int32, lambda: ir.IntType(32), types.int64, True)
"""half(address, i): the int32 at address + 4 i, as an int64."""
byte: Callable[..., Any] = _load(types.int8, lambda: ir.IntType(8), types.int64, True)
"""byte(address, i): the int8 at address + i, as an int64."""
real: Callable[..., Any] = _load(types.float64, lambda: ir.DoubleType(), types.float64, False)
"""real(address, i): the float64 at address + 8 i."""
set_word: Callable[..., Any] = _store(lambda: ir.IntType(64), types.int64, False)
set_half: Callable[..., Any] = _store(lambda: ir.IntType(32), types.int64, True)
set_byte: Callable[..., Any] = _store(lambda: ir.IntType(8), types.int64, True)
set_real: Callable[..., Any] = _store(lambda: ir.DoubleType(), types.float64, False)


@intrinsic
def as_float(typingctx: Any, value: Any) -> Any:
    """The float64 that has the bits of an int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def as_word(typingctx: Any, value: Any) -> Any:
    """The int64 that has the bits of a float64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen

"""A library: every function of the language in a package, compiled together, kept on disk.

The file is named by a digest of the sources of the package and of this compiler, of LLVM and of the machine, so that it cannot serve
stale code. The folder is `$HEADRACE_CACHE`, else `$XDG_CACHE_HOME/headrace`, else `~/.cache/headrace`; where it cannot be written, each
process compiles for itself.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import pkgutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
from llvmlite import __version__ as llvmlite_version
from llvmlite import ir

from operators.machine import statements
from operators.machine.functions import FUNCTIONS, Function
from operators.machine.values import BOOL, I64, machine_types

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCK = threading.Lock()


def cache_folder() -> Path:
    """The folder of compiled libraries."""
    base = os.environ.get("HEADRACE_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace"


def _machine_type(function: Function) -> Any:
    results = [r.machine for r in function.results]
    result = ir.VoidType() if not results else results[0] if len(results) == 1 else ir.LiteralStructType(results)
    return ir.FunctionType(result, [m for a in function.arguments for m in machine_types(a)])


def assemble(kernels: Iterable[Function]) -> Any:
    """The LLVM module of these functions and of all that they call."""
    module = ir.Module("headrace")
    waiting: list[Function] = []

    def declare(function: Function) -> Any:
        name = "in " + function.name
        if name not in module.globals:
            made = ir.Function(module, _machine_type(function), name)
            made.linkage = "internal"
            made.attributes.add("nounwind")
            if function.attribute:
                made.attributes.add(function.attribute)
            waiting.append(function)
        return module.globals[name]

    for function in kernels:
        _export(module, function, declare(function))
    while waiting:
        function = waiting.pop()
        statements.build(function, declare(function), declare)
    return module


def _export(module: Any, function: Function, inner: Any) -> None:
    """What Python calls: several results are written behind one another to an address, a bool is a whole word."""
    several = len(function.results) > 1
    kind = inner.function_type
    single = I64 if function.results == (BOOL,) else kind.return_type
    outer = ir.FunctionType(ir.VoidType() if several else single, [*kind.args, *([ir.PointerType()] if several else [])])
    made = ir.Function(module, outer, function.name)
    builder = ir.IRBuilder(made.append_basic_block())
    result = builder.call(inner, made.args[: len(kind.args)])
    if several:
        for i in range(len(function.results)):
            part = builder.extract_value(result, i)
            part = builder.zext(part, I64) if part.type == ir.IntType(1) else part
            builder.store(part, builder.gep(made.args[-1], [ir.Constant(I64, i)], source_etype=I64))
        builder.ret_void()
    elif function.results:
        builder.ret(builder.zext(result, I64) if function.results == (BOOL,) else result)
    else:
        builder.ret_void()


def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True, codemodel="jitdefault")


def compiled(kernels: Iterable[Function]) -> bytes:
    """The object file of these functions, for this machine."""
    target = _target()
    module = assemble(kernels)
    module.triple, module.data_layout = llvm.get_process_triple(), str(target.target_data)
    machine = llvm.parse_assembly(str(module))
    machine.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    # loops here are short and over records: unrolled or in vectors they are no faster, and take the compiler twice as long
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(machine, builder)
    result: bytes = target.emit_object(machine)
    return result


class Library:
    """Loaded machine code."""

    def __init__(self, code: bytes) -> None:
        """`code` is an object file."""
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a kernel begins."""
        return int(self._engine.get_function_address(name))


@functools.cache
def _library(package: str) -> Library:
    root = importlib.import_module(package)
    names = [f"{package}.{m.name}" for m in pkgutil.iter_modules(root.__path__)]
    modules = [importlib.import_module(name) for name in names]
    files = [Path(str(m.__file__)) for m in modules] + sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256()
    machine = (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    for part in (llvmlite_version, str(llvm.llvm_version_info), *machine):
        digest.update(part.encode() + b"\n")
    for file in files:
        digest.update(file.read_bytes())
    place = cache_folder() / f"kernels-{digest.hexdigest()[:24]}.o"
    code = _read(place)
    if code is None:
        kernels = [f for made, f in FUNCTIONS.items() if f.exported and made is f.python and f.python.__module__ in names]
        code = compiled(kernels)
        _write(place, code)
    return Library(code)


def library_of(package: str) -> Library:
    """The library of a package of kernels; compiled at the first call on this machine."""
    with _LOCK:
        return _library(package)


def _read(place: Path) -> bytes | None:
    """What was kept, if it is whole."""
    try:
        kept = place.read_bytes()
    except OSError:
        return None
    return kept[32:] if hashlib.sha256(kept[32:]).digest() == kept[:32] else None


def _write(place: Path, code: bytes) -> None:
    # a folder that cannot be written costs time, not results
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(file.name).replace(place)

"""Statements of the kernels' language: a whole function, built in LLVM."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from operators.machine.expressions import Expressions
from operators.machine.values import I64, INT, Type, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from operators.machine.functions import Function


def build(function: Function, machine: Any, declare: Callable[[Function], Any]) -> None:
    """Build the body of `function` into the LLVM function `machine`; raises SyntaxError where it leaves the language."""
    lines, first = inspect.getsourcelines(function.python)
    definition = ast.parse(textwrap.dedent("".join(lines))).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"{function.name} is no function")
    builder = ir.IRBuilder(machine.append_basic_block("entry"))
    file = function.python.__code__.co_filename
    _Statements(Expressions(function, file, first - 1, builder, declare), machine).run(definition)


class _Statements:
    """Builds the statements of one function."""

    def __init__(self, expressions: Expressions, machine: Any) -> None:
        self.expressions, self.machine = expressions, machine
        self.builder = expressions.builder
        self.results = expressions.function.results
        self.loops: list[tuple[Any, Any]] = []
        # locals live in memory of the entry block, from where LLVM takes them into registers
        self.locals = ir.IRBuilder(self.builder.block)
        self.body = machine.append_basic_block("body")
        self.builder.position_at_end(self.body)

    def run(self, definition: ast.FunctionDef) -> None:
        """Build the whole function."""
        given = iter(self.machine.args)
        for argument, kind in zip(definition.args.args, self.expressions.function.arguments, strict=True):
            if kind.element is not None:
                self.expressions.variables[argument.arg] = (kind, Value(kind, next(given), (Value(INT, next(given)),)))
            else:
                self._assign_name(definition, argument.arg, Value(kind, next(given)))
        self._block(definition.body)
        if not self.builder.block.is_terminated:
            if self.results:
                # what comes behind an endless loop, or a result that is missing: the latter is refused by the type checker
                self.builder.unreachable()
            else:
                self.builder.ret_void()
        self.locals.branch(self.body)

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self.builder.block.is_terminated:
                return
            build = getattr(self, f"_{type(statement).__name__.lower()}", None)
            if build is None:
                self.expressions.refuse(statement, f"{type(statement).__name__} is not in the language")
            build(statement)

    # assignments

    def _place(self, name: str, kind: Type) -> Any:
        variables = self.expressions.variables
        if name not in variables:
            variables[name] = (kind, self.locals.alloca(kind.machine, name=name))
        return variables[name][1]

    def _assign_name(self, node: ast.AST, name: str, value: Value) -> None:
        known = self.expressions.variables.get(name)
        if value.machine is None or value.type.element is not None or (known is not None and known[0].element is not None):
            self.expressions.refuse(node, f"{name!r} cannot be assigned this")
        place = self._place(name, value.type)
        kind = self.expressions.variables[name][0]
        self.builder.store(self.expressions.as_type(node, value, kind).machine, place)

    def _store(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._assign_name(target, target.id, value)
        elif isinstance(target, ast.Tuple):
            if len(target.elts) != len(value.parts):
                self.expressions.refuse(target, f"{len(target.elts)} names for {len(value.parts)} values")
            for element, part in zip(target.elts, value.parts, strict=True):
                self._store(element, part)
        elif isinstance(target, ast.Subscript):
            index = self.expressions.as_type(target.slice, self.expressions.value(target.slice), INT)
            array, place = self.expressions.element(target, index)
            whole = self.expressions.as_type(target, value, INT).machine
            self.builder.store(whole if array.element == I64 else self.builder.trunc(whole, array.element), place)
        else:
            self.expressions.refuse(target, "this cannot be assigned")

    def _assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            self.expressions.refuse(node, "several targets are not in the language")
        self._store(node.targets[0], self.expressions.value(node.value))

    def _augassign(self, node: ast.AugAssign) -> None:
        before = self.expressions.value(node.target)
        self._store(node.target, self.expressions.binary(node, node.op, before, self.expressions.value(node.value)))

    # the course

    def _expr(self, node: ast.Expr) -> None:
        # a docstring says nothing to the machine
        if not isinstance(node.value, ast.Constant):
            self.expressions.value(node.value)

    def _pass(self, _: ast.Pass) -> None:
        pass

    def _return(self, node: ast.Return) -> None:
        if node.value is None:
            if self.results:
                self.expressions.refuse(node, "a result is missing")
            self.builder.ret_void()
            return
        value = self.expressions.value(node.value)
        parts = value.parts or (value,)
        if len(parts) != len(self.results):
            self.expressions.refuse(node, f"{len(parts)} results, expected {len(self.results)}")
        machine = [self.expressions.as_type(node.value, part, kind).machine for part, kind in zip(parts, self.results, strict=True)]
        if len(machine) == 1:
            self.builder.ret(machine[0])
            return
        whole = ir.Constant(self.machine.function_type.return_type, ir.Undefined)
        for i, part in enumerate(machine):
            whole = self.builder.insert_value(whole, part, i)
        self.builder.ret(whole)

    def _if(self, node: ast.If) -> None:
        condition = self.expressions.condition(node.test)
        then, ends = self.builder.append_basic_block("then"), self.builder.append_basic_block("endif")
        otherwise = self.builder.append_basic_block("else") if node.orelse else ends
        self.builder.cbranch(condition, then, otherwise)
        for block, statements in ((then, node.body), (otherwise, node.orelse)):
            if statements:
                self.builder.position_at_end(block)
                self._block(statements)
                self._go(ends)
        self.builder.position_at_end(ends)

    def _go(self, block: Any) -> None:
        if not self.builder.block.is_terminated:
            self.builder.branch(block)

    def _while(self, node: ast.While) -> None:
        if node.orelse:
            self.expressions.refuse(node, "else of a loop is not in the language")
        test, body, ends = (self.builder.append_basic_block(name) for name in ("while", "do", "done"))
        self.builder.branch(test)
        self.builder.position_at_end(test)
        endless = isinstance(node.test, ast.Constant) and node.test.value is True
        if endless:
            self.builder.branch(body)
        else:
            self.builder.cbranch(self.expressions.condition(node.test), body, ends)
        self._loop(node.body, body, test, ends)

    def _loop(self, statements: list[ast.stmt], body: Any, again: Any, ends: Any) -> None:
        self.loops.append((again, ends))
        self.builder.position_at_end(body)
        self._block(statements)
        self._go(again)
        self.loops.pop()
        self.builder.position_at_end(ends)

    def _for(self, node: ast.For) -> None:
        expressions, builder = self.expressions, self.builder
        call = node.iter
        over_range = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range" and not node.orelse
        if not over_range or not isinstance(call, ast.Call) or not isinstance(node.target, ast.Name):
            expressions.refuse(node, "a loop over anything but a range is not in the language")
        bounds = [expressions.as_type(a, expressions.value(a), INT).machine for a in call.args]
        if len(bounds) == 1:
            bounds.insert(0, ir.Constant(I64, 0))
        step = 1
        if len(bounds) == 3:
            found = ast.literal_eval(call.args[2]) if isinstance(call.args[2], ast.Constant | ast.UnaryOp) else None
            if not isinstance(found, int) or found == 0:
                expressions.refuse(node, "a step that is no constant is not in the language")
            step = found
        counter = self.locals.alloca(I64)
        builder.store(bounds[0], counter)
        test, body, onward, ends = (builder.append_basic_block(name) for name in ("for", "do", "next", "done"))
        builder.branch(test)
        builder.position_at_end(test)
        now = builder.load(counter, typ=I64)
        builder.cbranch(builder.icmp_signed("<" if step > 0 else ">", now, bounds[1]), body, ends)
        builder.position_at_end(body)
        self._assign_name(node, node.target.id, Value(INT, now))
        self._loop(node.body, body, onward, ends)
        builder.position_at_end(onward)
        builder.store(builder.add(builder.load(counter, typ=I64), ir.Constant(I64, step), flags=["nsw"]), counter)
        builder.branch(test)
        builder.position_at_end(ends)

    def _break(self, _: ast.Break) -> None:
        self.builder.branch(self.loops[-1][1])

    def _continue(self, _: ast.Continue) -> None:
        self.builder.branch(self.loops[-1][0])

"""Expressions of the kernels' language, built in LLVM."""

from __future__ import annotations

import ast
import builtins
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from llvmlite import ir

from operators.machine.functions import FUNCTIONS
from operators.machine.operations import OPERATIONS, address_of, result_of
from operators.machine.values import BOOL, F64, I1, I64, INT, NOTHING, REAL, Type, Value, constant, convert, truth

if TYPE_CHECKING:
    from operators.machine.functions import Function

WHOLE = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor", ast.LShift: "shl",
    ast.RShift: "ashr",
}  # fmt: skip
FLOATING = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
COMPARED = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Expressions:
    """Builds the expressions of one function; `variables` are its locals, by name."""

    def __init__(self, function: Function, file: str, line: int, builder: Any, declare: Any) -> None:
        """`line` stands before the function's first; `declare` gives the LLVM function of a `Function`."""
        self.function, self.file, self.line, self.builder, self.declare = function, file, line, builder, declare
        self.variables: dict[str, tuple[Type, Any]] = {}

    def refuse(self, node: ast.AST, what: str) -> NoReturn:
        """What is not in the language, at its place."""
        line = self.line + getattr(node, "lineno", 0)
        place = (self.file, line, getattr(node, "col_offset", 0) + 1, ast.unparse(node))
        raise SyntaxError(f"{what}, in the kernel {self.function.name}", place)

    def known(self, node: ast.AST) -> Any:
        """The Python object that a name or a dotted name stands for."""
        if isinstance(node, ast.Attribute):
            owner = self.known(node.value)
            if not isinstance(owner, ModuleType):
                self.refuse(node, "an attribute of what is no module")
            return getattr(owner, node.attr)
        if not isinstance(node, ast.Name):
            self.refuse(node, "neither a name nor a value")
        scope = self.function.python.__globals__
        if node.id in scope:
            return scope[node.id]
        if hasattr(builtins, node.id):
            return getattr(builtins, node.id)
        return self.refuse(node, f"unknown name {node.id!r}")

    def value(self, node: ast.expr) -> Value:
        """Build an expression."""
        build = getattr(self, f"_{type(node).__name__.lower()}", None)
        if build is None:
            self.refuse(node, f"{type(node).__name__} is not in the language")
        result: Value = build(node)
        return result

    def as_type(self, node: ast.AST, value: Value, to: Type) -> Value:
        """The value as one of another type, refused where Python would not take it for one."""
        found = convert(self.builder, value, to)
        if found is None:
            self.refuse(node, f"{value.type.name} where {to.name} is expected")
        return found

    def condition(self, node: ast.expr) -> Any:
        """Build an expression as a condition."""
        return truth(self.builder, self.value(node))

    def _constant(self, node: ast.Constant) -> Value:
        if not isinstance(node.value, bool | int | float):
            self.refuse(node, "a constant of another type than bool, int or float")
        return constant(node.value)

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.variables:
            kind, place = self.variables[node.id]
            return place if kind.element is not None else Value(kind, self.builder.load(place, typ=kind.machine))
        found = self.known(node)
        if not isinstance(found, bool | int | float):
            self.refuse(node, f"{node.id!r} is no number")
        return constant(found)

    def _attribute(self, node: ast.Attribute) -> Value:
        found = self.known(node)
        if not isinstance(found, bool | int | float):
            self.refuse(node, "no number")
        return constant(found)

    def _tuple(self, node: ast.Tuple) -> Value:
        return Value(NOTHING, None, tuple(self.value(e) for e in node.elts))

    def _subscript(self, node: ast.Subscript) -> Value:
        index = self.as_type(node.slice, self.value(node.slice), INT)
        if not isinstance(node.value, ast.Name) or node.value.id not in self.variables:
            return self._table(node, self.known(node.value), index)
        kind, place = self.element(node, index)
        loaded = self.builder.load(place, typ=kind.element)
        if kind.element == I64:
            return Value(INT, loaded)
        return Value(INT, self.builder.sext(loaded, I64) if kind.name == "Halves" else self.builder.zext(loaded, I64))

    def element(self, node: ast.Subscript, index: Value) -> tuple[Type, Any]:
        """The type of an array and the place of one of its elements."""
        array = self.value(node.value)
        if array.type.element is None:
            self.refuse(node, "an element of what is no array")
        return array.type, self.builder.gep(array.machine, [index.machine], source_etype=array.type.element)

    def _table(self, node: ast.Subscript, table: Any, index: Value) -> Value:
        if not isinstance(table, tuple) or not all(isinstance(v, int) for v in table):
            self.refuse(node, "an element of what is neither an array nor a tuple of ints")
        module = self.builder.module
        kind = ir.ArrayType(I64, len(table))
        name = "table " + " ".join(map(str, table))
        if name not in module.globals:
            data = ir.GlobalVariable(module, kind, name)
            data.initializer, data.global_constant, data.linkage = ir.Constant(kind, list(table)), True, "internal"
        place = self.builder.gep(module.globals[name], [index.machine], source_etype=I64)
        return Value(INT, self.builder.load(place, typ=I64))

    def _binop(self, node: ast.BinOp) -> Value:
        return self.binary(node, node.op, self.value(node.left), self.value(node.right))

    def binary(self, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
        """Build an arithmetic operation; ints wrap, `/` is that of floats."""
        builder, kind = self.builder, type(op)
        if left.parts or right.parts or NOTHING in {left.type, right.type}:
            self.refuse(node, "arithmetic with what is no number")
        if kind == ast.Div or REAL in {left.type, right.type}:
            if kind not in FLOATING:
                self.refuse(node, f"{kind.__name__} of floats is not in the language")
            operands = [v if v.type == REAL else convert(builder, convert(builder, v, INT) or v, REAL) for v in (left, right)]
            return Value(REAL, getattr(builder, FLOATING[kind])(*(v.machine for v in operands if v is not None)))
        if left.type == right.type == BOOL and kind in {ast.BitAnd, ast.BitOr, ast.BitXor}:
            return Value(BOOL, getattr(builder, WHOLE[kind])(left.machine, right.machine))
        a, b = (v.machine if v.type == INT else builder.zext(v.machine, I64) for v in (left, right))
        if kind in {ast.FloorDiv, ast.Mod}:
            return Value(INT, self._floor(kind, a, b))
        if kind not in WHOLE:
            self.refuse(node, f"{kind.__name__} is not in the language")
        return Value(INT, getattr(builder, WHOLE[kind])(a, b))

    def _floor(self, kind: type[ast.operator], a: Any, b: Any) -> Any:
        """Python's division, which rounds down; b is not zero."""
        builder, zero = self.builder, ir.Constant(I64, 0)
        rest = builder.srem(a, b)
        apart = builder.and_(builder.icmp_signed("!=", rest, zero), builder.icmp_signed("<", builder.xor(rest, b), zero))
        if kind == ast.Mod:
            return builder.select(apart, builder.add(rest, b), rest)
        return builder.sub(builder.sdiv(a, b), builder.zext(apart, I64))

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return Value(BOOL, self.builder.not_(self.condition(node.operand)))
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int | float):
            return constant(-node.operand.value)
        operand = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return Value(operand.type, self.builder.fneg(operand.machine) if operand.type == REAL else self.builder.neg(operand.machine))
        if isinstance(node.op, ast.Invert) and operand.type == INT:
            return Value(INT, self.builder.not_(operand.machine))
        return self.refuse(node, "not in the language")

    def _compare(self, node: ast.Compare) -> Value:
        if isinstance(node.ops[0], ast.In) and isinstance(node.comparators[0], ast.Tuple):
            return self._is_one_of(node.left, node.comparators[0].elts)
        if len(node.ops) != 1 or type(node.ops[0]) not in COMPARED:
            self.refuse(node, "a comparison of this form is not in the language")
        sign = COMPARED[type(node.ops[0])]
        left, right = self.value(node.left), self.value(node.comparators[0])
        if REAL in {left.type, right.type}:
            a, b = self.as_type(node.left, left, REAL).machine, self.as_type(node.comparators[0], right, REAL).machine
            return Value(BOOL, (self.builder.fcmp_unordered if sign == "!=" else self.builder.fcmp_ordered)(sign, a, b))
        a, b = self.as_type(node.left, left, INT).machine, self.as_type(node.comparators[0], right, INT).machine
        return Value(BOOL, self.builder.icmp_signed(sign, a, b))

    def _is_one_of(self, left: ast.expr, values: list[ast.expr]) -> Value:
        found = self.as_type(left, self.value(left), INT).machine
        result = ir.Constant(I1, 0)
        for value in values:
            result = self.builder.or_(result, self.builder.icmp_signed("==", found, self.as_type(value, self.value(value), INT).machine))
        return Value(BOOL, result)

    def _boolop(self, node: ast.BoolOp) -> Value:
        builder = self.builder
        ends = builder.append_basic_block("known")
        is_or = isinstance(node.op, ast.Or)
        known = []
        for part in node.values[:-1]:
            condition = self.condition(part)
            onward = builder.append_basic_block("and")
            known.append(builder.block)
            builder.cbranch(condition, *((ends, onward) if is_or else (onward, ends)))
            builder.position_at_end(onward)
        last = self.condition(node.values[-1])
        from_last = builder.block
        builder.branch(ends)
        builder.position_at_end(ends)
        result = builder.phi(I1)
        for block in known:
            result.add_incoming(ir.Constant(I1, int(is_or)), block)
        result.add_incoming(last, from_last)
        return Value(BOOL, result)

    def _ifexp(self, node: ast.IfExp) -> Value:
        builder = self.builder
        condition = self.condition(node.test)
        yes, no, ends = (builder.append_basic_block(name) for name in ("yes", "no", "either"))
        builder.cbranch(condition, yes, no)
        builder.position_at_end(yes)
        first = self.value(node.body)
        from_yes = builder.block
        builder.position_at_end(no)
        second = self.value(node.orelse)
        from_no = builder.block
        kind = first.type if first.type == second.type else REAL if REAL in {first.type, second.type} else INT
        incoming = []
        for at, value, block in ((node.body, first, from_yes), (node.orelse, second, from_no)):
            builder.position_at_end(block)
            incoming.append((self.as_type(at, value, kind).machine, block))
            builder.branch(ends)
        builder.position_at_end(ends)
        result = builder.phi(kind.machine)
        for value, block in incoming:
            result.add_incoming(value, block)
        return Value(kind, result)

    def _call(self, node: ast.Call) -> Value:
        if node.keywords:
            self.refuse(node, "keyword arguments are not in the language")
        target = self.known(node.func)
        arguments = [self.value(a) for a in node.args]
        if target is len and len(arguments) == 1 and arguments[0].type.element is not None:
            return arguments[0].parts[0]
        if target is address_of and len(arguments) == 1 and arguments[0].type.element is not None:
            return Value(INT, self.builder.ptrtoint(arguments[0].machine, I64))
        if target in {min, max, abs, float, int, bool}:
            return self._builtin(node, target, arguments)
        if target in OPERATIONS:
            kinds = OPERATIONS[target][0]
            return result_of(self.builder, OPERATIONS[target], self._arguments(node, arguments, kinds))
        if target not in FUNCTIONS:
            self.refuse(node, f"a call of {ast.unparse(node.func)}, which is no function of the language")
        function = FUNCTIONS[target]
        machine = [m for a in self._arguments(node, arguments, function.arguments) for m in a.flat()]
        result = self.builder.call(self.declare(function), machine)
        if len(function.results) == 1:
            return Value(function.results[0], result)
        return Value(NOTHING, None, tuple(Value(kind, self.builder.extract_value(result, i)) for i, kind in enumerate(function.results)))

    def _arguments(self, node: ast.Call, values: list[Value], kinds: tuple[Type, ...]) -> list[Value]:
        if len(values) != len(kinds):
            self.refuse(node, f"{len(values)} arguments, expected {len(kinds)}")
        return [self.as_type(at, value, kind) for at, value, kind in zip(node.args, values, kinds, strict=True)]

    def _builtin(self, node: ast.Call, target: Any, values: list[Value]) -> Value:
        builder = self.builder
        first = values[0]
        if target is float:
            return self.as_type(node, self.as_type(node, first, INT) if first.type == BOOL else first, REAL)
        if target is bool:
            return Value(BOOL, truth(builder, first))
        if target is int:
            return Value(INT, builder.fptosi(first.machine, I64)) if first.type == REAL else self.as_type(node, first, INT)
        if target is abs:
            return self._absolute(first)
        result = first
        for at, value in zip(node.args[1:], values[1:], strict=True):
            kind = REAL if REAL in {result.type, value.type} else INT
            a, b = self.as_type(node, result, kind).machine, self.as_type(at, value, kind).machine
            # as Python has it: the later one only where it is strictly less, or greater
            compare = builder.fcmp_ordered if kind == REAL else builder.icmp_signed
            result = Value(kind, builder.select(compare("<" if target is min else ">", b, a), b, a))
        return result

    def _absolute(self, value: Value) -> Value:
        builder = self.builder
        if value.type == REAL:
            known = builder.module.globals.get("llvm.fabs.f64")
            fabs = known or ir.Function(builder.module, ir.FunctionType(F64, [F64]), "llvm.fabs.f64")
            return Value(REAL, builder.call(fabs, [value.machine]))
        negative = builder.icmp_signed("<", value.machine, ir.Constant(I64, 0))
        return Value(INT, builder.select(negative, builder.neg(value.machine), value.machine))

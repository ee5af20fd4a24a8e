"""The type of every node of a canonical tree, and with it the check that it has one.

`type_of` promises an Arrow type or an error that says what was found and expected; the error's attribute `node` is the node at fault.
It relies on `headrace.functions` for row functions and on `headrace.aggregates`; `operators.evaluate` computes what is said here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
from sqlglot import exp

from headrace import tree
from headrace.aggregates import REGISTRY as AGGREGATES
from headrace.errors import HeadraceError, InvalidValue, NestedAggregate, TypeMismatch, UnknownColumn, unknown
from headrace.functions.common import common_type
from headrace.types import parse_type, type_name

Resolver: TypeAlias = Callable[[exp.Column], pa.DataType]
"""The type of a column; raises UnknownColumn."""

INT, FLOAT, BOOL, TEXT = pa.int64(), pa.float64(), pa.bool_(), pa.string()
TIME, SPAN = pa.timestamp("us", tz="UTC"), pa.duration("us")
_ARITHMETIC: dict[type[exp.Expression], tuple[str, str]] = {
    exp.Add: ("+", "add"), exp.Sub: ("-", "subtract"), exp.Mul: ("*", "multiply"), exp.Div: ("/", "divide"),
    exp.Mod: ("%", "take the remainder of"),
}  # fmt: skip
_COMPARISON = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def type_of(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    """The type of `node`, whose columns have the types that `resolver` says.

    >>> from headrace.tree import column, literal
    >>> price = column("clicks", "price")
    >>> type_of(exp.GT(this=price, expression=literal(3)), lambda column: pa.float64())
    DataType(bool)
    """
    try:
        return _type_of(node, resolver)
    except HeadraceError as error:
        if "node" not in error.__dict__:
            error.__dict__["node"] = node
        raise


def _type_of(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    if isinstance(node, exp.Column):
        return resolver(node)
    if isinstance(node, exp.Literal):
        return TEXT if node.is_string else number_type(str(node.this))
    if type(node) in _ARITHMETIC:
        sign, word = _ARITHMETIC[type(node)]
        return _arithmetic(sign, word, type_of(node.this, resolver), type_of(node.expression, resolver))
    if isinstance(node, _COMPARISON):
        return _comparison(type_of(node.this, resolver), type_of(node.expression, resolver))
    rule = _RULES.get(type(node))
    if rule is None:
        text = f"an expression cannot hold {type(node).__name__}"
        raise TypeMismatch(text)
    return rule(node, resolver)


def number_type(text: str) -> pa.DataType:
    """The type of a number as it is written: int64 where it is whole and fits, float64 else.

    >>> number_type("3"), number_type("3.0"), number_type("9223372036854775808")
    (DataType(int64), DataType(double), DataType(double))
    """
    try:
        return INT if -(2**63) <= int(text) < 2**63 else FLOAT
    except ValueError:
        return FLOAT


def kind_of(type_: pa.DataType) -> str:
    """The family by which arithmetic goes: int, float, time, span, null or other; a bool counts as neither."""
    if pa.types.is_integer(type_):
        return "int"
    if pa.types.is_floating(type_):
        return "float"
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return "time"
    if pa.types.is_duration(type_):
        return "span"
    return "null" if pa.types.is_null(type_) else "other"


_RESULTS: dict[tuple[str, str, str], pa.DataType] = {
    ("time", "-", "time"): SPAN, ("time", "+", "span"): TIME, ("time", "-", "span"): TIME, ("span", "+", "time"): TIME,
    ("span", "+", "span"): SPAN, ("span", "-", "span"): SPAN, ("span", "/", "span"): FLOAT, ("span", "*", "int"): SPAN,
    ("span", "*", "float"): SPAN, ("int", "*", "span"): SPAN, ("float", "*", "span"): SPAN, ("span", "/", "int"): SPAN,
    ("span", "/", "float"): SPAN,
}  # fmt: skip


def _arithmetic(sign: str, word: str, left: pa.DataType, right: pa.DataType) -> pa.DataType:
    kinds = (kind_of(left), kind_of(right))
    if "null" in kinds:
        other = right if kinds[0] == "null" else left
        if kind_of(other) != "other":
            return FLOAT if sign == "/" else _plain(other)
    elif set(kinds) <= {"int", "float"}:
        return FLOAT if "float" in kinds or sign == "/" else INT
    elif (kinds[0], sign, kinds[1]) in _RESULTS:
        return _RESULTS[kinds[0], sign, kinds[1]]
    hint = ""
    if any(pa.types.is_boolean(type_) for type_ in (left, right)):
        hint = ": use .cast('int64') on a bool"
    elif any(pa.types.is_string(type_) for type_ in (left, right)):
        hint = ": use hr.concat(…) to join texts" if sign == "+" else ": use .cast('float64') on a text that is a number"
    text = f"cannot {word} {type_name(left)} and {type_name(right)}{hint}"
    raise TypeMismatch(text, left=type_name(left), right=type_name(right))


def _plain(type_: pa.DataType) -> pa.DataType:
    plain: dict[str, pa.DataType] = {"int": INT, "float": FLOAT, "time": TIME, "span": SPAN, "null": pa.null()}
    return plain[kind_of(type_)]


def _comparison(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    met = common_type([left, right])
    if met is None or pa.types.is_nested(met):
        hint = ": compare with hr.literal(datetime)" if {kind_of(left), kind_of(right)} == {"time", "other"} else ""
        text = f"cannot compare {type_name(left)} with {type_name(right)}{hint}"
        raise TypeMismatch(text, left=type_name(left), right=type_name(right))
    return BOOL


def _truth(node: exp.Expression, resolver: Resolver, what: str) -> None:
    found = type_of(node, resolver)
    if not (pa.types.is_boolean(found) or pa.types.is_null(found)):
        text = f"{what} takes bool, found {type_name(found)}: compare it with something"
        raise TypeMismatch(text, found=type_name(found))


def _logic(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    word = {"and": "&", "or": "|", "not": "~"}[node.key]
    for side in (node.this, node.args.get("expression")):
        if side is not None:
            _truth(side, resolver, word)
    return BOOL


def _negative(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    found = type_of(node.this, resolver)
    if kind_of(found) not in {"int", "float", "span", "null"}:
        text = f"cannot negate {type_name(found)}{': use ~' if pa.types.is_boolean(found) else ''}"
        raise TypeMismatch(text, found=type_name(found))
    return found if kind_of(found) == "null" else _plain(found)


def _is(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    type_of(node.this, resolver)
    return BOOL


def _in(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    found = type_of(node.this, resolver)
    for choice in node.expressions:
        met = common_type([found, type_of(choice, resolver)])
        if met is None or pa.types.is_nested(met):
            text = f"cannot look for {type_name(found)} among {type_name(type_of(choice, resolver))}"
            raise TypeMismatch(text, found=type_name(found))
    return BOOL


def _case(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    branches = []
    for each in node.args["ifs"]:
        _truth(each.this, resolver, "when")
        branches.append(type_of(each.args["true"], resolver))
    default = node.args.get("default")
    branches += [] if default is None else [type_of(default, resolver)]
    met = common_type(branches)
    if met is None:
        listed = ", ".join(dict.fromkeys(type_name(type_) for type_ in branches))
        text = f"the branches of a condition have no common type: {listed}"
        raise TypeMismatch(text)
    return met


def _field(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    found = type_of(node.this, resolver)
    name = node.expression.name
    if not isinstance(found, pa.StructType):
        text = f"only a struct has fields: '{name}' is asked of {type_name(found)}"
        raise TypeMismatch(text, field=name)
    at = found.get_field_index(name)
    if at < 0:
        raise UnknownColumn(name, [found.field(i).name for i in range(found.num_fields)], "the struct")
    type_: pa.DataType = found.field(at).type
    return type_


def castable(source: pa.DataType, to: pa.DataType) -> bool:
    """Whether a value of `source` can be cast to `to`; a value that has no counterpart there is a failure of its row."""
    source_kind, to_kind = _cast_kind(source), _cast_kind(to)
    if source == to or source_kind == "null":
        return True
    if "nested" in {source_kind, to_kind}:
        return _castable_nested(source, to)
    return to_kind in _CASTS.get(source_kind, ())


_CASTS = {
    "bool": ("bool", "int", "float", "string"),
    "int": ("bool", "int", "float", "string", "timestamp", "date", "duration"),
    "float": ("bool", "int", "float", "string"),
    "string": ("bool", "int", "float", "string", "timestamp", "date", "binary"),
    "binary": ("string", "binary"),
    "timestamp": ("timestamp", "date", "int", "string"),
    "date": ("date", "timestamp", "int", "string"),
    "duration": ("duration", "int", "string"),
}


def _cast_kind(type_: pa.DataType) -> str:
    if pa.types.is_integer(type_):
        return "int"
    if pa.types.is_floating(type_):
        return "float"
    return "nested" if pa.types.is_nested(type_) else type_name(type_)


def _castable_nested(source: pa.DataType, to: pa.DataType) -> bool:
    if isinstance(source, pa.ListType) and isinstance(to, pa.ListType):
        return castable(source.value_type, to.value_type)
    if isinstance(source, pa.StructType) and isinstance(to, pa.StructType):
        ours, theirs = ([type_.field(i) for i in range(type_.num_fields)] for type_ in (source, to))
        named = [field.name for field in ours] == [field.name for field in theirs]
        return named and all(castable(a.type, b.type) for a, b in zip(ours, theirs, strict=True))
    return False


def _cast(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    found, to = type_of(node.this, resolver), parse_type(node.args["to"])
    if not castable(found, to):
        text = f"cannot cast {type_name(found)} to {type_name(to)}"
        raise TypeMismatch(text, found=type_name(found), to=type_name(to))
    return to


def _call(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    from headrace.functions import REGISTRY
    from headrace.functions_user import USER

    name = str(node.this)
    if name == "now":
        return TIME
    if name == "struct":
        return _struct(node, resolver)
    found = [type_of(each, resolver) for each in node.expressions]
    if name.startswith("udf:"):
        known = USER.get(name.removeprefix("udf:"))
        if known is None:
            raise unknown("function", name.removeprefix("udf:"), "the user's functions", USER)
        return known.returns
    if name == "unpack":
        return parse_type(node.expressions[1].this)
    if name not in REGISTRY:
        raise unknown("function", name, "headrace.functions", REGISTRY)
    function = REGISTRY[name]
    result = function.result_type(found)
    values = [literal_value(each) for each in node.expressions]
    function.check_literals([value is not ... for value in values])
    function.check_values(values)
    return result


def literal_value(node: exp.Expression) -> Any:
    """The Python value of a literal, a negative number among them; `...` of anything else."""
    if isinstance(node, exp.Neg):
        value = literal_value(node.this)
        return -value if isinstance(value, int | float) else ...
    if isinstance(node, exp.Literal):
        if node.is_string:
            return str(node.this)
        text = str(node.this)
        return int(text) if number_type(text) == INT else float(text)
    if isinstance(node, exp.Boolean | tree.Duration | tree.Instant):
        return node.this
    return None if isinstance(node, exp.Null) else ...


def _struct(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    """Names and values by turns."""
    names = [literal_value(each) for each in node.expressions[::2]]
    if len(node.expressions) % 2 or not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise TypeMismatch("struct takes names and values by turns, the names as different literal texts")
    return pa.struct([(name, type_of(each, resolver)) for name, each in zip(names, node.expressions[1::2], strict=True)])


def _aggregate(node: exp.Expression, resolver: Resolver) -> pa.DataType:
    kind = AGGREGATES.get(node.args["kind"])
    if kind is None:
        raise unknown("aggregate", node.args["kind"], "headrace.aggregates", AGGREGATES)
    for side in (node.this, node.args.get("where")):
        if side is not None and side.find(tree.Aggregate) is not None:
            text = f"{kind.name} has an aggregate inside: an aggregate reads events, and other features' values are not in them"
            raise NestedAggregate(text, aggregate=kind.name)
    found = None if node.this is None else type_of(node.this, resolver)
    if node.args.get("where") is not None:
        _truth(node.args["where"], resolver, f"where= of {kind.name}")
    n, half_life = node.args.get("n"), node.args.get("half_life_us")
    if kind.needs_n and not (isinstance(n, int) and n >= 1):
        text = f"{kind.name} takes a whole number above zero, found {n!r}"
        raise InvalidValue(text, n=n)
    if kind.half_life and not (isinstance(half_life, int) and half_life > 0):
        text = f"{kind.name} takes a half-life above zero, found {half_life!r} microseconds"
        raise InvalidValue(text, half_life_us=half_life)
    return kind.result_type(found)


_RULES: dict[type[exp.Expression], Callable[[exp.Expression, Resolver], pa.DataType]] = {
    exp.Boolean: lambda _, __: BOOL,
    exp.Null: lambda _, __: pa.null(),
    tree.Duration: lambda _, __: SPAN,
    tree.Instant: lambda _, __: TIME,
    exp.Neg: _negative,
    exp.And: _logic,
    exp.Or: _logic,
    exp.Not: _logic,
    exp.Is: _is,
    exp.In: _in,
    exp.Case: _case,
    exp.Dot: _field,
    tree.CastTo: _cast,
    tree.Call: _call,
    tree.Aggregate: _aggregate,
    tree.RequestColumn: lambda node, _: parse_type(node.args["to"]),
}

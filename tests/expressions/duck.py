"""The same trees in DuckDB's SQL: an oracle that shares no code with the evaluator.

Every node becomes two columns of a sub-query of its own: its value, and whether the row failed by the rules of isolation. DuckDB's own
`TRY` gives null for the row that raises. Where DuckDB means something else on purpose, the SQL says ours:

- a cast of a float to an integer rounds there and truncates here: `trunc` stands in front
- a text such as `1.5` or `1e3` casts to an integer there and fails here: a pattern stands in front; `trim` takes blanks alone there
- 0/0, x % 0 for floats, ln(0), sqrt(-1) are NaN or infinite there and null here
- greatest over text and the order of bool agree; `sign` of NaN is 0 there, and is left out here for floats
- the least int64 modulo -1 raises there and is 0 here
- the hash differs, and is tested against the vectors of XXH64 instead
"""

from __future__ import annotations

import functools
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from headrace.tree import Call, CastTo, Instant
from headrace.typing import type_of

_SIGNS: dict[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_TYPES = {"int64": "BIGINT", "int32": "INTEGER", "int8": "TINYINT", "float64": "DOUBLE", "float32": "FLOAT", "string": "VARCHAR", "bool": "BOOLEAN", "timestamp": "TIMESTAMP"}  # fmt: skip
_PARTS = {
    "weekday": "isodow({}) - 1",
    "day_of_year": "dayofyear({})",
    "epoch_s": "(epoch_us({}) - ((epoch_us({}) % 1000000 + 1000000) % 1000000)) // 1000000",
}
_DOMAIN = {"ln": "<= 0", "log10": "<= 0", "sqrt": "< 0"}
_NEVER = "FALSE"


@functools.cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One database for all examples; it folds no constants, so that what raises does so in its row."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("PRAGMA disable_optimizer")
    return connection


class Query:
    """Collects one column pair a node."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._layers: list[str] = []

    def run(self, tree: exp.Expression, batch: pa.RecordBatch) -> tuple[list[Any], int]:
        """The values of `tree` over `batch` and the number of failed rows."""
        value, failed = self._visit(tree)
        source = "(SELECT * FROM batch)"
        for layer in self._layers:
            source = f"(SELECT *, {layer} FROM {source})"
        connection = _connection()
        connection.register("batch", pa.Table.from_batches([_zoneless(batch)]))
        query = f"SELECT CASE WHEN {failed} THEN NULL ELSE {value} END, {failed} FROM {source} ORDER BY row_number"
        rows = connection.execute(query).fetchall()
        return [row[0] for row in rows], sum(row[1] for row in rows)

    def _type(self, tree: exp.Expression) -> pa.DataType:
        return type_of(tree, lambda column: self._schema.field(column.name).type)

    def _add(self, value: str, failed: str) -> tuple[str, str]:
        index = len(self._layers)
        self._layers.append(f"{value} AS v{index}, coalesce({failed}, FALSE) AS f{index}")
        return f"v{index}", f"f{index}"

    def _strict(self, value: str, *operands: tuple[str, str], fails: str = _NEVER) -> tuple[str, str]:
        """A node that fails where an operand did, or where `fails`."""
        return self._add(value, " OR ".join([fails, *(failed for _, failed in operands)]))

    def _tried(self, value: str, *operands: tuple[str, str]) -> tuple[str, str]:
        """A node that also fails where all operands are there and DuckDB raises."""
        given = " AND ".join(f"{operand} IS NOT NULL" for operand, _ in operands)
        return self._strict(f"TRY({value})", *operands, fails=f"({given} AND TRY({value}) IS NULL)")

    def _visit(self, tree: exp.Expression) -> tuple[str, str]:
        if isinstance(tree, exp.Column):
            type_ = self._schema.field(tree.name).type
            widened = "BIGINT" if pa.types.is_integer(type_) else "DOUBLE" if pa.types.is_floating(type_) else ""
            return self._add(f'"{tree.name}"::{widened}' if widened else f'"{tree.name}"', _NEVER)
        if isinstance(tree, exp.Literal):
            if tree.is_string:
                return self._add("'" + tree.this.replace("'", "''") + "'", _NEVER)
            return self._add(f"'{tree.this}'::{'BIGINT' if pa.types.is_integer(self._type(tree)) else 'DOUBLE'}", _NEVER)
        if isinstance(tree, Instant):
            return self._add(f"make_timestamp({tree.this})", _NEVER)
        if isinstance(tree, exp.Boolean):
            return self._add(str(tree.this), _NEVER)
        if isinstance(tree, exp.Null):
            return self._add("NULL", _NEVER)
        if isinstance(tree, exp.Case):
            return self._case(tree)
        if isinstance(tree, CastTo):
            return self._cast(tree)
        if isinstance(tree, Call):
            return self._call(tree)
        if isinstance(tree, exp.In):
            value, *choices = [self._visit(each) for each in (tree.this, *tree.expressions)]
            wide = "::DOUBLE" if any(pa.types.is_floating(self._type(each)) for each in (tree.this, *tree.expressions)) else ""
            return self._strict(f"{value[0]}{wide} IN ({', '.join(choice + wide for choice, _ in choices)})", value)
        if isinstance(tree, exp.Is):
            value = self._visit(tree.this)
            return self._strict(f"{value[0]} IS NULL", value)
        if isinstance(tree, exp.Not):
            value = self._visit(tree.this)
            return self._strict(f"NOT {value[0]}", value)
        if isinstance(tree, exp.Neg):
            value = self._visit(tree.this)
            if pa.types.is_integer(self._type(tree)):
                return self._tried(f"(0::BIGINT - {value[0]})", value)
            return self._strict(f"-{value[0]}", value)
        return self._binary(tree, self._visit(tree.this), self._visit(tree.expression))

    def _binary(self, tree: exp.Expression, left: tuple[str, str], right: tuple[str, str]) -> tuple[str, str]:
        (x, x_failed), (y, y_failed) = left, right
        if isinstance(tree, exp.And | exp.Or):
            word, decider = ("AND", "FALSE") if isinstance(tree, exp.And) else ("OR", "TRUE")
            decided = f"((NOT {x_failed} AND {x} IS {decider}) OR (NOT {y_failed} AND {y} IS {decider}))"
            return self._add(f"CASE WHEN {decided} THEN {decider} ELSE {x} {word} {y} END", f"({x_failed} OR {y_failed}) AND NOT {decided}")
        whole = all(pa.types.is_integer(self._type(side)) for side in (tree.this, tree.expression))
        if any(pa.types.is_floating(self._type(side)) for side in (tree.this, tree.expression)):
            x, y = f"{x}::DOUBLE", f"{y}::DOUBLE"
        if isinstance(tree, exp.Div):
            return self._strict(f"{x}::DOUBLE / nullif({y}::DOUBLE, 0)", left, right)
        if isinstance(tree, exp.Mod):
            rest = f"{x} % nullif({y}, 0)"
            return self._strict(f"CASE WHEN {y} = -1 AND {x} IS NOT NULL THEN 0 ELSE {rest} END" if whole else rest, left, right)
        value = f"({x} {_SIGNS[type(tree)]} {y})"
        return self._tried(value, left, right) if whole else self._strict(value, left, right)

    def _case(self, tree: exp.Expression) -> tuple[str, str]:
        type_ = _TYPES[_name(self._type(tree))]
        values, failures = "CASE", "CASE"
        for each in tree.args["ifs"]:
            (asked, unsure), (branch, lost) = self._visit(each.this), self._visit(each.args["true"])
            values += f" WHEN {asked} THEN {branch}::{type_}"
            failures += f" WHEN {unsure} THEN TRUE WHEN {asked} THEN {lost}"
        default = tree.args.get("default")
        last, lost = self._visit(default) if default is not None else ("NULL", _NEVER)
        return self._add(f"{values} ELSE {last}::{type_} END", f"{failures} ELSE {lost} END")

    def _cast(self, tree: exp.Expression) -> tuple[str, str]:
        source, to = _name(self._type(tree.this)), tree.args["to"]
        wide = "::BIGINT" if to.startswith("int") else "::DOUBLE" if to.startswith("float") else ""
        operand = self._visit(tree.this)
        value = operand[0]
        if source == "string" and to.startswith("int"):
            text = f"regexp_replace({value}, '^\\s+|\\s+$', '', 'g')"
            return self._tried(
                f"CASE WHEN regexp_matches({text}, '^[+-]?[0-9]+$') THEN TRY_CAST({text} AS {_TYPES[to]}){wide} END", operand
            )
        if source == "string" and to == "float64":
            return self._tried(f"TRY_CAST(trim({value}) AS DOUBLE)", operand)
        if source.startswith("float") and to.startswith("int"):
            return self._tried(f"TRY_CAST(trunc({value}) AS {_TYPES[to]}){wide}", operand)
        return self._tried(f"TRY_CAST({value} AS {_TYPES[to]}){wide}", operand)

    def _call(self, tree: exp.Expression) -> tuple[str, str]:
        name = tree.this
        operands = [self._visit(each) for each in tree.expressions]
        values = [value for value, _ in operands]
        if name == "coalesce":
            failed = _NEVER
            for value, lost in reversed(operands):
                failed = f"({lost} OR ({value} IS NULL AND {failed}))"
            return self._add(f"coalesce({', '.join(values)})", failed)
        if name in {"abs", "sign", "floor", "round"} and pa.types.is_integer(self._type(tree)):
            return self._tried(values[0] if name in {"floor", "round"} else f"{name}({values[0]})", *operands)
        return self._strict(self._function(name, values), *operands)

    def _function(self, name: str, values: list[str]) -> str:
        first = values[0]
        if name in _DOMAIN:
            return f"CASE WHEN {first} {_DOMAIN[name]} THEN NULL ELSE {name}({first}) END"
        if name == "power":
            x, y = values
            pole = f"({x} = 0 AND {y} < 0) OR ({x} < 0 AND isfinite({x}) AND isfinite({y}) AND {y} <> trunc({y}))"
            return f"CASE WHEN {pole} THEN NULL ELSE power({x}, {y}) END"
        if name == "bucketize":
            return f"CASE WHEN {first} IS NOT NULL THEN {' + '.join(f'({first} >= {bound})::BIGINT' for bound in values[1:])} END"
        if name in _PARTS:
            return _PARTS[name].replace("{}", first)
        if name == "is_nan":
            return f"isnan({first})"
        if name == "is_finite":
            return f"isfinite({first})"
        if name == "null_if":
            return f"nullif({first}, {values[1]})"
        if name == "trim":
            return f"regexp_replace({first}, '^\\s+|\\s+$', '', 'g')"
        if name == "concat":
            return " || ".join(values)
        if name == "like":
            return f"{first} LIKE {values[1]} ESCAPE '\\'"
        return f"{name}({', '.join(values)})"


def _name(type_: pa.DataType) -> str:
    from headrace.types import type_name

    return type_name(type_)


def _zoneless(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times without a zone, which DuckDB needs no extension for, and the number of the row."""
    arrays = [column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    return pa.record_batch([*arrays, pa.array(range(batch.num_rows))], names=[*batch.schema.names, "row_number"])

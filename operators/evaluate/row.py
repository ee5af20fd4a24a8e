"""One expression over the rows of a batch, and the functions' examples.

It leaves the meaning of the nodes to the compiler; here stand the entrance and the exit of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace import tree as trees
from headrace.arrow import by_name, pc

from .cast import cast
from .compiler import Compiler
from .nodes import Frame, Node, array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot import exp


def compile_row(expr: exp.Expression, schema: pa.Schema, result: pa.DataType) -> Callable[[pa.RecordBatch], tuple[pa.Array[Any], int]]:
    """`expr` over batches of `schema`: a closure that returns an array of type `result`, as long as the batch,
    and the number of failed rows.

    Raises TypeMismatch where `expr` has no meaning over `schema` or does not cast to `result`. The closure raises for no row's value.

    >>> import pyarrow as pa
    >>> from sqlglot import exp
    >>> from headrace.tree import column, literal
    >>> batch = pa.record_batch({"cents": [250, None, 9223372036854775807]})
    >>> twice = compile_row(exp.Mul(this=column("s", "cents"), expression=literal(2)), batch.schema, pa.int64())
    >>> values, failures = twice(batch)
    >>> values.to_pylist(), failures
    ([500, None, None], 1)
    """
    compute = compile_rows([(expr, result)], schema)

    def run(batch: pa.RecordBatch) -> tuple[pa.Array[Any], int]:
        values, failures = compute(batch)
        return values[0], failures[0]

    return run


def compile_rows(
    exprs: Sequence[tuple[exp.Expression, pa.DataType]], schema: pa.Schema
) -> Callable[[pa.RecordBatch], tuple[list[pa.Array[Any]], list[int]]]:
    """Several of them, each with the type of its result, in one closure: what they share is computed once a batch."""
    compiler = Compiler(schema, [expr for expr, _ in exprs], asker=False)
    nodes = [cast(compiler.node(expr), result) for expr, result in exprs]

    def run(batch: pa.RecordBatch) -> tuple[list[pa.Array[Any]], list[int]]:
        frame = Frame(batch.num_rows, by_name(batch))
        settled = [settle(node, frame) for node in nodes]
        return [values for values, _ in settled], [count for _, count in settled]

    return run


def settle(node: Node, frame: Frame) -> tuple[pa.Array[Any], int]:
    """The node's values with its failed rows null, and how many these are."""
    datum, failed = node.run(frame)
    values = array(datum, frame.rows)
    if failed is None:
        return values, 0
    count = int(np.count_nonzero(failed))
    if count:
        values = pc.if_else(pa.array(failed), pa.scalar(None, values.type), values)
    return values, count


def evaluate(name: str, *arguments: Any) -> Any:
    """The row function `name` of Python values, as a Python value: what the reference's examples are written with.

    A scalar of pyarrow brings its own type.

    >>> evaluate("round", 2.5)
    3.0
    """
    columns: dict[str, Any] = {}
    expressions = []
    for value in arguments:
        if value is None or isinstance(value, bool | int | float | str):
            expressions.append(trees.literal(value))
        else:
            label = f"argument_{len(columns)}"
            columns[label] = pa.array([value.as_py()], value.type) if isinstance(value, pa.Scalar) else pa.array([value])
            expressions.append(trees.column("", label))
    call = trees.Call(this=name, expressions=expressions)
    batch = pa.record_batch(columns) if columns else pa.record_batch({"none": pa.nulls(1)})
    node = Compiler(batch.schema, [call], asker=False).node(call)
    return settle(node, Frame(1, by_name(batch)))[0][0].as_py()

"""One expression over the rows of a batch, and the functions' examples.

It leaves the meaning of the nodes to the compiler; here stand the entrance and the exit of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace import tree as trees

from .arrow import pc
from .cast import cast
from .compiler import Compiler
from .nodes import Frame, Node, array

if TYPE_CHECKING:
    from collections.abc import Callable

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
    node = cast(Compiler(schema, [expr], asker=False).node(expr), result)

    def run(batch: pa.RecordBatch) -> tuple[pa.Array[Any], int]:
        return settle(node, Frame(batch.num_rows, batch))

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
    return settle(node, Frame(1, batch))[0][0].as_py()

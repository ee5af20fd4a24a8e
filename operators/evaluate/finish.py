"""The features of a group over its cells: what the flow, the look-up and the service evaluate, with one function.

It relies on a plan whose features name cells of one schema. Subtrees that several features share are evaluated once a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.arrow import by_name

from .cast import cast
from .compiler import Compiler
from .nodes import Frame
from .row import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from headrace.plan.model import FeaturePlan

    Finish = Callable[[pa.RecordBatch, pa.Array[Any], Mapping[str, pa.Array[Any]]], tuple[list[pa.Array[Any]], dict[str, int]]]


def compile_finish(features: Sequence[FeaturePlan], cells: pa.Schema, requests: Sequence[tuple[str, pa.DataType]] = ()) -> Finish:
    """`features` over batches of `cells`: a closure from (cells, now, requests) to (one array a feature in their order, failures).

    `now` is the asker's instant of each row, timestamp[us, UTC]; `requests` maps the name of each request column to its values, one a row.
    The failures map the name of each feature with failed rows to their number. Where no feature asks for them, None and {} will do.
    Raises TypeMismatch where a feature has no meaning over `cells`; the closure raises for no row's value.
    """
    compiler = Compiler(cells, [feature.expr for feature in features], asker=True, requests=dict(requests))
    nodes = [(feature.name, cast(compiler.node(feature.expr), feature.type)) for feature in features]

    def run(batch: pa.RecordBatch, now: pa.Array[Any], asked: Mapping[str, pa.Array[Any]]) -> tuple[list[pa.Array[Any]], dict[str, int]]:
        frame = Frame(batch.num_rows, by_name(batch), now, asked)
        values, failures = [], {}
        for name, node in nodes:
            array, count = settle(node, frame)
            values.append(array)
            if count:
                failures[name] = count
        return values, failures

    return run

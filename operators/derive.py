"""derive: the row-level expressions of a source, on whole batches.

Promises one column for each derived expression of the plan and the number of rows in which it failed (their values are null); other
columns and rows are untouched. Expressions are compiled at the first batch, whose schema types them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operators.evaluate import compile_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from headrace.plan.model import SourcePlan


class Deriver:
    """The derived columns of one source. Safe to call from several threads."""

    def __init__(self, source: SourcePlan, wanted: frozenset[str]) -> None:
        """`wanted` are the ids that something reads; the others are not computed."""
        self.derived = tuple(d for d in source.derived if d.id in wanted)
        self._compute: Callable[[pa.RecordBatch], tuple[list[pa.Array[Any]], list[int]]] | None = None

    def __call__(self, batch: pa.RecordBatch) -> tuple[list[pa.Array[Any]], dict[str, int]]:
        """The derived columns, in the order of the plan, and failures by id where there are any."""
        if self._compute is None:
            self._compute = compile_rows([(d.expr, d.type) for d in self.derived], batch.schema)
        columns, failed = self._compute(batch)
        return columns, {d.id: n for d, n in zip(self.derived, failed, strict=True) if n}

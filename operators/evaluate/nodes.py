"""What a compiled expression is made of.

A `Node` has a static Arrow type and a `run` that maps a `Frame` (one batch) to a `Result`: a datum and its failed rows. The datum is an
array of the frame's length, or a scalar that stands for every row. The failed rows are None (none) or a bool array of NumPy; whatever the
datum holds there is dropped at the root. A subtree of constants is evaluated when it is compiled.

It promises that no `run` raises for a row's value as long as the kernels keep that; types are checked by those who build nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from headrace.arrow import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Mask: TypeAlias = npt.NDArray[np.bool_]

Datum: TypeAlias = Any
"""`pa.Array` or `pa.Scalar`; pyarrow's stubs type neither well enough to say so."""
Result: TypeAlias = "tuple[Datum, Mask | None]"


@dataclass(slots=True)
class Frame:
    """One batch under evaluation: its rows, columns by name, the asker's instant and values, and results that several nodes share."""

    rows: int
    columns: Any = None
    now: pa.Array[Any] | None = None
    requests: Any = None
    memo: dict[int, Result] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """A compiled subtree. `constant` is set when every row has that value and none fails."""

    type: pa.DataType
    run: Callable[[Frame], Result]
    constant: pa.Scalar[Any] | None = None


def constant(value: Any, type_: pa.DataType) -> Node:
    """The node of a literal."""
    scalar = value if isinstance(value, pa.Scalar) else pa.scalar(value, type_)
    result: Result = (scalar, None)
    return Node(type_, lambda _: result, scalar)


def make(type_: pa.DataType, run: Callable[[Frame], Result], arguments: Sequence[Node]) -> Node:
    """A node that runs `run`, or its value when all `arguments` are constants."""
    if not all(argument.constant is not None for argument in arguments):
        return Node(type_, run)
    datum, failed = run(Frame(rows=1))
    scalar = datum if isinstance(datum, pa.Scalar) else datum[0]
    if failed is None or not failed[0]:
        return constant(scalar, type_)
    null = pa.scalar(None, type_)
    return Node(type_, lambda frame: (null, np.ones(frame.rows, dtype=np.bool_)))


def apply(type_: pa.DataType, kernel: Callable[..., Datum], *arguments: Node) -> Node:
    """A node of a kernel that fails for no row; the kernel sees at least one array among its data."""
    return fallible(type_, lambda *data: (kernel(*data), None), *arguments)


def fallible(type_: pa.DataType, kernel: Callable[..., Result], *arguments: Node) -> Node:
    """A node of a kernel that returns its failed rows; the kernel sees at least one array among its data."""
    runs = tuple(argument.run for argument in arguments)

    def run(frame: Frame) -> Result:
        failed: Mask | None = None
        data = []
        arrays = False
        for each in runs:
            datum, lost = each(frame)
            failed = join(failed, lost)
            arrays = arrays or not isinstance(datum, pa.Scalar)
            data.append(datum)
        if not arrays:
            data = [array(datum, frame.rows) for datum in data]
        datum, lost = kernel(*data)
        return datum, join(failed, lost)

    return make(type_, run, arguments)


def join(left: Mask | None, right: Mask | None) -> Mask | None:
    """The rows that failed in either."""
    if left is None:
        return right
    return left if right is None else left | right


def array(datum: Datum, rows: int) -> Any:
    """The datum as an array of `rows` rows."""
    if not isinstance(datum, pa.Scalar):
        return datum
    return repeated(datum, rows)

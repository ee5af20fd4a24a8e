"""How each row function is computed: a builder by the name in `headrace.functions`.

A builder gets the arguments' nodes and the type that the registry gave, and returns the node. Arguments that must be literals have
their `constant`. `now` is not among them: the compiler knows who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .hashing import BUILDERS as _HASHING
from .mathematics import BUILDERS as _MATHEMATICS
from .nested import BUILDERS as _NESTED
from .nested import field_of, struct_of, unpack
from .pick import BUILDERS as _PICK
from .text import BUILDERS as _TEXT
from .time import BUILDERS as _TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from operators.evaluate.nodes import Node

BUILDERS: dict[str, Callable[[list[Node], pa.DataType], Node]] = {**_HASHING, **_MATHEMATICS, **_NESTED, **_PICK, **_TEXT, **_TIME}

__all__ = ["BUILDERS", "field_of", "struct_of", "unpack"]

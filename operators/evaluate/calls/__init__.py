"""How each row function is computed: a builder by the name in `headrace.functions`.

A builder gets the arguments' nodes and the type that the registry gave, and returns the node. Arguments that must be literals have
their `constant`.
"""

from __future__ import annotations

from .nested import BUILDERS as _NESTED
from .nested import field_of, unpack
from .pick import BUILDERS as _PICK

BUILDERS = {**_NESTED, **_PICK}

__all__ = ["BUILDERS", "field_of", "unpack"]

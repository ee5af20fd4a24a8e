"""When two values are the same: to the bit where a value is exact, within the last digits where it is a rounded one.

It promises `same(a, b)` for cells of any aggregate. NaN equals NaN, null equals null, an int is not a float.
"""

from __future__ import annotations

import math
from typing import Any


def same(a: Any, b: Any, *, relative: float = 1e-12, absolute: float = 0.0) -> bool:
    """Whether two cells agree."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, relative=relative, absolute=absolute) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=relative, abs_tol=absolute)
    return type(a) is type(b) and a == b

"""The row functions: what one may call on the values of a row, by name.

`REGISTRY` is what both front ends look into and what the reference is generated from. It promises that every name has an implementation
in `operators.evaluate`; it imports nothing heavier than pyarrow.
"""

from __future__ import annotations

from .common import common_type
from .mathematics import FUNCTIONS as _MATHEMATICS
from .model import Parameter, RowFunction
from .nested import FUNCTIONS as _NESTED
from .pick import FUNCTIONS as _PICK
from .text import FUNCTIONS as _TEXT
from .time import FUNCTIONS as _TIME

REGISTRY: dict[str, RowFunction] = {function.name: function for function in (*_MATHEMATICS, *_PICK, *_TEXT, *_TIME, *_NESTED)}

SQL_NAMES: dict[str, str] = {alias: function.name for function in REGISTRY.values() for alias in (function.name, *function.sql_names)}
"""Every name that SQL may use, to the name in `REGISTRY`."""

__all__ = ["REGISTRY", "SQL_NAMES", "Parameter", "RowFunction", "common_type"]

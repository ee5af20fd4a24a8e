"""Row functions that a user brings: whole Arrow arrays in, one array out.

A function is known by its name, in Python and in SQL. It promises that a definition's digest changes with the function's source text;
calling it, and what happens when it raises, is left to `operators.evaluate`.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


@dataclass(frozen=True)
class UserFunction:
    """A function by its name: `fn` takes Arrow arrays of one length and returns an array of that length and of type `returns`."""

    name: str
    returns: pa.DataType
    fn: Callable[..., Any]
    fingerprint: str


USER: dict[str, UserFunction] = {}
"""Every function that was declared in this process, by name."""


def declare(name: str, returns: pa.DataType, fn: Callable[..., Any]) -> UserFunction:
    """Make `fn` known as `name`; the same name again replaces it, as when a notebook's cell is run twice."""
    USER[name] = UserFunction(name, returns, fn, fingerprint(fn))
    return USER[name]


def fingerprint(fn: Callable[..., Any]) -> str:
    """A hash of the function's name and source text; of its byte code where there is no text. What it closes over is not in it."""
    if isinstance(fn, functools.partial):
        content = f"{fingerprint(fn.func)} {fn.args!r} {sorted(fn.keywords.items())!r}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]
    name = getattr(fn, "__name__", type(fn).__qualname__)   # Arrow's own functions share one text
    try:
        body = textwrap.dedent(inspect.getsource(fn)).encode()
    except (OSError, TypeError):
        code = getattr(fn, "__code__", None)
        body = code.co_code + repr(code.co_consts).encode() if code is not None else b""
    return hashlib.sha256(name.encode() + b" " + body).hexdigest()[:16]

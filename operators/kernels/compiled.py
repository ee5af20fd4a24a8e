"""`kernel`: compile a function with numba, cached under the digest of every kernel's source.

numba notices a change only in the file of the function itself, not in the files of what it calls; a cache folder
named by all of them together cannot serve stale code. The folder is `$HEADRACE_CACHE`, else `$XDG_CACHE_HOME/headrace`,
else `~/.cache/headrace`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types

F = TypeVar("F", bound=Callable[..., Any])


def cache_folder() -> Path:
    """The folder that holds the compiled kernels of this version of their sources."""
    base = os.environ.get("HEADRACE_CACHE")
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace"
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return root / f"kernels-{digest.hexdigest()[:16]}"


_FOLDER = str(cache_folder())


def kernel(function: F) -> F:
    """Compile `function` at its first call, without the GIL, and keep the machine code on disk."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _FOLDER
    try:
        return numba.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")(function)  # type: ignore[no-any-return]
    finally:
        numba.config.CACHE_DIR = before


def inline(function: F) -> F:
    """Compile `function` as a part of the kernels that call it, once for each set of argument types.

    numba would compile it anew for every literal that it is called with; here a literal is only its type.
    """
    dispatcher = numba.njit(nogil=True, boundscheck=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    plain = dispatcher.get_call_template

    def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return plain(tuple(types.unliteral(arg) for arg in args), kws)

    dispatcher.get_call_template = get_call_template
    return dispatcher  # type: ignore[no-any-return]

"""Functions of the user: called with whole Arrow arrays, held to what they declared.

The function gets one `pyarrow.Array` an argument, all of one length, and returns an array of that length and of its declared type. Where it
raises, the batch is halved until the rows that make it raise stand alone. A result of another length or type fails every row. The first
failure of each kind is logged with its text.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.arrow import nulls
from headrace.errors import TypeMismatch, unknown
from headrace.functions_user import USER

from .isolate import isolate
from .nodes import Frame, Node, array, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .nodes import Mask, Result

_log = logging.getLogger("headrace.evaluate")


class _RaisedError(Exception):
    """A user's function raised; the rows are to be found."""


class _WrongResultError(Exception):
    """A user's function returned another length or type than it declared."""


def user_call(name: str, arguments: Sequence[Node]) -> Node:
    """The node of the user's function `name` on `arguments`."""
    if name not in USER:
        raise unknown("function", name, "the user's functions", USER)
    if not arguments:
        message = f"the user function {name} takes at least one argument"
        raise TypeMismatch(message)
    function = USER[name]
    type_: pa.DataType = function.returns
    logged: set[str] = set()

    def report(text: str) -> None:
        if text not in logged and len(logged) < 2:
            logged.add(text)
            _log.warning("user function %s: %s", name, text)

    def checked(*data: pa.Array[Any]) -> Any:
        try:
            result: Any = function.fn(*data)
        except Exception as error:
            report(f"raised {type(error).__name__}: {error}")
            raise _RaisedError from error
        if isinstance(result, pa.ChunkedArray):
            result = result.combine_chunks()
        rows = len(data[0])
        if not isinstance(result, pa.Array) or len(result) != rows or result.type != type_:
            found = f"{result.type} of {len(result)} rows" if isinstance(result, pa.Array) else type(result).__name__
            report(f"returned {found}, expected {type_} of {rows} rows")
            raise _WrongResultError
        return result

    def run(frame: Frame) -> Result:
        failed: Mask | None = None
        data = []
        for argument in arguments:
            datum, lost = argument.run(frame)
            failed = join(failed, lost)
            data.append(array(datum, frame.rows))
        try:
            result, lost = isolate(checked, type_, *data, refused=(_RaisedError,)) if frame.rows else (nulls(0, type_), None)
        except _WrongResultError:
            result, lost = nulls(frame.rows, type_), np.ones(frame.rows, dtype=np.bool_)
        return result, join(failed, lost)

    return Node(type_, run)

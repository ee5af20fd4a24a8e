"""Values that the asker brings: an amount, a place, a time of day.

They come from the columns of a spine, from the payload of a request, and in rows of events from the event's own columns of that name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import InvalidValue, UnknownColumn
from headrace.types import parse_type, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.expressions import Expression


class Request:
    """The columns of a request, with their types.

    >>> import headrace as hr
    >>> request = hr.Request({"amount": "float64"})
    >>> request["amount"] * 2
    <expression request.amount * 2: float64>
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        if not columns:
            raise InvalidValue("a Request needs one column or more: hr.Request({'amount': 'float64'})")
        self.columns = {name: type_name(parse_type(declared)) for name, declared in columns.items()}

    def __getitem__(self, name: str) -> Expression:
        """The value `name`."""
        from headrace.expressions import Expression, request_node

        if name not in self.columns:
            raise UnknownColumn(name, list(self.columns), "the request")
        return Expression(request_node(name, self.columns[name]), {})

    def __repr__(self) -> str:
        return f"Request({self.columns})"

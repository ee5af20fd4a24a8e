"""The nodes of our own SQL: what the parser makes where sqlglot has no node, and what the rules take apart.

They live between the text and the canonical tree of `headrace.tree` and never leave this package. Every node may carry the place of its
text (`headrace.sql.place`).
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp


class Option(exp.Expression):
    """`name = value` inside `WITH (...)`: `this` is an identifier, `expression` a text."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expression": True}


class CreateKey(exp.Expression):
    """`CREATE KEY buyer_id BIGINT [DIMENSION account]`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "kind": True, "dimension": False}


class Field(exp.Expression):
    """A column of a table: a name, a type, the unit of its integers or texts, and after what time a label is known."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "kind": True, "unit": False, "label": False, "known_after": False}


class CreateTable(exp.Expression):
    """`CREATE TABLE name (fields) [WITH (options)]`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expressions": True, "options": False}


class CreateView(exp.Expression):
    """`CREATE VIEW name [WITH (options)] AS SELECT ...`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "options": False, "expression": True}


class Request(exp.Expression):
    """`REQUEST(amount DOUBLE)`: a value that the asker brings."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "kind": True}


class Extract(exp.Expression):
    """`EXTRACT(HOUR FROM ts)`: `this` is an identifier, the part."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expression": True}


class Over(exp.Expression):
    """A call with `OVER`: `alias` names a window of the `WINDOW` clause, `frame` is one written in place."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "alias": False, "frame": False}


class NamedWindow(exp.Expression):
    """`name AS (frame)` in the `WINDOW` clause."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "frame": True}


class Bound(exp.Expression):
    """One end of a standard frame: `this` is UNBOUNDED, CURRENT ROW or an expression; `side` is PRECEDING, FOLLOWING or empty."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "side": False}


class FrameClause(exp.Expression):
    """What stands between the parentheses of `OVER (...)`.

    Either ours (`last`: a text or a number; `unit`: ROWS or RANGE; `ever`; then `rows`, `delay`, `closed`), or a standard frame
    (`partition`, `order`, `kind`: ROWS, RANGE or GROUPS; `start`, `end`: bounds); `exclude` (words) may end both.
    """

    arg_types: ClassVar[dict[str, bool]] = {
        "base": False,
        "ever": False,
        "last": False,
        "counted": False,
        "rows": False,
        "delay": False,
        "closed": False,
        "partition": False,
        "order": False,
        "kind": False,
        "start": False,
        "end": False,
        "exclude": False,
    }


class Kind(exp.Expression):
    """A type by the name that a schema takes: `this` is a str."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True}


class Convert(exp.Expression):
    """`CAST(x AS BIGINT)`, `x::BIGINT`: `to` is a `Kind`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "to": True}


class Typed(exp.Expression):
    """`TIMESTAMP '2024-01-31 12:00:00'`, `DATE '2024-01-31'`: `this` is the literal, `kind` the word (str)."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "kind": True}

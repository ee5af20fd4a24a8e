"""Row functions as methods of an expression.

Each makes a `Call` to the function of that name in `headrace.functions`, whose page says what null and errors do; the rest (`is_in`,
`between`, `cast`, …) are nodes of their own. All of them are evaluated row by row, and vectorised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp as nodes

from headrace.errors import InvalidValue, TypeMismatch
from headrace.literals import literal_node
from headrace.tree import Call, CastTo
from headrace.types import parse_type, type_name
from headrace.views import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from headrace.expressions import Expression


class RowMethods:
    """What every expression can be asked, row by row."""

    __slots__ = ()

    if TYPE_CHECKING:

        def _map(self, make: Callable[..., nodes.Expression], *others: Any) -> Expression: ...

    def _call(self, name: str, *arguments: Any) -> Expression:
        return self._map(lambda *each: Call(this=name, expressions=list(each)), *arguments)

    # --- null, choice, type -------------------------------------------------------------------------------------------------

    def is_null(self) -> Expression:
        """Whether the value is missing; NaN is not."""
        return self._map(lambda node: nodes.Is(this=node, expression=nodes.Null()))

    def is_not_null(self) -> Expression:
        """Whether there is a value."""
        return self._map(lambda node: nodes.Not(this=nodes.Is(this=node, expression=nodes.Null())))

    def fill_null(self, value: Any) -> Expression:
        """`value` where this is null: a literal or an expression."""
        return self._call("coalesce", value)

    def null_if(self, value: Any) -> Expression:
        """Null where this equals `value`."""
        return self._call("null_if", value)

    def is_in(self, values: Iterable[Any]) -> Expression:
        """Whether the value is one of `values`, which are literals; null where it is null.

        >>> import headrace as hr
        >>> clicks = hr.Source("clicks", schema={"uid": "int64", "action": "string", "ts": "timestamp"}, time="ts")
        >>> clicks["action"].is_in(["buy", "cart"])
        <expression "action" in ('buy', 'cart'): bool>
        """
        if isinstance(values, str | bytes):
            text = f"is_in takes a list of values, found the text '{values!s}': use .contains() for a part of a text"
            raise TypeMismatch(text)
        listed = list(values)
        if not listed or any(value is None for value in listed):
            found = "None among them" if listed else "none"
            text = f"is_in takes one value or more, found {found}: use .is_null() for missing ones"
            raise InvalidValue(text)
        return self._map(lambda node: nodes.In(this=node, expressions=[literal_node(value) for value in listed]))

    def between(self, low: Any, high: Any) -> Expression:
        """Whether `low <= value <= high`."""
        def make(x: nodes.Expression, least: nodes.Expression, most: nodes.Expression) -> nodes.Expression:
            return nodes.And(this=nodes.GTE(this=x, expression=least), expression=nodes.LTE(this=x.copy(), expression=most))

        return self._map(make, low, high)

    def cast(self, to: str) -> Expression:
        """The value as another type (`"int64"`, `"float64"`, `"string"`, `"timestamp"`, …); null, counted, where it has none there."""
        name = type_name(parse_type(to))
        return self._map(lambda node: CastTo(this=node, to=name))

    def clip(self, low: Any = None, high: Any = None) -> Expression:
        """The value, but at least `low` and at most `high`; None is no bound."""
        if low is None and high is None:
            raise InvalidValue("clip takes a lower bound, an upper bound or both")
        if low is not None:
            return self._call("clip", low) if high is None else self._call("clip", low, high)

        def make(x: nodes.Expression, most: nodes.Expression) -> nodes.Expression:
            return nodes.Case(ifs=[nodes.If(this=nodes.GT(this=x, expression=most), true=most.copy())], default=x.copy())

        return self._map(make, high)

    def field(self, name: str) -> Expression:
        """A field of a struct."""

        def make(node: nodes.Expression) -> nodes.Expression:
            if isinstance(node, View):
                node.set("this", nodes.Dot(this=node.this.copy(), expression=nodes.to_identifier(name, quoted=True)))
                return node
            return nodes.Dot(this=node, expression=nodes.to_identifier(name, quoted=True))

        return self._map(make)

    def item(self, at: int) -> Expression:
        """The item at a place of a list: 0 is the first, -1 the last; null beyond its ends."""
        return self._call("item", at)

    def list_length(self) -> Expression:
        """How many items a list has."""
        return self._call("list_length")

    # --- numbers ------------------------------------------------------------------------------------------------------------

    def abs(self) -> Expression:
        """The absolute value."""
        return self._call("abs")

    def sign(self) -> Expression:
        """-1, 0 or 1."""
        return self._call("sign")

    def ln(self) -> Expression:
        """The natural logarithm."""
        return self._call("ln")

    def log(self) -> Expression:
        """The natural logarithm, as NumPy names it."""
        return self._call("ln")

    def log1p(self) -> Expression:
        """ln(1 + x), exact near zero."""
        return self._call("log1p")

    def log10(self) -> Expression:
        """The logarithm to base 10."""
        return self._call("log10")

    def exp(self) -> Expression:
        """The exponential: e to the power of the value."""
        return self._call("exp")

    def sqrt(self) -> Expression:
        """The square root."""
        return self._call("sqrt")

    def power(self, exponent: Any) -> Expression:
        """The value to the power of `exponent`; `x ** 2` is the same."""
        return self._call("power", exponent)

    def round(self, digits: int = 0) -> Expression:
        """Rounded to `digits` decimals."""
        return self._call("round", digits) if digits else self._call("round")

    def floor(self) -> Expression:
        """The next whole number below."""
        return self._call("floor")

    def ceil(self) -> Expression:
        """The next whole number above."""
        return self._call("ceil")

    def is_nan(self) -> Expression:
        """Whether a float is not a number."""
        return self._call("is_nan")

    def is_finite(self) -> Expression:
        """Whether a float is neither infinite nor NaN."""
        return self._call("is_finite")

    def bucketize(self, bounds: Iterable[float]) -> Expression:
        """The number of `bounds` that are at most the value, int64: 0 below the first."""
        return self._call("bucketize", *bounds)

    def hash(self, buckets: int) -> Expression:
        """A stable hash of the value, from 0 up to `buckets`, exclusive."""
        return self._call("hash", buckets)

    # --- text ---------------------------------------------------------------------------------------------------------------

    def lower(self) -> Expression:
        """In lower case."""
        return self._call("lower")

    def upper(self) -> Expression:
        """In upper case."""
        return self._call("upper")

    def trim(self) -> Expression:
        """Without white space at its ends."""
        return self._call("trim")

    def substr(self, start: int, length: int | None = None) -> Expression:
        """A part of a text, as the function `substr` counts it."""
        return self._call("substr", start) if length is None else self._call("substr", start, length)

    def length(self) -> Expression:
        """The number of characters."""
        return self._call("length")

    def contains(self, part: str) -> Expression:
        """Whether `part` stands in the text."""
        return self._call("contains", part)

    def like(self, pattern: str) -> Expression:
        """Whether the text matches `pattern`: `%` stands for any characters, `_` for one."""
        return self._call("like", pattern)

    def starts_with(self, part: str) -> Expression:
        """Whether the text begins with `part`."""
        return self._call("starts_with", part)

    def ends_with(self, part: str) -> Expression:
        """Whether the text ends with `part`."""
        return self._call("ends_with", part)

    def replace(self, old: str, new: str) -> Expression:
        """With every `old` replaced by `new`."""
        return self._call("replace", old, new)

    def concat(self, *others: Any) -> Expression:
        """The text followed by `others`."""
        return self._call("concat", *others)

    # --- time ---------------------------------------------------------------------------------------------------------------

    def year(self) -> Expression:
        """The year, UTC."""
        return self._call("year")

    def month(self) -> Expression:
        """The month, 1 to 12, UTC."""
        return self._call("month")

    def day(self) -> Expression:
        """The day of the month, UTC."""
        return self._call("day")

    def hour(self) -> Expression:
        """The hour, UTC."""
        return self._call("hour")

    def minute(self) -> Expression:
        """The minute."""
        return self._call("minute")

    def second(self) -> Expression:
        """The second."""
        return self._call("second")

    def weekday(self) -> Expression:
        """The day of the week, Monday is 0, UTC."""
        return self._call("weekday")

    def day_of_year(self) -> Expression:
        """The day of the year, from 1, UTC."""
        return self._call("day_of_year")

    def is_weekend(self) -> Expression:
        """Whether it is a Saturday or a Sunday, UTC."""
        return self._call("is_weekend")

    def epoch_s(self) -> Expression:
        """Seconds since 1970, float64."""
        return self._call("epoch_s")

    def date_trunc(self, unit: str) -> Expression:
        """The start of the `unit` (`"hour"`, `"day"`, …) in which it lies, UTC."""
        return self._map(lambda x, each: Call(this="date_trunc", expressions=[each, x]), unit)

    def seconds(self) -> Expression:
        """A duration in seconds, float64."""
        return self._call("seconds")

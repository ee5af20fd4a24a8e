"""The aggregates: which inputs they take, what they give, which parameters they have.

It promises a type for every input that an aggregate takes and an error for every other. How they are computed is left to
`operators.kernels`; the null rules stand in each one's text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.errors import TypeMismatch

if TYPE_CHECKING:
    import pyarrow as pa

Accepts = Callable[["pa.DataType"], bool]


@dataclass(frozen=True, slots=True)
class AggregateKind:
    """An aggregate by its name.

    `takes`: which inputs, in words of `_ACCEPTS`; `result`: the type it gives, "input" for that of its input, "list" for a list of
    it, "sum" for that of a sum. `widens`: its input is made int64 or float64 first. `always`: it needs no window.
    """

    name: str
    takes: str
    result: str
    doc: str
    example: str
    widens: bool = False
    needs_n: bool = False
    half_life: bool = False
    ignores_nulls: bool = False
    always: bool = False
    input_optional: bool = False
    internal: bool = False

    def result_type(self, input_type: pa.DataType | None) -> pa.DataType:
        """What it gives for an input of this type; raises TypeMismatch where it takes no such input."""
        import pyarrow as pa

        if input_type is None:
            if not self.input_optional:
                text = f"{self.name} needs an input column"
                raise TypeMismatch(text, aggregate=self.name)
        elif not _accepts(self.takes, input_type):
            from headrace.types import type_name

            text = f"{self.name} takes {_WORDS[self.takes]}, found {type_name(input_type)}{_hint(self.takes, input_type)}"
            raise TypeMismatch(text, aggregate=self.name, type=type_name(input_type))
        if self.result == "int64":
            return pa.int64()
        if self.result == "float64":
            return pa.float64()
        if self.result == "timestamp":
            return pa.timestamp("us", tz="UTC")
        if input_type is None:
            text = f"{self.name} needs an input column"
            raise TypeMismatch(text, aggregate=self.name)
        if self.result == "sum":
            return pa.float64() if pa.types.is_floating(input_type) else pa.int64()
        return pa.list_(input_type) if self.result == "list" else input_type


_WORDS = {
    "number": "numbers or bool",
    "order": "values with an order (numbers, bool, string, binary, date, timestamp, duration)",
    "any": "any value",
    "none": "no input",
}


def _accepts(takes: str, type_: pa.DataType) -> bool:
    import pyarrow as pa

    if takes == "number":
        return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_))
    if takes == "order":
        return not pa.types.is_nested(type_) and not pa.types.is_null(type_)
    return takes == "any" and not pa.types.is_null(type_)


def _hint(takes: str, type_: pa.DataType) -> str:
    import pyarrow as pa

    if takes == "number" and pa.types.is_duration(type_):
        return ": use .seconds()"
    return ": use .cast('float64')" if takes == "number" and pa.types.is_string(type_) else ""


_KINDS = [
    AggregateKind(
        "count", "any", "int64", "How many events; with an input, how many whose value is not null. 0 over nothing.",
        "clicks.count().over('1h')", input_optional=True,
    ),
    AggregateKind(
        "sum", "number", "sum", "The sum of the values that are not null: int64 of integers and bool, float64 of floats.",
        "clicks['price'].sum().over('1h')", widens=True,
    ),
    AggregateKind(
        "mean", "number", "float64", "The mean of the values that are not null.", "clicks['price'].mean().over('1h')", widens=True,
    ),
    AggregateKind("min", "order", "input", "The least value; NaN is above all.", "clicks['price'].min().over('1h')"),
    AggregateKind("max", "order", "input", "The greatest value; NaN is above all.", "clicks['price'].max().over('1h')"),
    AggregateKind(
        "var", "number", "float64", "The variance, divided by n - 1; null below two values.", "clicks['price'].var().over('1h')",
        widens=True,
    ),
    AggregateKind(
        "std", "number", "float64", "The standard deviation, divided by n - 1; null below two values.", "clicks['price'].std().over('1h')",
        widens=True,
    ),
    AggregateKind(
        "first", "any", "input", "The oldest value; nulls count unless ignore_nulls=True.", "clicks['item'].first().over('1h')",
        ignores_nulls=True,
    ),
    AggregateKind(
        "last", "any", "input", "The newest value; nulls count unless ignore_nulls=True.", "clicks['item'].last().over('1h')",
        ignores_nulls=True,
    ),
    AggregateKind(
        "n_unique", "any", "int64", "How many different values that are not null, exactly; null over nothing.",
        "clicks['item'].n_unique().over('1d')",
    ),
    AggregateKind(
        "last_n", "any", "list", "The newest n values as a list, oldest first; nulls count unless ignore_nulls=True. Null over nothing.",
        "clicks['item'].last_n(5).over('1d')", needs_n=True, ignores_nulls=True,
    ),
    AggregateKind(
        "lag", "any", "input", "The value n events before the newest; nulls count unless ignore_nulls=True.",
        "clicks['item'].lag(1).over('1d')", needs_n=True, ignores_nulls=True,
    ),
    AggregateKind(
        "last_time", "none", "timestamp", "The time of the newest event.", "clicks.time_since_last()", always=True, input_optional=True,
        internal=True,
    ),
    AggregateKind(
        "decay_sum", "number", "float64", "The sum in which a value counts half as much after every half-life, at the asker's instant.",
        "clicks['price'].decayed_sum(half_life='1d')", widens=True, half_life=True, always=True,
    ),
    AggregateKind(
        "decay_count", "none", "float64", "The number of events, each counting half as much after every half-life, at the asker's instant.",
        "clicks.decayed_count(half_life='1d')", half_life=True, always=True, input_optional=True,
    ),
]  # fmt: skip

REGISTRY: dict[str, AggregateKind] = {kind.name: kind for kind in _KINDS}
"""Every aggregate by the name that `Aggregate.kind` has in the tree."""

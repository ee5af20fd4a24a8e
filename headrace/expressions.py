"""Expressions: what a feature is written with.

An `Expression` is immutable: one canonical tree, or several where a list of windows made a template of it, and the sources that they read.
It promises that a mistake that can be seen at an operator is raised there, not when the group is made; the windows are checked by the
group. Row functions stand in `headrace.methods`, aggregates and `over` in `headrace.aggregating`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sqlglot import exp

from headrace import tree
from headrace.aggregating import Aggregating
from headrace.errors import AmbiguousTruth, DuplicateName, InvalidValue, MixedSources, TypeMismatch
from headrace.forms import form
from headrace.literals import literal_node
from headrace.methods import RowMethods
from headrace.types import type_name
from headrace.typing import type_of
from headrace.views import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyarrow import DataType

    from headrace.source import Source

_TRUTH = (
    "an expression has no truth: it stands for a column; write & | ~ for and, or, not, .is_in([…]) for in, "
    "hr.when(…).then(…).otherwise(…) for if"
)


class Expression(RowMethods, Aggregating):
    """A computation over columns, aggregates and values of the asker.

    >>> import headrace as hr
    >>> clicks = hr.Source("clicks", schema={"uid": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> clicks["price"] * 2 > 3
    <expression "price" * 2 > 3: bool>
    >>> clicks["price"] and True
    Traceback (most recent call last):
    headrace.errors.AmbiguousTruth: an expression has no truth: it stands for a column; write & | ~ for and, or, not, .is_in([…]) for in,
    hr.when(…).then(…).otherwise(…) for if
    """

    __slots__ = ("_types", "built", "by_name")
    __hash__ = None  # type: ignore[assignment]   # == makes an expression
    __iter__ = None

    built: tuple[tuple[str, exp.Expression], ...]
    """Suffixes and trees as they were built: columns of filtered sources are views still."""
    by_name: dict[str, Source]
    """The sources that it reads."""

    def __init__(self, variants: Sequence[tuple[str, exp.Expression]] | exp.Expression, sources: Mapping[str, Source]) -> None:
        self.built = (("", variants),) if isinstance(variants, exp.Expression) else tuple(variants)
        self.by_name = dict(sources)
        try:
            self._types: tuple[DataType, ...] = tuple(type_of(resolved(node), self._column_type) for _, node in self.built)
        except RecursionError:
            text = "an expression nests too deeply: it holds several hundred operations, one inside another; use hr.function for it"
            raise InvalidValue(text) from None

    @property
    def node(self) -> exp.Expression:
        """The canonical tree; a template has none of its own."""
        if len(self.built) > 1:
            text = f"a template has no single tree: it is {len(self.built)} features"
            raise TypeMismatch(text)
        return resolved(self.built[0][1])

    @property
    def variants(self) -> list[tuple[str, Expression]]:
        """Suffix and expression of each feature that this makes; one with the suffix "" where it is no template."""
        return [(suffix, Expression(node, self.by_name)) for suffix, node in self.built]

    @property
    def is_template(self) -> bool:
        """Whether a list of windows closed it."""
        return len(self.built) > 1 or self.built[0][0] != ""

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that it reads, in the order in which they stand."""
        return tuple(self.by_name.values())

    @property
    def type(self) -> DataType:
        """The Arrow type of its values."""
        return self._types[0]

    def _column_type(self, column: exp.Column) -> DataType:
        return self.by_name[column.table].column_type(column.name)

    # --- building -----------------------------------------------------------------------------------------------------------

    def _map(self, make: Callable[..., exp.Expression], *others: Any) -> Expression:
        return combine(make, self, *others)

    def _with(self, variants: Sequence[tuple[str, exp.Expression]], sources: Mapping[str, Source] | None = None) -> Expression:
        return Expression(variants, self.by_name if sources is None else sources)

    def _binary(self, kind: Callable[..., exp.Expression], other: Any, *, swapped: bool = False) -> Expression:
        left, right = (other, self) if swapped else (self, other)
        return combine(lambda a, b: kind(this=a, expression=b), left, right)

    # --- operators ----------------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Expression:
        return self._binary(exp.Add, other)

    def __radd__(self, other: Any) -> Expression:
        return self._binary(exp.Add, other, swapped=True)

    def __sub__(self, other: Any) -> Expression:
        return self._binary(exp.Sub, other)

    def __rsub__(self, other: Any) -> Expression:
        return self._binary(exp.Sub, other, swapped=True)

    def __mul__(self, other: Any) -> Expression:
        return self._binary(exp.Mul, other)

    def __rmul__(self, other: Any) -> Expression:
        return self._binary(exp.Mul, other, swapped=True)

    def __truediv__(self, other: Any) -> Expression:
        return self._binary(exp.Div, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return self._binary(exp.Div, other, swapped=True)

    def __floordiv__(self, other: Any) -> Expression:
        return self._binary(exp.Div, other).floor()

    def __rfloordiv__(self, other: Any) -> Expression:
        return self._binary(exp.Div, other, swapped=True).floor()

    def __mod__(self, other: Any) -> Expression:
        return self._binary(exp.Mod, other)

    def __rmod__(self, other: Any) -> Expression:
        return self._binary(exp.Mod, other, swapped=True)

    def __pow__(self, other: Any) -> Expression:
        return self.power(other)

    def __rpow__(self, other: Any) -> Expression:
        return as_expression(other).power(self)

    def __neg__(self) -> Expression:
        return self._map(lambda node: exp.Neg(this=node))

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return self.abs()

    def __round__(self, digits: int = 0) -> Expression:
        return self.round(digits)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]   # a comparison of values
        return self._binary(exp.EQ, _not_none(other, "=="))

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]   # a comparison of values
        return self._binary(exp.NEQ, _not_none(other, "!="))

    def __lt__(self, other: Any) -> Expression:
        return self._binary(exp.LT, other)

    def __le__(self, other: Any) -> Expression:
        return self._binary(exp.LTE, other)

    def __gt__(self, other: Any) -> Expression:
        return self._binary(exp.GT, other)

    def __ge__(self, other: Any) -> Expression:
        return self._binary(exp.GTE, other)

    def __and__(self, other: Any) -> Expression:
        return self._binary(exp.And, other)

    def __rand__(self, other: Any) -> Expression:
        return self._binary(exp.And, other, swapped=True)

    def __or__(self, other: Any) -> Expression:
        return self._binary(exp.Or, other)

    def __ror__(self, other: Any) -> Expression:
        return self._binary(exp.Or, other, swapped=True)

    def __invert__(self) -> Expression:
        return self._map(lambda node: exp.Not(this=node))

    def __bool__(self) -> NoReturn:
        raise AmbiguousTruth(_TRUTH)

    def __contains__(self, other: object) -> NoReturn:
        raise AmbiguousTruth(_TRUTH)

    def __getitem__(self, at: str | int) -> Expression:
        """A struct's field by its name, a list's item by its place."""
        return self.field(at) if isinstance(at, str) else self.item(at)

    def __repr__(self) -> str:
        shown = ", ".join(f"{suffix}: {describe(node)}" if suffix else describe(node) for suffix, node in self.built)
        return f"<expression {shown}: {type_name(self.type)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.built, self.by_name)


def describe(node: exp.Expression) -> str:
    """A tree as a person would write it, near to SQL."""
    from headrace.describe import text

    return text(resolved(node))


def as_expression(value: Any) -> Expression:
    """`value`, or the literal that it is."""
    if isinstance(value, Expression):
        return value
    from headrace.source import Source

    if isinstance(value, Source):
        text = f"source '{value.name}' stands where a column is expected: take one with {value.name}['column']"
        raise TypeMismatch(text, source=value.name)
    return Expression(literal_node(value), {})


def combine(make: Callable[..., exp.Expression], *values: Any) -> Expression:
    """`make` of the trees of all `values`, for every variant; templates among them have to have the same windows."""
    operands = [as_expression(value) for value in values]
    suffixes = _suffixes(operands)
    variants = []
    for at, suffix in enumerate(suffixes):
        nodes = [operand.built[at if operand.is_template else 0][1].copy() for operand in operands]
        variants.append((suffix, make(*nodes)))
    return Expression(variants, merged(operand.by_name for operand in operands))


def merged(several: Iterator[Mapping[str, Source]]) -> dict[str, Source]:
    """The sources of several expressions; two different ones of one name are refused."""
    found: dict[str, Source] = {}
    for sources in several:
        for name, source in sources.items():
            if found.setdefault(name, source) != source:
                text = f"two different sources are named '{name}': define it once and import it"
                raise DuplicateName(text, source=name)
    return found


def only_source(node: exp.Expression, what: str) -> str:
    """The name of the one source whose columns `node` reads; `what` names the expression in the error."""
    names = list(dict.fromkeys(column.table for column in node.find_all(exp.Column, bfs=False)))
    if len(names) != 1:
        found = f"reads several sources ({', '.join(names)})" if names else "reads no source's column"
        text = f"{what} {found}: an aggregate is over the events of one source"
        raise MixedSources(text, sources=names)
    return names[0]


def same(left: Expression, right: Expression) -> bool:
    """Whether two expressions are the same definition."""
    return [(suffix, form(resolved(node))) for suffix, node in left.built] == [(s, form(resolved(n))) for s, n in right.built]


def _suffixes(operands: Sequence[Expression]) -> list[str]:
    templates = [[suffix for suffix, _ in operand.built] for operand in operands if operand.is_template]
    for other in templates[1:]:
        if other != templates[0]:
            found = f"{', '.join(templates[0])} and {', '.join(other)}"
            text = f"templates of different windows meet: {found}; close them together with one .over([…])"
            raise TypeMismatch(text)
    return templates[0] if templates else [""]


def _not_none(value: object, sign: str) -> object:
    if value is None:
        raise TypeMismatch(f"a comparison with None is never true: write .{'is_null' if sign == '==' else 'is_not_null'}()")
    return value


def request_node(name: str, type_: str) -> exp.Expression:
    """The tree of a value that the asker brings."""
    return tree.RequestColumn(this=name, to=type_)

"""Feature groups: features of one Key that are owned and versioned together.

A group is checked when it is made: whoever holds one holds a definition that can be planned. It promises features in the order of their
definition, templates expanded, and a digest that depends on what is computed and not on how it was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from headrace import checks
from headrace.durations import parse_duration
from headrace.errors import DuplicateName, HeadraceError, InvalidValue, TypeMismatch, unknown
from headrace.expressions import Expression, as_expression, merged
from headrace.keys import Key, checked_name

if TYPE_CHECKING:
    from datetime import timedelta

    import pyarrow as pa

    from headrace.source import Source


class FeatureGroup:
    """Features of the entities of one Key, or of several together.

    Args:
        name: unique in a project; also the name of its tables.
        key: a Key, or a list of Keys for entities that are told apart by several.
        features: names and expressions; a template's name is followed by each of its windows.
        refresh: how often windows are looked at while no event comes.
        domain: the business area that owns it.

    Raises:
        DefinitionError: of the kind of mistake, with the feature and the group in its text.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> group = hr.FeatureGroup("activity", key=buyer, features={"views": clicks.count().over(["1h", "7d"]), "last": clicks["price"]})
    >>> list(group.features)
    ['views_1h', 'views_7d', 'last']
    >>> group["views"].prefix("buyer_").names
    ['buyer_views_1h', 'buyer_views_7d']
    """

    def __init__(
        self,
        name: str,
        *,
        key: Key | Sequence[Key],
        features: Mapping[str, Any],
        refresh: str | timedelta = "1m",
        domain: str | None = None,
        description: str | None = None,
    ) -> None:
        self.name = checked_name(name, "a FeatureGroup")
        self.keys = _keys(key, name)
        self.domain, self.description = domain, description
        self.refresh_us = parse_duration(refresh, f"refresh= of group '{name}'")
        if self.refresh_us <= 0:
            text = f"refresh='{refresh}' of group '{name}' must be above zero"
            raise InvalidValue(text, group=name)
        self.templates: dict[str, list[str]] = {}
        self.features: dict[str, Expression] = {}
        self._expand(features)
        nodes = {feature: expression.node for feature, expression in self.features.items()}
        self.requests = checks.requests_of(nodes, name)
        checks.check_names(name, self.keys, self.features, self.requests)
        try:
            found = merged(expression.by_name for expression in self.features.values())
        except HeadraceError as error:
            raise error.within(f"group '{name}'", group=name) from None
        self.sources: tuple[Source, ...] = tuple(found.values())
        checks.check_sources(name, found, self.requests)
        self.key_columns: dict[str, tuple[str, ...]] = {}
        for source in self.sources:
            try:
                self.key_columns[source.name] = source.key_columns(self.keys)
            except HeadraceError as error:
                raise error.within(f"group '{name}'", group=name) from None

    def _expand(self, features: Mapping[str, Any]) -> None:
        if not isinstance(features, Mapping) or not features:  # type: ignore[redundant-expr]   # from a caller without types
            text = f"group '{self.name}' has no features: features={{'name': expression}}"
            raise InvalidValue(text, group=self.name)
        for name, given in features.items():
            place = f"feature '{name}' of group '{self.name}'"
            try:
                expression = as_expression(given)
            except HeadraceError as error:
                raise error.within(place, group=self.name, feature=name) from None
            made = [f"{name}_{suffix}" if suffix else name for suffix, _ in expression.built]
            if expression.is_template:
                self.templates[name] = made
            for feature, (_, variant) in zip(made, expression.variants, strict=True):
                if feature in self.features:
                    text = f"group '{self.name}' has two features named '{feature}'"
                    raise DuplicateName(text, group=self.name, feature=feature)
                self.features[feature] = self._checked(feature, variant)

    def _checked(self, feature: str, expression: Expression) -> Expression:
        place = f"feature '{feature}' of group '{self.name}'"
        try:
            node = checks.closed(expression.node, place)
            checks.check_type(expression, place)
            checks.check_labels(node, expression.by_name, place)
        except HeadraceError as error:
            error.facts |= {"group": self.name, "feature": feature}
            raise
        return Expression(node, expression.by_name)

    @property
    def key(self) -> Key | tuple[Key, ...]:
        """The Key as it was given: one, or several."""
        return self.keys[0] if len(self.keys) == 1 else self.keys

    @cached_property
    def schema(self) -> pa.Schema:
        """The features' names and Arrow types, in order; without keys and time."""
        import pyarrow as pa

        return pa.schema([(name, expression.type) for name, expression in self.features.items()])

    @cached_property
    def digest(self) -> str:
        """sha256 of the typed definition in hexadecimal; the same for the same group in Python and SQL."""
        from headrace.digest import group_digest

        return group_digest(self)

    def __getitem__(self, names: str | Sequence[str]) -> Selection:
        """Some of the features, in the order that is asked for; the name of a template stands for all of it."""
        asked = [names] if isinstance(names, str) else list(names)
        found: list[str] = []
        for name in asked:
            if name not in self.features and name not in self.templates:
                raise unknown("feature", name, f"group '{self.name}'", [*self.features, *self.templates], group=self.name)
            found += [name] if name in self.features else self.templates[name]
        return Selection(self, tuple(found))

    def prefix(self, text: str) -> Selection:
        """All features under names that begin with `text`."""
        return Selection(self, tuple(self.features), text)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, FeatureGroup) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"FeatureGroup('{self.name}', key={[key.name for key in self.keys]}, {len(self.features)} features)"


class Selection:
    """Some features of a group, under the names that a model sees."""

    def __init__(self, group: FeatureGroup, features: tuple[str, ...], start: str = "") -> None:
        self.group, self.features, self.start = group, features, start

    @property
    def names(self) -> list[str]:
        """The names outside."""
        return [f"{self.start}{feature}" for feature in self.features]

    def prefix(self, text: str) -> Selection:
        """The same under names that begin with `text`."""
        return Selection(self.group, self.features, f"{text}{self.start}")

    def __repr__(self) -> str:
        return f"Selection('{self.group.name}', {self.names})"


def _keys(key: Any, group: str) -> tuple[Key, ...]:
    keys = (key,) if isinstance(key, Key) else tuple(key) if isinstance(key, list | tuple) else ()
    if not keys or not all(isinstance(each, Key) for each in keys):
        text = f"group '{group}' takes a Key, or a list of Keys, found {key!r}: hr.Key(name, dimension, type)"
        raise TypeMismatch(text, group=group)
    names = [each.name for each in keys]
    if len(set(names)) < len(names):
        text = f"group '{group}' has a Key twice: {', '.join(names)}"
        raise DuplicateName(text, group=group)
    return keys

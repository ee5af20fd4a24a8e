"""Feature services: the ordered list of features that a model takes, from several groups."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING

from headrace.errors import DuplicateName, InvalidValue, TypeMismatch
from headrace.groups import FeatureGroup, Selection
from headrace.keys import Key, checked_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


class FeatureService:
    """What one model takes, in this order.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "ts": "timestamp"}, time="ts")
    >>> activity = hr.FeatureGroup("activity", key=buyer, features={"views": clicks.count().over(["1h", "7d"])})
    >>> hr.FeatureService("fraud_v1", [activity["views_7d"].prefix("buyer_")]).features
    [('buyer_views_7d', FeatureGroup('activity', key=['buyer_id'], 2 features), 'views_7d')]
    """

    def __init__(
        self, name: str, features: Sequence[FeatureGroup | Selection], *, domain: str | None = None, description: str | None = None
    ) -> None:
        self.name = checked_name(name, "a FeatureService")
        self.domain, self.description = domain, description
        if not features:
            text = f"service '{name}' has no features: give groups, or selections such as group['views']"
            raise InvalidValue(text, service=name)
        self.features: list[tuple[str, FeatureGroup, str]] = []
        groups: dict[str, FeatureGroup] = {}
        taken: dict[str, FeatureGroup] = {}
        for given in features:
            selection = self._selection(given)
            group = selection.group
            if groups.setdefault(group.name, group) != group:
                text = f"service '{name}' takes two different groups named '{group.name}'"
                raise DuplicateName(text, service=name, group=group.name)
            for output, feature in zip(selection.names, selection.features, strict=True):
                if output in taken:
                    text = (
                        f"feature '{output}' comes twice in service '{name}': "
                        f"from group '{taken[output].name}' and from group '{group.name}'; "
                        f'rename one: {group.name}["{feature}"].prefix("{group.name}_")'
                    )
                    raise DuplicateName(text, service=name, feature=output, groups=[taken[output].name, group.name])
                taken[output] = group
                self.features.append((output, group, feature))
        self.groups: tuple[FeatureGroup, ...] = tuple(groups.values())
        self._check_columns()

    def _selection(self, given: object) -> Selection:
        if isinstance(given, FeatureGroup):
            return Selection(given, tuple(given.features))
        if isinstance(given, Selection):
            return given
        text = f"service '{self.name}' takes groups and selections such as group['views'], found {type(given).__name__}"
        raise TypeMismatch(text, service=self.name)

    def _check_columns(self) -> None:
        """One table holds the keys of all groups, what the asker brings, and the features."""
        for output, group, feature in self.features:
            for other in self.groups:
                what = "a Key" if output in [key.name for key in other.keys] else "a request column" if output in other.requests else ""
                if what:
                    text = (
                        f"feature '{output}' of service '{self.name}' has the name of {what} of group '{other.name}'; "
                        f'rename it: {group.name}["{feature}"].prefix("{group.name}_")'
                    )
                    raise DuplicateName(text, service=self.name, feature=output, groups=[group.name, other.name])

    @property
    def keys(self) -> tuple[Key, ...]:
        """The Keys of all groups, each once."""
        return tuple(dict.fromkeys(key for group in self.groups for key in group.keys))

    @property
    def names(self) -> list[str]:
        """The features' names outside, in order."""
        return [output for output, _, _ in self.features]

    @property
    def requests(self) -> dict[str, str]:
        """The request columns that the groups read, with their types."""
        return {name: declared for group in self.groups for name, declared in group.requests.items()}

    @cached_property
    def schema(self) -> pa.Schema:
        """The features' names and Arrow types, in order."""
        import pyarrow as pa

        return pa.schema([(output, group.features[feature].type) for output, group, feature in self.features])

    @cached_property
    def digest(self) -> str:
        """sha256 in hexadecimal of the features' names and of the groups that they come from."""
        content = [self.name, [[output, group.digest, feature] for output, group, feature in self.features]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def __repr__(self) -> str:
        return f"FeatureService('{self.name}', {len(self.features)} features of {[group.name for group in self.groups]})"

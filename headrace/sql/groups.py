"""`CREATE VIEW`: a FeatureGroup.

It promises the same object as `hr.FeatureGroup(...)`, and that what the group refuses is shown at the feature it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from headrace.errors import DuplicateName, HeadraceError, InvalidSql, InvalidValue, unknown
from headrace.groups import FeatureGroup
from headrace.types import type_name

from .options import listed, read_options
from .relations import Reader, feature_name
from .rules.lowering import Lowering
from .tables import implied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.expressions import Expression
    from headrace.keys import Key
    from headrace.source import Source

    from .place import Text
    from .scope import Scope

VIEW_OPTIONS = ("key", "refresh", "domain", "description")


def group_of(text: Text, node: exp.Expr, sources: Mapping[str, Source], keys: dict[str, Key]) -> FeatureGroup:
    """`CREATE VIEW name WITH (key = '...') AS SELECT ...`."""
    name = node.this.name
    options = {option.this.name.lower(): option for option in node.args.get("options") or []}
    said: dict[str, Any] = dict(read_options(text, list(options.values()), VIEW_OPTIONS, f"view '{name}'"))
    if len(options) < len(node.args.get("options") or []):
        read_options(text, node.args["options"], VIEW_OPTIONS, f"view '{name}'")
    if "key" not in said:
        problem = InvalidValue(f"view '{name}' does not say whose features these are: WITH (key = 'buyer_id')", group=name)
        raise text.located(problem, node.this)
    select = node.expression
    if not isinstance(select, exp.Select):
        problem_sql = InvalidSql("a view is one SELECT: name several sources with commas in FROM, a UNION is not known here")
        raise text.located(problem_sql, select)
    scope = Reader(text, sources).scope(select)
    if not listed(said["key"]):
        raise text.located(InvalidValue(f"view '{name}' names no key: WITH (key = 'buyer_id')", group=name), options["key"])
    said["key"] = [_key(text, each, scope, keys, options["key"]) for each in listed(said["key"])]
    features, places = _features(Lowering(text, scope, _windows(text, select), said["key"]), select)
    unused = [relation for relation in scope.relations if relation.name not in scope.used]
    if unused:
        idle = unused[0].name
        problem_sql = InvalidSql(f"no feature reads '{idle}': leave it out of FROM, or take a column or COUNT({idle}.*) of it")
        raise text.located(problem_sql, unused[0].node)
    try:
        return FeatureGroup(name, features=features, **said)
    except HeadraceError as error:
        place = places.get(error.facts.get("feature", "")) or _option(options, error) or node.this
        raise text.located(error, place) from None


def _features(lowering: Lowering, select: exp.Select) -> tuple[dict[str, Expression], dict[str, exp.Expr]]:
    features: dict[str, Expression] = {}
    places: dict[str, exp.Expr] = {}
    for each in select.expressions:
        if isinstance(each, exp.Star):
            lowering.lower(each)
        name = feature_name(lowering.text, each)
        if name in features:
            text = f"two features are named '{name}': give one of them another name with AS"
            raise lowering.refuse(DuplicateName(text, feature=name), each)
        features[name] = lowering.lower(each.this if isinstance(each, exp.Alias) else each)
        places[name] = each
    return features, places


def _windows(text: Text, select: exp.Select) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in select.args.get("windows") or []:
        if each.this.name in found:
            raise text.located(DuplicateName(f"two windows are named '{each.this.name}'", window=each.this.name), each.this)
        found[each.this.name] = each.args["frame"]
    return found


def _key(text: Text, name: str, scope: Scope, keys: dict[str, Key], option: exp.Expr) -> Key:
    """The Key of that name: created, named by a table, or implied by a column of that name."""
    if name in keys:
        return keys[name]
    for relation in scope.relations:
        for field in relation.source.fields:
            if field.name == name:
                try:
                    return implied(keys, name, type_name(field.type))
                except HeadraceError as error:
                    raise text.located(error, option) from None
    columns = [field.name for relation in scope.relations for field in relation.source.fields]
    raise text.located(unknown("key", name, "the definitions", list(dict.fromkeys([*keys, *columns]))), option.expression)


def _option(options: Mapping[str, exp.Expr], error: HeadraceError) -> exp.Expr | None:
    for name, option in options.items():
        if f"{name}=" in error.text:
            return option
    return options.get("key") if type(error).__name__ == "KeyMissing" or "key" in error.facts else None

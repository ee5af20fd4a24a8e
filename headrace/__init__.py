"""headrace: features written once, computed by one dataflow for training data and for the live stream.

What people write stands here: `import headrace as hr`. Each name is loaded when it is first used, so that the import itself takes
milliseconds; a test holds it to that.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.constructors import coalesce, concat, event_time, function, greatest, haversine, least, literal, struct, when
    from headrace.errors import HeadraceError, HeadraceWarning
    from headrace.expressions import Expression
    from headrace.groups import FeatureGroup, Selection
    from headrace.keys import Dimension, Key
    from headrace.labels import label
    from headrace.replaying import replay
    from headrace.repository import Repository
    from headrace.requests import Request
    from headrace.services import FeatureService
    from headrace.source import Source
    from headrace.sql import parse, to_sql
    from headrace.windows import Window, window

_MODULES = {
    "constructors": ("coalesce", "concat", "event_time", "function", "greatest", "haversine", "least", "literal", "struct", "when"),
    "errors": ("HeadraceError", "HeadraceWarning"),
    "expressions": ("Expression",),
    "groups": ("FeatureGroup", "Selection"),
    "keys": ("Dimension", "Key"),
    "labels": ("label",),
    "replaying": ("replay",),
    "repository": ("Repository",),
    "requests": ("Request",),
    "services": ("FeatureService",),
    "source": ("Source",),
    "sql": ("parse", "to_sql"),
    "windows": ("Window", "window"),
}
_PACKAGES = ("plan", "errors")
_WHERE = {name: module for module, names in _MODULES.items() for name in names}
"""Public names and the modules of this package that hold them."""

__all__ = [
    "Dimension", "Expression", "FeatureGroup", "FeatureService", "HeadraceError", "HeadraceWarning", "Key", "Repository", "Request",
    "Selection", "Source", "Window", "coalesce", "concat", "event_time", "function", "greatest", "haversine", "label", "least", "literal",
    "parse", "replay", "struct", "to_sql", "when", "window",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"headrace.{name}")
    if name not in _WHERE:
        text = f"headrace has no {name!r}"
        raise AttributeError(text)
    found = getattr(importlib.import_module(f"headrace.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})

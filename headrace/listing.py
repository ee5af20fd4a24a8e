"""What a repository defines, as plain data: what `headrace list` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.describe import text
from headrace.durations import format_duration
from headrace.types import type_name

if TYPE_CHECKING:
    from headrace.repository import Repository

KINDS = ("sources", "groups", "features", "services")


def inventory(repository: Repository) -> dict[str, list[dict[str, Any]]]:
    """The definitions by kind: `sources`, `groups`, `features`, `services`, each in the order of the files.

    A description is None where there is none; files are relative to the repository.
    """
    return {
        "sources": [
            {
                "name": source.name,
                "time": source.time,
                "keys": sorted({key.name for group in repository.groups if source.name in group.key_columns for key in group.keys}),
                "columns": [field.name for field in source.fields],
                "groups": [group.name for group in repository.groups if source.name in group.key_columns],
                "description": source.description,
                "file": repository.sources.file_of(source.name),
            }
            for source in repository.sources
        ],
        "groups": [
            {
                "name": group.name,
                "key": [key.name for key in group.keys],
                "sources": [source.name for source in group.sources],
                "features": list(group.features),
                "refresh": format_duration(group.refresh_us),
                "description": group.description,
                "file": repository.groups.file_of(group.name),
                "digest": group.digest,
            }
            for group in repository.groups
        ],
        "features": [
            {"name": name, "group": group.name, "type": type_name(expression.type), "expression": text(expression.node)}
            for group in repository.groups
            for name, expression in group.features.items()
        ],
        "services": [
            {
                "name": service.name,
                "keys": [key.name for key in service.keys],
                "groups": [group.name for group in service.groups],
                "features": service.names,
                "description": service.description,
                "file": repository.services.file_of(service.name),
            }
            for service in repository.services
        ],
    }

"""Stores and topics of steps that have not what a state that is gone on with has told: added or emptied since, they would lack every entity
until its next step.

Asking writes nothing; `declare` alone does. What a store has lost in part is not told here: `headrace verify` finds it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from headrace.plan import build
from sinks.online import NoStore, open_store
from sinks.stores import step_tables

from .steps import step_topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from sinks.online import OnlineStore


def declare(plan: Plan, stores: Sequence[OnlineStore]) -> None:
    """Have the stores know the groups, of which they may be told nothing for long: they are not taken for emptied then."""
    for store in stores:
        for table in step_tables(plan):
            store.declare(table)


def unfilled(repository: Repository, groups: Sequence[FeatureGroup], settings: Mapping[str, str | int | float | bool]) -> str | None:
    """The first store or topic of steps that holds nothing of a group, in words; None where there is none.

    `settings` are those of librdkafka. Raises `StorageError` and `TopicError` where a store or Kafka does not answer.
    """
    from sources.topics import TopicMissing, partitions_of

    tables = step_tables(build(list(groups)))
    for name in repository.config.online.stores:
        known = _known(repository.config.store_url(name))
        for table in tables:
            if (table.group, table.digest) not in known:
                return f"the online store '{name}' holds nothing of group '{table.group}'"
    for group, topic in step_topics(repository, [group.name for group in groups]).items():
        try:
            partitions_of(settings, topic)
        except TopicMissing:
            return f"there is no topic '{topic}' of the steps of group '{group}'"
    return None


def _known(url: str) -> set[tuple[str, str]]:
    """The tables of a store, by group and digest."""
    try:
        with closing(open_store(url, read_only=True)) as store:
            return {(table.group, table.digest) for table in store.tables()}
    except NoStore:
        return set()

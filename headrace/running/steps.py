"""The steps of a run as topics: which there are, and that they stand before the run begins.

A group's topic is `<project>.<env>.<group>.steps`. What a message says is told by `sinks.kafka`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .starting import kafka_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.repository import Repository
    from sinks.producer import Producer


def step_topics(repository: Repository, groups: Iterable[str]) -> dict[str, str]:
    """The topic of each group; none where `[steps] topics` is not set."""
    config = repository.config
    return {name: config.named(name) + ".steps" for name in groups} if config.steps.topics else {}


def make_step_topics(repository: Repository, groups: Iterable[str]) -> None:
    """Make those that are not there, compacted; raises `TopicError`."""
    topics = step_topics(repository, groups)
    if topics:
        from sinks.kafka import make_topic

        for topic in topics.values():
            make_topic(kafka_settings(repository), topic, repository.config.steps.partitions)


def step_producer(repository: Repository) -> Producer | None:
    """The producer of a process; None where no topic is asked for."""
    if not repository.config.steps.topics:
        return None
    from sinks.producer import Producer

    return Producer(kafka_settings(repository))

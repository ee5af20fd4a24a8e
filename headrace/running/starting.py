"""Where a live run starts: from its newest checkpoint, else from the archive, else from Kafka's beginning or an instant.

Promises that nothing of a log is left out or taken twice: a partition goes on at exactly the offset behind the last one that is in the
state. What Kafka no longer has is a gap; it is named with its offsets and refused unless it is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from headrace.archive import FileLog, Folder, Layout, Listed
from headrace.errors import HeadraceError
from headrace.plan import build
from operators.kernels.tables import MIN64
from operators.shard import FEW_SHARDS
from sources.partition import Place

from .checkpoints import Checkpoints
from .gaps import dropped_and_loaded
from .kept import checkpoint_of, made_of_other, places_of_unused, told_by, what_is_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.repository import Repository

    from .checkpoints import Complete

CHECKPOINT, ARCHIVE, BEGINNING, INSTANT = "checkpoint", "archive", "beginning", "instant"


class Gap(HeadraceError):
    """Kafka has dropped what neither the state nor the archive holds."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts.

    `how` is one of checkpoint, archive, beginning, instant; `places` has every partition that is read, `ended` those that the archive
    alone holds; `low` and `high` are Kafka's offsets; `skip_upto` by source the arrival of the last loaded row; `gaps` what is missing, as
    (source, partition, first, behind the last); `unreadable` why a checkpoint that is there is not used; `unfilled` what a store lacks and
    will lack; `kept` what the folder of the checkpoints is to say of itself.
    """

    how: str
    places: dict[tuple[str, int], Place]
    ended: tuple[tuple[str, int], ...]
    low: dict[tuple[str, int], int]
    high: dict[tuple[str, int], int]
    complete: Complete | None = None
    skip_upto: dict[str, int] = field(default_factory=dict)
    gaps: tuple[tuple[str, int, int, int], ...] = ()
    shards: int = FEW_SHARDS
    unreadable: str | None = None
    unfilled: str | None = None
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def partitions(self) -> list[tuple[str, int]]:
        """All partitions in their order."""
        return sorted({*self.places, *self.ended})


def kafka_settings(repository: Repository) -> dict[str, str | int | float | bool]:
    """What goes to librdkafka: the brokers and `[kafka.client]`; raises `ConfigError` without brokers."""
    from headrace.errors import ConfigError

    kafka = repository.config.kafka
    client = dict(kafka.client)
    brokers = kafka.brokers or client.get("bootstrap.servers")
    if not brokers:
        text = 'there is no Kafka: write [kafka] brokers = "host:9092" into headrace.toml, or set HEADRACE_KAFKA__BROKERS'
        raise ConfigError(text)
    return client | {"bootstrap.servers": str(brokers)}


def topics_of(repository: Repository, plan: Plan) -> dict[str, str]:
    """The topic of each source of a plan."""
    return {source.name: repository.sources[source.name].topic for source in plan.sources}


def log_of(repository: Repository, source: str) -> FileLog:
    """The archived log of a source."""
    archive = Folder(repository.config.archive_uri, repository.config.archive.options)
    return FileLog(archive, Layout.of(repository.sources[source].base))


def checkpoints_of(repository: Repository, groups: Sequence[FeatureGroup], run: str = "") -> Checkpoints:
    """The folder of the checkpoints of these groups: it is told apart by their names and digests. `run` names who writes in it."""
    import hashlib

    names = "+".join(sorted(group.name for group in groups))
    digest = hashlib.sha256("\n".join(sorted(f"{group.name} {group.digest}" for group in groups)).encode()).hexdigest()[:16]
    uri = f"{repository.config.state_uri}/{repository.config.named(names)}/{digest}"
    return Checkpoints(uri, repository.config.state.options, run)


def find_start(
    repository: Repository,
    groups: Sequence[FeatureGroup],
    checkpoints: Checkpoints,
    since_us: int | None,
    fresh: bool,
    shards: int = FEW_SHARDS,
    damage: str | None = None,
    lacking: Callable[[], str | None] = lambda: None,
) -> Start:
    """Where the groups start; `since_us` is `--from`, `fresh` leaves a checkpoint aside, `damage` says why it cannot be. Writes nothing.

    `lacking` says what a store has not of that which the state has told: it is made anew for that, unless it would lack something itself,
    since Kafka or the archive no longer has what its windows reach back to.
    Raises `OtherTopic` where it is the archive of another topic that they would start from.
    """
    from headrace.archive import last_loaded_arrival, loaded_ends
    from sources.consumer import watermarks

    plan = build(list(groups))
    topics = topics_of(repository, plan)
    settings = kafka_settings(repository)
    bounds = {(name, p): pair for name, topic in topics.items() for p, pair in watermarks(settings, topic).items()}
    logs = {name: Listed(log_of(repository, name)) for name in topics}
    skip = {name: arrival for name, log in logs.items() if (arrival := last_loaded_arrival(log)) is not None}
    kept = what_is_kept(groups, shards, topics, {name: loaded_ends(log) for name, log in logs.items()})
    found = _Finding(settings, topics, logs, bounds, skip)
    if fresh:
        return replace(found.anew(since_us), shards=shards, kept=kept)
    told = told_by(checkpoints)
    unreadable, standing = damage or made_of_other(checkpoints, told, kept), None
    if unreadable is None:
        # rows that retention has removed since are in the state
        loaded = {name: told.get("loaded", {}).get(name, {}) | ends for name, ends in kept["loaded"].items()}
        complete, unreadable = checkpoint_of(checkpoints, kept | {"loaded": loaded})
        if complete is not None:
            standing = replace(found.from_checkpoint(complete), shards=shards, kept=kept | {"loaded": loaded})
            unreadable = lacking()
            if unreadable is None:
                return standing
    found = replace(found, before=places_of_unused(checkpoints, told, topics))
    anew = replace(found.anew(since_us), shards=shards, unreadable=unreadable, kept=kept)
    if standing is not None and (anew.gaps or not _is_whole(plan, logs, standing.places)):
        return replace(standing, unfilled=unreadable)
    return anew


def _is_whole(plan: Plan, logs: Mapping[str, FileLog], places: Mapping[tuple[str, int], Place]) -> bool:
    """Whether the archive goes back as far as windows reach from these places."""
    from headrace.archive import begins

    begins_us = begins(logs)
    if begins_us is None:
        return True
    spans = [group.longest_us for group in plan.groups]
    longest = max((span for span in spans if span is not None), default=0) + max(s.lateness_us + s.max_ahead_us for s in plan.sources)
    return None not in spans and begins_us < min(place.arrival_us for place in places.values()) - longest


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a start is found from: Kafka's bounds, the logs, and where a state stood `before` that is not used."""

    settings: Mapping[str, Any]
    topics: Mapping[str, str]
    logs: Mapping[str, FileLog]
    bounds: Mapping[tuple[str, int], tuple[int, int]]
    skip: dict[str, int]
    before: Mapping[tuple[str, int], Place] = field(default_factory=dict)

    def from_checkpoint(self, complete: Complete) -> Start:
        """Behind a checkpoint."""
        places = complete.by_name()
        ended = tuple(name for name in places if name not in self.bounds)
        there = {name: place for name, place in places.items() if name in self.bounds}
        return replace(self._checked(CHECKPOINT, there, ended, {name for name, _ in places}), complete=complete, skip_upto=self.skip)

    def anew(self, since_us: int | None) -> Start:
        """Without one: at an instant, behind the archive, or at Kafka's beginning."""
        from headrace.archive import archived_ends, begun, check_topic
        from sources.consumer import offsets_at

        if since_us is not None:
            at = {(name, p): Place(o) for name, topic in self.topics.items() for p, o in offsets_at(self.settings, topic, since_us).items()}
            return self._checked(INSTANT, at, (), set())
        places: dict[tuple[str, int], Place] = {}
        ended: set[tuple[str, int]] = set()
        known = {name for name, _ in self.before}
        for name, log in self.logs.items():
            check_topic(log, self.topics[name])
            ends, noted = archived_ends(log), begun(log)
            for p, end in ends.items():
                places[name, p] = Place(end.offset, end.arrival_us, MIN64 if end.newest_us is None else end.newest_us)
            for p, offset in (noted or {}).items():
                place = places.get((name, p), Place(0))
                places[name, p] = replace(place, offset=max(place.offset, offset))
            ended |= {(name, g.partition) for g in log.row_groups()} - set(self.bounds)
            known |= {name} if ends or noted is not None else set()
        has_rows = any(log.row_groups() for log in self.logs.values())
        there = {name: place for name, place in places.items() if name in self.bounds}
        return replace(self._checked(ARCHIVE if has_rows else BEGINNING, there, tuple(sorted(ended)), known), skip_upto=self.skip)

    def _checked(
        self, how: str, places: Mapping[tuple[str, int], Place], ended: tuple[tuple[str, int], ...], known: set[str]
    ) -> Start:
        """The start, with new partitions at their first offset, and the gaps: of sources that are `known` a partition begins at 0."""
        low, high = ({name: pair[i] for name, pair in self.bounds.items()} for i in (0, 1))
        found, gaps = dict(places), []
        for name, first in low.items():
            place = found.get(name, Place(0 if name[0] in known else first))
            if first > place.offset:
                gaps.append((*name, place.offset, first))
            found[name] = replace(place, offset=max(first, place.offset))
        return Start(how, found, ended, low, high, gaps=self._missing(gaps, places))

    def _missing(
        self, gaps: Sequence[tuple[str, int, int, int]], places: Mapping[tuple[str, int], Place]
    ) -> tuple[tuple[str, int, int, int], ...]:
        """The gaps without what arrived up to the last loaded row, in partitions from which nothing else is known."""
        there: set[tuple[str, int]] = set()
        for source, loaded_us in self.skip.items():
            low = {p: first for name, p, _, first in gaps if name == source and places.get((name, p), Place(0)).arrival_us == MIN64}
            there |= {(source, p) for p in dropped_and_loaded(self.settings, self.topics[source], low, loaded_us)}
        return tuple(gap for gap in gaps if gap[:2] not in there)


def gap_text(gaps: Sequence[tuple[str, int, int, int]], unreadable: str | None = None) -> str:
    """What is missing, for a person, and why a state that may have it is not used."""
    told = "; ".join(f"{source} partition {p}: offsets {first} to {behind - 1}" for source, p, first, behind in gaps)
    why = f"{unreadable}, and it cannot be made anew as it was: " if unreadable else ""
    return f"{why}Kafka has dropped what the archive lacks: {told}; --accept-gap goes on without them"


__all__ = ["ARCHIVE", "BEGINNING", "CHECKPOINT", "INSTANT", "MIN64", "Gap", "Start", "find_start", "gap_text"]

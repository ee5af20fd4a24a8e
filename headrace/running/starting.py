"""Where a live run starts: from its newest checkpoint, else from the archive, else from Kafka's beginning or an instant.

Promises that nothing of a log is left out or taken twice: a partition goes on at exactly the offset behind the last one that is in the
state. What Kafka no longer has is a gap; it is named with its offsets and refused unless it is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from headrace.archive import FileLog, Folder, Layout
from headrace.errors import HeadraceError, StorageError, Unreachable
from headrace.plan import build
from operators.kernels.tables import MIN64
from operators.shard import FEW_SHARDS
from sources.partition import Place

from .checkpoints import Checkpoints, Complete

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.repository import Repository

CHECKPOINT, ARCHIVE, BEGINNING, INSTANT = "checkpoint", "archive", "beginning", "instant"


class Gap(HeadraceError):
    """Kafka has dropped what neither the state nor the archive holds."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts.

    `how` is one of checkpoint, archive, beginning, instant; `places` has every partition that is read, `ended` those that the archive
    alone holds; `low` and `high` are Kafka's offsets; `skip_upto` by source the arrival of the last loaded row; `gaps` what is missing, as
    (source, partition, first, behind the last); `unreadable` why a checkpoint that is there is not used.
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


def what_is_kept(groups: Sequence[FeatureGroup], shards: int = FEW_SHARDS) -> dict[str, Any]:
    """What a folder of checkpoints says of itself."""
    return {"groups": {group.name: group.digest for group in groups}, "shards": shards}


def find_start(
    repository: Repository,
    groups: Sequence[FeatureGroup],
    checkpoints: Checkpoints,
    since_us: int | None,
    fresh: bool,
    shards: int = FEW_SHARDS,
) -> Start:
    """Where the groups start; `since_us` is `--from`, `fresh` leaves a checkpoint aside. Writes nothing."""
    found = _find_start(repository, groups, checkpoints, since_us, fresh, shards)
    return replace(found, shards=shards)


def _find_start(
    repository: Repository,
    groups: Sequence[FeatureGroup],
    checkpoints: Checkpoints,
    since_us: int | None,
    fresh: bool,
    shards: int,
) -> Start:
    from headrace.archive import archived_ends, last_loaded_arrival
    from sources.consumer import offsets_at, watermarks

    plan = build(list(groups))
    topics = topics_of(repository, plan)
    settings = kafka_settings(repository)
    bounds = {(name, p): pair for name, topic in topics.items() for p, pair in watermarks(settings, topic).items()}
    low, high = ({name: pair[i] for name, pair in bounds.items()} for i in (0, 1))
    complete, unreadable = _checkpoint(checkpoints, what_is_kept(groups, shards)) if not fresh else (None, None)
    logs = {name: log_of(repository, name) for name in topics}
    skip = {name: arrival for name, log in logs.items() if (arrival := last_loaded_arrival(log)) is not None}
    if complete is not None:
        places = complete.by_name()
        ended = tuple(name for name in places if name not in bounds)
        return _checked(CHECKPOINT, {n: p for n, p in places.items() if n in bounds}, ended, low, high, complete=complete, skip_upto=skip)
    archived = {
        (name, p): Place(end.offset, end.arrival_us, MIN64 if end.newest_us is None else end.newest_us)
        for name, log in logs.items()
        for p, end in archived_ends(log).items()
    }
    if since_us is None and (archived or skip):
        ended = tuple(sorted({(name, g.partition) for name, log in logs.items() for g in log.row_groups()} - set(bounds)))
        places = {name: place for name, place in archived.items() if name in bounds}
        return _checked(ARCHIVE, places, ended, low, high, skip_upto=skip, unreadable=unreadable)
    if since_us is not None:
        places = {(name, p): Place(offset) for name, topic in topics.items() for p, offset in offsets_at(settings, topic, since_us).items()}
        return _checked(INSTANT, places, (), low, high, unreadable=unreadable)
    return _checked(BEGINNING, {}, (), low, high, unreadable=unreadable)


def _checkpoint(checkpoints: Checkpoints, what: Mapping[str, Any]) -> tuple[Complete | None, str | None]:
    try:
        checkpoints.check(what)
        return checkpoints.newest(), None
    except Unreachable:
        raise   # it may be whole, and is not to be made anew
    except (StorageError, ValueError, KeyError) as error:
        return None, str(error)


def _checked(
    how: str,
    places: Mapping[tuple[str, int], Place],
    ended: tuple[tuple[str, int], ...],
    low: dict[tuple[str, int], int],
    high: dict[tuple[str, int], int],
    **more: Any,
) -> Start:
    """The start, with new partitions at their first offset and the gaps."""
    found = dict(places)
    gaps = []
    for name, first in low.items():
        place = found.get(name)
        if place is None:
            found[name] = Place(first)
        elif first > place.offset:
            gaps.append((*name, place.offset, first))
            found[name] = Place(first, place.arrival_us, place.newest_us)
    return Start(how, found, ended, low, high, gaps=tuple(gaps), **more)


def gap_text(gaps: Sequence[tuple[str, int, int, int]]) -> str:
    """What is missing, for a person."""
    told = "; ".join(f"{source} partition {p}: offsets {first} to {behind - 1}" for source, p, first, behind in gaps)
    return f"Kafka has dropped what the archive lacks: {told}; --accept-gap goes on without them"


__all__ = ["ARCHIVE", "BEGINNING", "CHECKPOINT", "INSTANT", "MIN64", "Gap", "Start", "find_start", "gap_text"]

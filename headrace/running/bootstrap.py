"""A live run that begins with the archive: the log is replayed to its end, and what stands there becomes the first checkpoint.

It promises the state that the live flow would have had there, at the replay's rate, and in the stores the newest step of every entity,
written once at the end. A record that is not in the archive yet is read from Kafka afterwards, from the offset behind the last one.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.archive import Listed, archived_ends
from operators.kernels import tables as t
from operators.kernels.tables import MIN64
from operators.live_clock import LiveClock
from replay.run import Options, Run
from replay.slices import newest_after
from sinks.kafka import TopicStep
from sinks.newest import NewestMessages, NewestStep
from sources.identities import entries_of
from sources.partition import Place

from .packing import packed
from .starting import log_of
from .steps import step_producer, step_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.archive import FileLog
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from operators.rollup import KeyRollup
    from sinks.online import OnlineStore

    from .checkpoints import Checkpoints, Complete
    from .starting import Start

NUMBER = 1
PACKERS = 2


def bootstrap(
    repository: Repository,
    plan: Plan,
    start: Start,
    checkpoints: Checkpoints,
    stores: Sequence[OnlineStore],
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Complete:
    """Replay the archive into the first checkpoint, the stores and the topics of steps; returns the checkpoint, which counts then."""
    logs = {source.name: Listed(log_of(repository, source.name)) for source in plan.sources}
    start = replace(start, places=start.places | archived_places(logs, start))
    run = Run(plan, logs, t.STEPS, options=Options(workers=workers, shards=start.shards))
    run.facts.keep_last = True
    frozen: dict[int, list[dict[str, Any]]] = {}

    def keep(slice_: int, shard: int, keys: list[KeyRollup]) -> None:
        if slice_ == len(run.course.slices) - 1:
            # nothing changes it any more
            frozen[shard] = [key.state.standing() for key in keys]

    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(run, progress, ended), daemon=True)
    if progress is not None:
        watcher.start()
    sinks: list[tuple[str, Any]] = [("stores", lambda _: NewestStep(plan, stores))]
    producer = step_producer(repository)
    if producer is not None:
        topics = step_topics(repository, [group.name for group in plan.groups])
        sinks.append(("topic", lambda _: NewestMessages(plan, TopicStep(plan, producer, topics))))
    try:
        run.execute(run.flow(sinks, checkpoint=keep, newest_only=True))
        if producer is not None:
            producer.flush()
    finally:
        ended.set()
        if producer is not None:
            producer.close()
    for store in stores:
        store.flush()
    sequence = {"clock": _clock(run, plan, start).freeze()}
    with ThreadPoolExecutor(PACKERS) as pool:
        shards = range(start.shards)
        states = pool.map(lambda shard: packed({"sequence": sequence, "held": [], "keys": frozen.pop(shard)}), shards)
        parts = dict(zip(shards, states, strict=True))
    links = checkpoints.write_parts(NUMBER, 0, parts, None)
    checkpoints.note_shards(NUMBER, 0, {shard: [link] for shard, link in links.items()})
    identities = [entry for name, unique in run.facts.unique.items() for entry in entries_of(name, unique)]
    checkpoints.note_part(NUMBER, 0, _places(run, start), [checkpoints.write_identities(NUMBER, 0, identities)] if identities else [])
    complete = checkpoints.complete(NUMBER, 1, start.shards)
    if complete is None:
        raise RuntimeError("a checkpoint that was just written is not there")
    return complete


def archived_places(logs: Mapping[str, FileLog], start: Start) -> dict[tuple[str, int], Place]:
    """Where Kafka is read behind these logs, of the partitions that have got longer since the start was found."""
    found = {}
    for source, log in logs.items():
        for partition, end in archived_ends(log).items():
            known = start.places.get((source, partition))
            if known is not None and end.offset > known.offset:
                found[source, partition] = Place(end.offset, end.arrival_us, MIN64 if end.newest_us is None else end.newest_us)
    return found


def _watch(run: Run, progress: Callable[[int, int], None], ended: threading.Event) -> None:
    while not ended.wait(0.1):
        progress(run.progress.rows, run.course.rows)
    progress(run.progress.rows, run.course.rows)


def _places(run: Run, start: Start) -> dict[tuple[str, int], Place]:
    """Where the readers go on; a partition of which rows were loaded, and nothing was archived, has seen those."""
    found = dict(start.places)
    for number, name in enumerate(run.course.partitions):
        if name in found and found[name].arrival_us == MIN64:
            parts = {part.number: part for slice_ in run.course.slices for part in slice_.parts if part.ordinal == number}
            last = max(parts.values(), key=lambda part: part.number)
            newest = newest_after(run.plan.source(name[0]), run.logs[name[0]], last.group, last.newest_us)
            found[name] = replace(found[name], arrival_us=last.group.max_arrival_us, newest_us=newest)
    return found


def _ends(run: Run) -> dict[tuple[str, int], int]:
    """By partition the arrival of its last row."""
    found: dict[tuple[str, int], int] = {}
    for slice_ in run.course.slices:
        for part in slice_.parts:
            name = run.course.partitions[part.ordinal]
            found[name] = max(part.group.max_arrival_us, found.get(name, MIN64))
    return found


def _clock(run: Run, plan: Plan, start: Start) -> LiveClock:
    """The clock of a live shard that has seen what the replay has seen."""
    clock = LiveClock(plan, start.partitions, start.ended)
    number = {name: i for i, name in enumerate(clock.partitions)}
    last = run.course.slices[-1].upto_us
    for name, arrival in _ends(run).items():
        clock.upto[number[name]] = max(int(clock.upto[number[name]]), arrival - 1)
    clock.tick = last
    for each, walked, members in zip(clock.sets, run.facts.clocks, run.facts.members, strict=True):
        place = [int(each.place[number[run.course.partitions[int(m)]]]) for m in members]
        arrays = walked.freeze()
        for field in ("last", "newest"):
            column = np.full(len(each.members), MIN64, np.int64)
            column[place] = arrays[field]
            arrays[field] = column
        each.clock.thaw(arrays)
        each.upto, each.now = last, walked.now
        refresh = each.clock.refresh_us
        each.passed = MIN64 if walked.now == MIN64 else walked.now // refresh * refresh
    return clock

"""Runs the live flow over logs without a broker, and what it must have come to."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bytewax._bytewax import cluster_main, run_main

from flows.features import build as build_flow
from headrace.plan import build
from headrace.running.compaction import Compaction
from headrace.running.desk import RunDesk
from headrace.running.keeper import FileKeeper
from headrace.running.kept import what_is_kept
from headrace.running.making import Making
from headrace.running.packing import Damaged
from headrace.running.restoring import RestoringSequence, damage_of
from headrace.running.watch import Watch
from operators.kernels import tables as t
from operators.keys import is_word
from operators.layout import build_layout
from operators.shard import FEW_SHARDS, Sharder
from replay.run import MODES, Options, Run, in_memory
from sinks.memory import Collected
from sources.identities import readers_of
from sources.live import LiveInput
from sources.partition import Place
from sources.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.groups import FeatureGroup
    from headrace.running.checkpoints import Checkpoints, Link
    from headrace.running.making import Order
    from tests.running.topics import Topics


@dataclass
class Ran:
    """What a run told: steps by group, counts."""

    collected: Collected
    watch: Watch
    compaction: Compaction
    steps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Here:
    """Makes what is ordered in this process."""

    def __init__(self, making: Making) -> None:
        self.making = making

    def begin(self) -> None:
        """Nothing is to be started."""

    def hurry(self, much: bool) -> None:
        """It is as fast as it is."""

    def make(self, order: Order) -> Link:
        """The link to it."""
        return self.making.make(order)

    def close(self) -> None:
        """There is nothing to end."""


def run_live(
    groups: Sequence[FeatureGroup],
    topics: Topics,
    checkpoints: Checkpoints,
    *,
    seed: int = 1,
    portion: int = 40,
    upto: Mapping[tuple[str, int], int] | None = None,
    workers: int = 1,
    every: int = 50,
    idle_s: float = 0.15,
    maker: Callable[[Making], Any] = Here,
    here: bool = False,
) -> Ran:
    """Read the topics up to `upto` (rows by partition) and stop; goes on from the newest checkpoint.

    `here`: the flow's thread reads all of it, as it does when little comes.
    """
    plan = build(list(groups))
    layouts = [build_layout(plan, key, t.STEPS) for key in range(len(plan.keys))]
    checkpoints.begin(what_is_kept(groups))
    complete = checkpoints.newest()
    checkpoints.tidy(complete, all_others=True)
    places = {name: Place(0) for name in topics.tables} if complete is None else complete.by_name()
    partitions = sorted(places)
    watch = Watch()
    desk = RunDesk(checkpoints, watch, workers, 0 if complete is None else complete.number, every, 5, FEW_SHARDS)
    desk.lateness_us = {s.name: s.lateness_us for s in plan.sources}
    making = Making.of(checkpoints, plan, partitions)
    compaction = Compaction(checkpoints, maker(making))
    exact = [is_word(plan.keys[la.key].types) for la in layouts]
    keeper = FileKeeper(checkpoints, layouts, exact, [], complete, watch, 0, partitions, compaction)
    keeper.is_last = desk.is_last
    readers: list[Reader] = []
    seen = [] if complete is None else [e for each in complete.identities for name in each for e in checkpoints.read_identities(name)]

    def open_reader(part: int) -> Reader:
        names = {s.name: s.name for s in plan.sources}
        decoders = {name: topics.decode(name) for name in names}
        read_by = readers_of(places, workers, [s.name for s in plan.sources if s.unique is not None])
        mine = {name: place for name, place in sorted(places.items()) if read_by[name] == part}

        def consumer(starts: Mapping[tuple[str, int], int]) -> Any:
            return topics.consumer(starts, seed + part, portion, upto or {})

        reader = Reader(plan, Sharder(plan, layouts, shards=FEW_SHARDS), decoders, names, partitions, mine, consumer)
        if complete is not None:
            reader.identities.take_up(seen)
        if here:
            reader.start = lambda: None   # type: ignore[method-assign]
        readers.append(reader)
        return reader

    if complete is not None:
        files = [name for each in complete.identities for name in each]
        desk.identity_files = {part: list(files) for part in range(workers)}
    collected = Collected()
    flow = build_flow(
        plan, layouts, LiveInput(workers, open_reader, desk), [("collect", collected.step)],
        sequence=lambda: RestoringSequence(desk.ends_with, plan, partitions, keeper, workers), restore=keeper.state, keeper=keeper,
    )  # fmt: skip

    def stop_at_the_end() -> None:
        while not (len(readers) == workers and all(r.caught_up and r.queue.empty() for r in readers)):
            if desk.failure is not None:
                return
            time.sleep(0.01)
        time.sleep(idle_s)
        desk.stop("the end")

    stopper = threading.Thread(target=stop_at_the_end, daemon=True)
    stopper.start()
    interval = timedelta(milliseconds=20)
    try:
        with damage_of(desk):
            if workers == 1:
                run_main(flow, epoch_interval=interval)
            else:
                cluster_main(flow, [], 0, epoch_interval=interval, worker_count_per_proc=workers)
        if desk.failure is not None:
            raise desk.failure
    except Damaged as error:
        error.facts["told"] = collected
        desk.close(0)
        raise
    finally:
        keeper.close()
        for reader in readers:
            reader.stop()
    assert desk.close(10), (watch.trouble, keeper.trouble)
    assert compaction.failure is None, compaction.failure
    ran = Ran(collected, watch, compaction)
    for index, group in enumerate(plan.groups):
        ran.steps[group.name] = [row for batch in collected.batches.get(index, []) for row in batch.to_pylist()]
    return ran


def newest(steps: Sequence[dict[str, Any]], keys: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The newest step of each entity, by (arrival, n, time), as a store keeps it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for step in steps:
        key = tuple(step[k] for k in keys)
        if key not in found or _place(found[key]) <= _place(step):
            found[key] = step
    return found


def _place(step: dict[str, Any]) -> tuple[Any, ...]:
    arrival = step["_arrival"] if "_arrival" in step else step["arrival"]
    n = step["_n"] if "_n" in step else step["n"]
    return arrival, n, step["time"]


def replayed(groups: Sequence[FeatureGroup], logs: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The steps that a replay of the logs writes, by group."""
    run = Run(build(list(groups)), logs, MODES["steps"], options=Options(slice_rows=500))
    return {name: table.to_pylist() for name, table in in_memory(run).tables.items()}

"""One live run as every process of it sees it, and one process's part of it.

A job pickles; each process builds plan, flow, stores and keeper from it anew, so that nothing but the exchange of the flow passes between
them. `RunWorker.execute` returns when the run was stopped and its last checkpoint counts; a checkpoint that cannot be read ends it with
`Damaged`, before a step was told that lacks what was in it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError
from headrace.plan import build as build_plan
from headrace.running.collecting import collected_seldom
from operators.kernels import tables as t
from operators.keys import is_word
from operators.layout import build_layout
from operators.shard import Sharder
from sinks.counting import NAME as COUNTS
from sinks.counting import CountStep
from sinks.kafka import NAME as TOPIC
from sinks.kafka import TopicStep
from sinks.online import open_store
from sinks.stores import NAME as STORES
from sinks.stores import StoreStep
from sinks.writer import StoreWriter
from sources.identities import readers_of
from sources.live import LiveInput
from sources.reader import Reader

from .compaction import Compaction
from .dead import DeadLetters
from .desk import RunDesk
from .keeper import FileKeeper
from .maker import MakerProcess
from .making import Making
from .restoring import RestoringSequence, damage_of
from .starting import checkpoints_of, kafka_settings, topics_of
from .steps import step_producer, step_topics
from .telling import numbers_of
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bytewax.dataflow import Dataflow

    from headrace.repository import Repository
    from operators.layout import Layout
    from operators.state import KeyState
    from sources.consumer import Consumer
    from sources.identities import Entry

    from .checkpoints import Complete
    from .starting import Start


SWITCH_S = 0.0002


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run can be told that does not change a value: how long an epoch is, how far checkpoints are apart."""

    processes: int = 1
    epoch_s: float = 0.2
    checkpoint_s: float = 10.0
    metrics_port: int | None = None

    @property
    def every(self) -> int:
        """Epochs from one checkpoint to the next."""
        return max(1, round(self.checkpoint_s / self.epoch_s))


@dataclass(frozen=True, slots=True)
class RunJob:
    """`groups` are names; `first_number` is the checkpoint that the run begins behind; `run` is the name of the run in files."""

    repository: str
    env: str | None
    groups: tuple[str, ...]
    start: Start
    options: RunOptions
    run: str = ""

    @property
    def first_number(self) -> int:
        """The number behind which this run counts its checkpoints."""
        return 0 if self.start.complete is None else self.start.complete.number

    def load(self) -> Repository:
        """The repository, read anew."""
        from headrace.repository import Repository

        return Repository(self.repository, self.env)


class RunWorker:
    """One process of a run."""

    def __init__(self, job: RunJob, repository: Repository, process: int = 0) -> None:
        self.job, self.repository, self.process = job, repository, process
        groups = [repository.groups[name] for name in job.groups]
        self.plan = build_plan(groups)
        self.layouts = [build_layout(self.plan, key, t.STEPS) for key in range(len(self.plan.keys))]
        self.checkpoints = checkpoints_of(repository, groups, job.run)
        self.watch = Watch()
        options = job.options
        stop_epochs = max(2, round(3.0 / options.epoch_s))
        self.desk = RunDesk(
            self.checkpoints, self.watch, options.processes, job.first_number, options.every, stop_epochs, job.start.shards, self._counted
        )
        self.desk.lateness_us = {source.name: source.lateness_us for source in self.plan.sources}
        if job.start.complete is not None:
            # every part knows what all of them have seen
            files = [name for each in job.start.complete.identities for name in each]
            self.desk.identity_files = {part: list(files) for part in range(options.processes)}
        names = repository.config.online.stores
        self.stores = [open_store(repository.config.store_url(name)) for name in names]
        self.writer = StoreWriter(self.stores, self.watch)
        exact = [is_word(self.plan.keys[layout.key].types) for layout in self.layouts]
        self.producer = step_producer(repository)
        sinks = [*([STORES] if self.stores else []), *([] if self.producer is None else [TOPIC])]
        partitions = job.start.partitions
        making = Making.of(self.checkpoints, self.plan, partitions, job.start.ended)
        compaction = Compaction(self.checkpoints, MakerProcess(lambda: making))
        start = job.start.complete
        self.keeper = FileKeeper(self.checkpoints, self.layouts, exact, sinks, start, self.watch, process, partitions, compaction)
        self.keeper.is_last = self.desk.is_last
        self.group_id = repository.config.named("+".join(sorted(job.groups)))
        self.letters = DeadLetters(repository, self.plan)
        self.desk.make_safe = self.letters.flush
        self.desk.between = self._between
        self.readers: list[Reader] = []
        self._seen_before: list[Entry] = []

    @property
    def last_number(self) -> int:
        """The newest checkpoint that counts."""
        complete = self.checkpoints.newest()
        return 0 if complete is None else complete.number

    @property
    def starts_over(self) -> bool:
        """Whether it ends, or has ended, so that another begins where it stands."""
        return self.desk.starts_over

    def start_over(self) -> None:
        """Have it end as on a stop, though nobody wants the run to stop."""
        self.desk.start_over()

    def numbers(self) -> dict[str, Any]:
        """What is known of this process, as `headrace.running.telling` has it."""
        return numbers_of(self)

    def flow(self) -> Dataflow:
        """The dataflow of this run, the one that replays."""
        from flows.features import build

        start = self.job.start
        sinks: list[tuple[str, Any]] = [(COUNTS, lambda _: CountStep(self.watch))]
        if self.stores:
            sinks.append((STORES, lambda _: StoreStep(self.plan, self.writer, self.keeper)))
        if self.producer is not None:
            producer, topics = self.producer, step_topics(self.repository, self.job.groups)
            sinks.append((TOPIC, lambda _: TopicStep(self.plan, producer, topics, self.keeper)))
        return build(
            self.plan,
            self.layouts,
            LiveInput(self.job.options.processes, self._reader, self.desk),
            sinks,
            sequence=lambda: RestoringSequence(
                self.desk.ends_with, self.plan, start.partitions, self.keeper, self.job.options.processes, start.ended
            ),
            restore=self._state,
            keeper=self.keeper,
        )

    def _between(self) -> None:
        """Between two batches, where the flow's thread reads."""
        self.writer.write_now()
        self.keeper.pack_one()

    def _identities(self) -> list[Entry]:
        """What all readers have seen before this start."""
        start = self.job.start.complete
        files = [] if start is None else [name for each in start.identities for name in each]
        return [entry for name in files for entry in self.checkpoints.read_identities(name)]

    def _state(self, shard: int, layout: Layout) -> KeyState | None:
        return self.keeper.state(shard, layout)

    def _reader(self, part: int) -> Reader:
        """The reader of a part: the partitions that are its by their number."""
        from operators.decode import Decoder

        start, parts = self.job.start, self.job.options.processes
        topics = topics_of(self.repository, self.plan)
        sources = {name: self.repository.sources[name] for name in topics}
        decoders = {name: Decoder.of(source, self.repository.config.kafka.registry) for name, source in sources.items()}
        readers = readers_of(start.places, parts, [source.name for source in self.plan.sources if source.unique is not None])
        mine = {name: place for name, place in sorted(start.places.items()) if readers[name] == part}
        reader = Reader(
            self.plan, Sharder(self.plan, self.layouts, shards=start.shards), decoders, topics, start.partitions, mine,
            self._consumer, self.letters, start.skip_upto,
        )  # fmt: skip
        reader.identities.take_up(self._seen_before)
        self._seen_before = []
        self.readers.append(reader)
        return reader

    def _consumer(self, starts: Mapping[tuple[str, int], int]) -> Consumer:
        from sources.consumer import Consumer

        return Consumer(kafka_settings(self.repository), starts, group=self.group_id)

    def _counted(self, complete: Complete) -> None:
        """Tell Kafka where a checkpoint stands, so that the lag can be watched from outside."""
        topics = topics_of(self.repository, self.plan)
        offsets = {(topics[source], p): place.offset for (source, p), place in complete.by_name().items()}
        for reader in self.readers[:1]:
            reader.commit(offsets)

    @collected_seldom()
    def execute(self, addresses: list[str] | None = None) -> None:
        """Run until a stop is asked for; the last checkpoint counts then, or `HeadraceError` says that it does not. Once only."""
        from bytewax._bytewax import cluster_main, run_main

        interval = timedelta(seconds=self.job.options.epoch_s)
        # the flow lets go of the interpreter in every kernel, and is not to wait five milliseconds each time for whoever took it
        sys.setswitchinterval(SWITCH_S)
        try:
            self._seen_before = self._identities()
            with damage_of(self.desk):
                if addresses is None:
                    run_main(self.flow(), epoch_interval=interval)
                else:
                    cluster_main(self.flow(), addresses, self.process, epoch_interval=interval, worker_count_per_proc=1)
            if self.desk.failure is not None:
                raise self.desk.failure
            self.writer.wait()
            self.keeper.close()
            if not self.desk.close():
                reason = self.watch.trouble or self.keeper.trouble or "no reason is known"
                raise HeadraceError(f"the last checkpoint is not whole: {reason}")
        finally:
            self.keeper.close()
            for reader in self.readers:
                reader.stop()
            if self.producer is not None:
                self.producer.close()
            self.writer.close()
            for store in self.stores:
                store.close()

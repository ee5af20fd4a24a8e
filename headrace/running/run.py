"""`headrace run` as a function: where the groups start, what has to be replayed first, then the live flow until it is told to stop.

It promises one run at a time for the same groups, and that a run of a changed definition replaces the one of the old as
soon as it has caught up. Where a checkpoint turns out to be damaged while it is read the state is made anew, once; where a topic was given
partitions the flow starts over behind a checkpoint, with them. Both are one run to who began it.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidValue, StorageError
from headrace.plan import build
from headrace.times import parse_time
from operators.shard import shards_for
from sinks.online import open_store

from .added import looked_for
from .bootstrap import bootstrap
from .checkpoints import Checkpoints
from .claims import claimed
from .desk import ask_to_stop, clear_stops
from .going import GoingRun
from .job import RunJob, RunOptions, RunWorker
from .metrics import serving
from .packing import Damaged
from .starting import ARCHIVE, Gap, Start, checkpoints_of, find_start, gap_text, kafka_settings, topics_of
from .steps import make_step_topics
from .unfilled import declare, unfilled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from sinks.online import OnlineStore

PATIENCE_S = 300.0
"""So long a run that starts over waits for a Kafka that does not answer."""


def plan_run(
    repository: Repository, names: Sequence[str], since: Any = None, fresh: bool = False, processes: int = 1, damage: str | None = None
) -> tuple[list[FeatureGroup], Start]:
    """The groups and where they would start; writes nothing.

    Args:
        repository: where the groups are defined.
        names: groups, or services, whose groups are meant.
        since: `--from`: Kafka's messages since then alone; ISO text, `-1d`, a datetime.
        fresh: a checkpoint is left aside and the state made anew.
        processes: how many there are to be; more than four have more shards, and a state of their own.
        damage: what is wrong with the checkpoint that is there, where that is known.
    """
    from replay.tables import groups_of

    groups = groups_of(repository.resolve(list(names)))
    since_us = None if since is None else parse_time(since, "from")
    return groups, find_start(
        repository, groups, checkpoints_of(repository, groups), since_us, fresh or since is not None, shards_for(processes), damage,
        lambda: unfilled(repository, groups, kafka_settings(repository)),
    )  # fmt: skip


def run(
    repository: Repository,
    names: Sequence[str],
    *,
    since: Any = None,
    fresh: bool = False,
    accept_gap: bool = False,
    options: RunOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
    began: Callable[[Start, Any], None] | None = None,
) -> None:
    """Compute groups on the live stream until the process is told to stop.

    Args:
        repository: where the groups, Kafka, the archive and the stores are.
        names: groups, or services, whose groups are meant.
        since: Kafka's messages since then alone, as `plan_run` takes it.
        fresh: a checkpoint is left aside and the state made anew, from the archive where there is one.
        accept_gap: go on where Kafka has dropped what neither the state nor the archive holds.
        options: what does not change a value.
        progress: is told of a replay that comes first: rows read, rows in all.
        began: is told once where the run has started, and of the run: `numbers()` tells of it, and `desk.stop(reason)` ends it.

    Raises `Gap`, `ConfigError` without brokers, `InvalidValue` where the same groups run already, and what ends the flow.
    """
    options = options or RunOptions()

    def planned(since: Any = since, fresh: bool = fresh, damage: str | None = None) -> tuple[list[FeatureGroup], Start]:
        groups, start = plan_run(repository, names, since, fresh, options.processes, damage)
        if start.gaps and not accept_gap:
            raise Gap(gap_text(start.gaps, start.unreadable), gaps=start.gaps)
        return groups, start

    groups, start = planned()
    checkpoints = checkpoints_of(repository, groups, uuid.uuid4().hex[:8])
    with only_one(checkpoints), ExitStack() as lasting:
        known = None if start.complete is None else start.complete.file
        if not fresh and since is None and start.unreadable is None and checkpoints.newest_name() != known:
            # another run has gone on, and ended, meanwhile
            groups, start = planned()
        clear_stops(checkpoints)
        flow = _Flow(repository, groups, checkpoints, options, progress, began, lasting)
        damage: str | None = None
        following: Start | None = start
        while following is not None:
            try:
                again = flow.goes_on(following)
                following = _patiently(flow.going, planned, since=None, fresh=False) if again else None
            except Damaged as error:
                if damage is not None:
                    raise
                damage = str(error)
                flow.going.anew = f"{damage}; the state is made anew"
                sys.stderr.write(f"headrace: {flow.going.anew}\n")
                following = _patiently(flow.going, planned, damage=damage)


def _patiently(going: GoingRun, plan: Callable[..., tuple[list[FeatureGroup], Start]], **asked: Any) -> Start | None:
    """The start, as soon as Kafka answers; None where a stop was asked for."""
    from sources.consumer import TopicError

    until = time.monotonic() + PATIENCE_S
    while not going.asked:
        try:
            return plan(**asked)[1]
        except TopicError:
            if time.monotonic() > until:
                raise
            time.sleep(1.0)
    return None


@dataclass
class _Flow:
    """The flow of a run, over all its starts; what lasts as long as the run is entered into `lasting`."""

    repository: Repository
    groups: Sequence[FeatureGroup]
    checkpoints: Checkpoints
    options: RunOptions
    progress: Callable[[int, int], None] | None
    began: Callable[[Start, Any], None] | None
    lasting: ExitStack
    going: GoingRun = field(default_factory=GoingRun)

    def goes_on(self, start: Start) -> bool:
        """Compute from there until a stop is asked for, False, or until there are partitions with which it has to start over, True."""
        repository, checkpoints = self.repository, self.checkpoints
        if start.unreadable and self.going.worker is not None and not self.going.anew:
            sys.stderr.write(f"headrace: {start.unreadable}; the state is made anew\n")
        # what is wrong with a store or a topic of steps is told before anything is removed
        self._open_stores()
        make_step_topics(repository, [group.name for group in self.groups])
        if start.complete is None:
            checkpoints.clear()
        checkpoints.begin(start.kept)
        checkpoints.tidy(start.complete, all_others=True)
        if start.how == ARCHIVE:
            start = _from_archive(repository, self.groups, start, checkpoints, self.progress)
        if start.unfilled is None:
            self._open_stores(build(list(self.groups)))
        job = RunJob(str(repository.path), repository.config.env, tuple(g.name for g in self.groups), start, self.options, checkpoints.run)
        with looked_for(
            kafka_settings(repository), topics_of(repository, build(list(self.groups))), start.low,
            lambda: self.going.numbers()["trouble"] is not None, self._starts_over,
        ):  # fmt: skip
            (self._here if self.options.processes == 1 else self._in_processes)(job)
        return bool(self.going.worker.starts_over) and not self.going.reason

    def _open_stores(self, declared: Plan | None = None) -> None:
        """See that the stores can be opened to write, and have them know the groups."""
        stores = _opened(self.repository)
        try:
            if declared is not None:
                declare(declared, stores)
        finally:
            for store in stores:
                store.close()

    def _here(self, job: RunJob) -> None:
        worker = RunWorker(job, self.repository)
        worker.desk.on_caught_up = lambda: replace_others(self.checkpoints)
        self._computes(job.start, worker)
        worker.execute()

    def _in_processes(self, job: RunJob) -> None:
        from .cluster import Cluster, run_cluster

        scratch = Path(self.lasting.enter_context(tempfile.TemporaryDirectory(prefix="headrace-run-")))
        cluster = Cluster(self.checkpoints, scratch, self.options.processes)
        self._computes(job.start, cluster)
        run_cluster(job, cluster)

    def _computes(self, start: Start, worker: Any) -> None:
        is_first = self.going.worker is None
        self.going.goes_on(worker)
        if is_first:
            if self.options.processes == 1:
                self.lasting.enter_context(serving(self.going, self.options.metrics_port))
            if self.began is not None:
                self.began(start, self.going)

    def _starts_over(self, why: list[str]) -> None:
        self.going.worker.start_over()
        sys.stderr.write(f"headrace: {', '.join(why)}: going on with them\n")


def _from_archive(
    repository: Repository,
    groups: Sequence[FeatureGroup],
    start: Start,
    checkpoints: Checkpoints,
    progress: Callable[[int, int], None] | None,
) -> Start:
    stores = _opened(repository)
    workers = max(1, min(4, len(os.sched_getaffinity(0))))
    try:
        complete = bootstrap(repository, build(list(groups)), start, checkpoints, stores, workers, progress)
    finally:
        for store in stores:
            store.close()
    return replace(start, complete=complete, places=complete.by_name())


def _opened(repository: Repository) -> list[OnlineStore]:
    return [open_store(repository.config.store_url(name)) for name in repository.config.online.stores]


def replace_others(checkpoints: Checkpoints) -> None:
    """Ask the runs of other versions of the same groups to end: this one has caught up."""
    uri, _, mine = checkpoints.folder.uri.rpartition("/")
    for name in Checkpoints(uri, checkpoints.folder.options).folder.folders():
        if name != mine:
            ask_to_stop(Checkpoints(f"{uri}/{name}", checkpoints.folder.options), "a run of a changed definition has caught up")


@contextmanager
def only_one(checkpoints: Checkpoints) -> Iterator[None]:
    """Nobody else runs the same groups while it is entered."""
    if not checkpoints.folder.local:
        with claimed(checkpoints):
            yield
        return
    folder = Path(checkpoints.folder.uri)
    with _lock_file(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            text = f"the same groups run already, in process {lock.read().strip() or 'unknown'} (their state is in {folder})"
            raise InvalidValue(text, path=str(folder)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _lock_file(folder: Path) -> Any:
    """The open file that only one run locks; its folder is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / ".running").open("a+")
    except OSError as error:
        text = f"cannot make the folder {folder} for the state: {error.strerror}; [state] uri says where it is to be"
        raise StorageError(text, path=str(folder)) from error

"""`headrace run` as a function: where the groups start, what has to be replayed first, then the live flow until it is told to stop.

It promises one run at a time for the same groups, and that a run of a changed definition replaces the one of the old as
soon as it has caught up.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidValue, StorageError
from headrace.plan import build
from headrace.times import parse_time
from operators.shard import shards_for
from sinks.online import open_store

from .bootstrap import bootstrap
from .checkpoints import Checkpoints
from .claims import claimed
from .desk import ask_to_stop, clear_stops
from .job import RunJob, RunOptions, RunWorker
from .metrics import serving
from .starting import ARCHIVE, Gap, Start, checkpoints_of, find_start, gap_text
from .steps import make_step_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headrace.groups import FeatureGroup
    from headrace.repository import Repository


def plan_run(
    repository: Repository, names: Sequence[str], since: Any = None, fresh: bool = False, processes: int = 1
) -> tuple[list[FeatureGroup], Start]:
    """The groups and where they would start; writes nothing.

    Args:
        repository: where the groups are defined.
        names: groups, or services, whose groups are meant.
        since: `--from`: Kafka's messages since then alone; ISO text, `-1d`, a datetime.
        fresh: a checkpoint is left aside and the state made anew.
        processes: how many there are to be; more than four have more shards, and a state of their own.
    """
    from replay.tables import groups_of

    groups = groups_of(repository.resolve(list(names)))
    since_us = None if since is None else parse_time(since, "from")
    anew = fresh or since is not None
    return groups, find_start(repository, groups, checkpoints_of(repository, groups), since_us, anew, shards_for(processes))


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
        began: is told where the run has started, and of the worker, whose `watch` has the numbers and whose `desk.stop(reason)` ends it.

    Raises `Gap`, `ConfigError` without brokers, `InvalidValue` where the same groups run already, and what ends the flow.
    """
    options = options or RunOptions()
    groups, start = _planned(repository, names, since, fresh, accept_gap, options)
    checkpoints = checkpoints_of(repository, groups, uuid.uuid4().hex[:8])
    with only_one(checkpoints):
        known = None if start.complete is None else start.complete.file
        if not fresh and since is None and start.unreadable is None and checkpoints.newest_name() != known:
            # another run has gone on, and ended, meanwhile
            groups, start = _planned(repository, names, since, fresh, accept_gap, options)
        if start.complete is None:
            checkpoints.clear()
        checkpoints.begin(start.kept)
        clear_stops(checkpoints)
        checkpoints.tidy(start.complete, all_others=True)
        make_step_topics(repository, [group.name for group in groups])
        if start.how == ARCHIVE:
            start = _from_archive(repository, groups, start, checkpoints, progress)
        job = RunJob(str(repository.path), repository.config.env, tuple(g.name for g in groups), start, options, checkpoints.run)
        if options.processes > 1:
            from .cluster import run_cluster

            run_cluster(job, checkpoints, began)
            return
        worker = RunWorker(job, repository)
        worker.desk.on_caught_up = lambda: replace_others(checkpoints)
        with serving(worker, options.metrics_port):
            if began is not None:
                began(start, worker)
            worker.execute()


def _planned(
    repository: Repository, names: Sequence[str], since: Any, fresh: bool, accept_gap: bool, options: RunOptions
) -> tuple[list[FeatureGroup], Start]:
    groups, start = plan_run(repository, names, since, fresh, options.processes)
    if start.gaps and not accept_gap:
        raise Gap(gap_text(start.gaps, start.unreadable), gaps=start.gaps)
    return groups, start


def _from_archive(
    repository: Repository,
    groups: Sequence[FeatureGroup],
    start: Start,
    checkpoints: Checkpoints,
    progress: Callable[[int, int], None] | None,
) -> Start:
    stores = [open_store(repository.config.store_url(name)) for name in repository.config.online.stores]
    workers = max(1, min(4, len(os.sched_getaffinity(0))))
    try:
        complete = bootstrap(repository, build(list(groups)), start, checkpoints, stores, workers, progress)
    finally:
        for store in stores:
            store.close()
    return replace(start, complete=complete, places=complete.by_name())


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

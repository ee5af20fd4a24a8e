"""The processes of a replay: this one, or several on this machine.

Several processes are started as `python -m replay.process`, each with the job in a file; when one fails the others are ended and its last
words are in the error. Rates and stops pass through files in the job's folder.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time as clock
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError
from replay.job import Worker
from replay.processes import forget_words, free_ports, last_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.repository import Repository
    from replay.job import Job

TELL_S = 0.1


class ProcessFailed(HeadraceError):
    """A process of a replay ended before its time."""


def run_cluster(job: Job, repository: Repository, processes: int, progress: Callable[[int, int], None] | None) -> int:
    """Run a job to its end; returns the rows that were read from the log in this call."""
    if processes <= 1:
        return _here(job, repository, progress)
    return _several(job, processes, progress)


def _here(job: Job, repository: Repository, progress: Callable[[int, int], None] | None) -> int:
    worker = Worker(job, repository, cluster=False)
    ended = threading.Event()
    if progress is not None:
        watcher = threading.Thread(target=_watch, args=(worker, progress, ended), daemon=True)
        watcher.start()
    try:
        worker.run.execute(worker.flow())
    finally:
        worker.close()
        ended.set()
        if progress is not None:
            watcher.join()
    return int(worker.run.progress.rows)


def _watch(worker: Worker, progress: Callable[[int, int], None], ended: threading.Event) -> None:
    total = worker.run.course.rows
    while not ended.wait(TELL_S):
        progress(worker.run.progress.rows, total)
    progress(worker.run.progress.rows, total)


def _several(job: Job, processes: int, progress: Callable[[int, int], None] | None) -> int:
    work = Path(job.folder or "") / ".headrace-replay"
    (work / "job.pickle").write_bytes(pickle.dumps(job))
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(processes))
    environment = {**os.environ, "HEADRACE_REPLAY_ADDRESSES": addresses}
    running = []
    for number in range(processes):
        forget_words(work / f"process-{number}.log")
        errors = (work / f"process-{number}.log").open("wb")
        command = [sys.executable, "-m", "replay.process", str(work), str(number)]
        running.append(subprocess.Popen(command, env=environment, stdout=errors, stderr=errors, start_new_session=True))
        errors.close()
    try:
        while any(p.poll() is None for p in running):
            failed = next((i for i, p in enumerate(running) if p.poll() not in (None, 0)), None)
            if failed is not None:
                raise _failure(work, failed, running)
            if progress is not None:
                progress(_told(work, processes), _total(work))
            clock.sleep(TELL_S)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
    failed = next((i for i, p in enumerate(running) if p.returncode != 0), None)
    if failed is not None:
        raise _failure(work, failed, running)
    if progress is not None:
        progress(_told(work, processes), _total(work))
    return _told(work, processes)


def _failure(work: Path, number: int, running: list[subprocess.Popen[bytes]]) -> ProcessFailed:
    code = running[number].returncode
    text = f"process {number} of the replay ended with {code}: {last_words(work / f'process-{number}.log')}"
    return ProcessFailed(text, process=number, code=code)


def _told(work: Path, processes: int) -> int:
    total = 0
    for number in range(processes):
        path = work / f"progress-{number}"
        if path.exists():
            total += int(path.read_text() or 0)
    return total


def _total(work: Path) -> int:
    path = work / "total"
    return int(path.read_text() or 0) if path.exists() else 0


def take_part(work: Path, number: int) -> None:
    """Be process `number` of the replay whose work folder this is."""
    from bytewax._bytewax import cluster_main

    from replay.job import Watched

    job: Job = pickle.loads((work / "job.pickle").read_bytes())
    worker = Worker(job, job.load(), cluster=True)
    worker.run.progress = Watched(work / "stop", work / f"progress-{number}")
    if number == 0:
        (work / "total").write_text(str(worker.run.course.rows))
    addresses = os.environ["HEADRACE_REPLAY_ADDRESSES"].split(";")
    try:
        cluster_main(worker.flow(), addresses, number, epoch_interval=timedelta(0), worker_count_per_proc=job.options.workers)
    finally:
        worker.close()
    (work / f"progress-{number}").write_text(str(worker.run.progress.rows))

"""A run of several processes on this machine: started together, watched, started again from the checkpoint when one dies.

Promises that no process outlives the others; that a stop reaches all of them; that a checkpoint which one of them cannot read ends the run
with `Damaged`; and that a run which cannot get further than its start ends with the last words of the process that failed.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError
from replay.processes import forget_words, free_ports, last_words

from .claims import check
from .desk import ask_to_start_over, ask_to_stop, clear_stops, why_stopped
from .packing import Damaged
from .process import DAMAGE
from .telling import written

if TYPE_CHECKING:
    from pathlib import Path

    from .checkpoints import Checkpoints
    from .job import RunJob

LOOK_S = 0.2
MOST_FAILURES = 3
"""Starts in a row that came to no new checkpoint, after which the run gives up."""


class RunFailed(HeadraceError):
    """A process of a run ended before its time."""


class Cluster:
    """What a caller may ask of the processes: `desk.stop(reason)`, and the folder of their logs."""

    def __init__(self, checkpoints: Checkpoints, folder: Path, processes: int) -> None:
        self.checkpoints, self.folder, self.processes = checkpoints, folder, processes
        self.desk = self
        self.reason = ""
        self.starts_over = False

    def stop(self, reason: str) -> None:
        """Ask all processes to end with a checkpoint."""
        self.reason = reason
        ask_to_stop(self.checkpoints, reason)

    def start_over(self) -> None:
        """Have all processes end as on a stop, though nobody wants the run to stop."""
        ask_to_start_over(self.checkpoints, "there are more partitions")
        self.starts_over = True

    def numbers(self) -> dict[str, Any]:
        """What the processes have written of themselves, together."""
        return written(self.folder, self.processes)

    @property
    def last_number(self) -> int:
        """The newest checkpoint that counts."""
        complete = self.checkpoints.newest()
        return 0 if complete is None else complete.number


def run_cluster(job: RunJob, cluster: Cluster) -> None:
    """Run the processes of a job until they were asked to stop."""
    checkpoints = cluster.checkpoints
    failures = 0
    while True:
        failed = _once(job, cluster)
        if failed is None:
            cluster.reason = cluster.reason or why_stopped(checkpoints)
            return
        check(checkpoints, checkpoints.folder.names())
        if cluster.starts_over:
            return
        complete = checkpoints.newest()
        progressed = complete is not None and complete.number > job.first_number
        failures = 0 if progressed else failures + 1
        if failures >= MOST_FAILURES:
            raise failed
        sys.stderr.write(f"headrace: {failed}; starting again from the checkpoint\n")
        if complete is not None:
            job = replace(job, start=replace(job.start, complete=complete, places=complete.by_name()))
        checkpoints.tidy(complete, all_others=True)


def _once(job: RunJob, cluster: Cluster) -> RunFailed | None:
    """Run the processes once; what failed, None after a stop."""
    # the epoch at which others agreed to end is none of these processes'
    clear_stops(cluster.checkpoints, all_of_them=False)
    path = cluster.folder / "job.pickle"
    path.write_bytes(pickle.dumps(job))
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(job.options.processes))
    damage = cluster.folder / DAMAGE
    for left in (damage, *cluster.folder.glob("numbers-*.json")):
        left.unlink(missing_ok=True)
    running = []
    for number in range(job.options.processes):
        forget_words(cluster.folder / f"process-{number}.log")
        with (cluster.folder / f"process-{number}.log").open("wb") as log:
            command = [sys.executable, "-m", "headrace.running.process", str(path), str(number), addresses]
            # its other end closes with this process, however that ends
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
            running.append(subprocess.Popen(command, **pipes, start_new_session=True, env=os.environ.copy()))
    try:
        while True:
            codes = [process.poll() for process in running]
            ended = [(code, i) for i, code in enumerate(codes) if code is not None and code != 0]
            # who was killed comes first: the others end because of it
            failed = min(ended)[1] if ended else None
            if failed is not None and damage.exists():
                raise Damaged(damage.read_text())
            if failed is not None:
                words = last_words(cluster.folder / f"process-{failed}.log")
                return RunFailed(f"process {failed} of the run ended with {codes[failed]}: {words}", process=failed)
            if None not in codes:
                return None
            time.sleep(LOOK_S)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

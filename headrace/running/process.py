"""One process of a run, as `headrace.running.cluster` starts it: `python -m headrace.running.process JOB NUMBER ADDRESSES`.

Promises that it ends when who started it is gone: standard input is then at its end.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.running.job import RunWorker
from headrace.running.metrics import serving
from headrace.running.telling import Writing

if TYPE_CHECKING:
    from headrace.running.job import RunJob


def take_part(path: Path, number: int, addresses: list[str]) -> None:
    """Be process `number` of the job in a file, until all are asked to stop."""
    job: RunJob = pickle.loads(path.read_bytes())
    worker = RunWorker(job, job.load(), number)
    signal.signal(signal.SIGTERM, lambda *_: worker.desk.stop("SIGTERM"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    port = job.options.metrics_port
    with serving(worker, None if port is None else port + number), Writing(worker, path.parent, number):
        worker.execute(addresses)


def _end_with_parent() -> None:
    """Ends at once, as where a process of the run dies: the checkpoint is what counts."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="headrace-parent", daemon=True).start()
    take_part(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(";"))

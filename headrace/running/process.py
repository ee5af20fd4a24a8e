"""One process of a run, as `headrace.running.cluster` starts it: `python -m headrace.running.process JOB NUMBER ADDRESSES`.

Promises that it ends when who started it is gone: standard input is then at its end. Where it finds the checkpoint damaged the file
`DAMAGE` beside the job says so, before it ends and another process can fail over that.
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
from headrace.running.packing import Damaged
from headrace.running.telling import Writing
from replay.processes import leaving_words

if TYPE_CHECKING:
    from headrace.running.job import RunJob

DAMAGE = "damage"


def take_part(path: Path, number: int, addresses: list[str]) -> None:
    """Be process `number` of the job in a file, until all are asked to stop."""
    job: RunJob = pickle.loads(path.read_bytes())
    worker = RunWorker(job, job.load(), number)
    signal.signal(signal.SIGTERM, lambda *_: worker.desk.stop("SIGTERM"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    damage = path.parent / DAMAGE
    worker.desk.on_failure = lambda error: damage.write_text(str(error)) if isinstance(error, Damaged) else None
    port = job.options.metrics_port
    with serving(worker, None if port is None else port + number), Writing(worker, path.parent, number):
        try:
            worker.execute(addresses)
        except Damaged as error:
            damage.write_text(str(error))
            sys.exit(str(error))


def _end_with_parent() -> None:
    """Ends at once, as where a process of the run dies: the checkpoint is what counts."""
    # not by `sys.stdin`, whose lock would be in the way of a process that ends by itself
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="headrace-parent", daemon=True).start()
    job_path, part = Path(sys.argv[1]), int(sys.argv[2])
    with leaving_words(job_path.parent / f"process-{part}.log"):
        take_part(job_path, part, sys.argv[3].split(";"))

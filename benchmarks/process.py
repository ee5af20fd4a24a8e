"""One replay in a process of its own (`python -m benchmarks.process FOLDER`); `replayed` starts it and gives its figures.

FOLDER holds `repository` and, where probes are asked for, `spine.parquet`. The clock runs as in `benchmarks.engines`; `rss_bytes` is the
most memory that the process ever had, its interpreter and libraries included.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay took: `rows` are events read."""

    rows: int
    seconds: float
    rss_bytes: int

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.rows / self.seconds


def replayed(folder: Path, cores: set[int] | None = None) -> Replayed:
    """Replay a folder's repository; `cores` are what the process may use."""

    def pin() -> None:
        if cores is not None:
            os.sched_setaffinity(0, cores)

    command = [sys.executable, "-m", "benchmarks.process", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=pin)
    return Replayed(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Do it and print the figures."""
    import pyarrow.parquet as pq

    import headrace as hr
    from benchmarks.engines import warm
    from replay.files import replay_files

    folder = Path(sys.argv[1])
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    warm("headrace", folder)
    spine = folder / "spine.parquet"
    begun = time.perf_counter()
    repository = hr.Repository(folder / "repository")
    asked, instant = (pq.read_table(spine), "at") if spine.exists() else (None, None)
    done = replay_files(repository, repository.resolve("group"), str(out), spine=asked, time=instant)
    seconds = time.perf_counter() - begun
    shutil.rmtree(out, ignore_errors=True)
    print(json.dumps({"rows": done.read, "seconds": seconds, "rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()

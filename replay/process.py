"""One process of a replay: `python -m replay.process WORK NUMBER`, started by `replay.cluster`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from replay.cluster import take_part
from replay.processes import leaving_words

if __name__ == "__main__":
    # a terminal's Ctrl-C is the starting process's to answer, by the stop mark
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work, part = Path(sys.argv[1]), int(sys.argv[2])
    with leaving_words(work / f"process-{part}.log"):
        take_part(work, part)

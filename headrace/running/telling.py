"""What a running flow says of itself: one line for a person, one record for a program.

Promises the same numbers in both; rates are those since the last call of `Teller.now`. Times are seconds. Several processes write their
numbers into files, and are told of together.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from operators.shard import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from headrace.running.job import RunWorker

LATE = tuple(REASONS.values())
WRITE_S = 0.5
SUMS = ("rows", "lag", "steps", "entities", "state_bytes", "late", "undecodable", "duplicates", "null_keys", "failed")


class Told(Protocol):
    """Who has numbers: the worker of this process, or a cluster."""

    def numbers(self) -> dict[str, Any]:
        """The numbers since it began."""
        ...


class Teller:
    """Tells of a run."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self._at, self._rows = time.monotonic(), 0

    def now(self) -> dict[str, Any]:
        """The numbers, with the rate since the last call."""
        found = self.told.numbers()
        at, rows = time.monotonic(), found["rows"]
        # a process that was started again begins at nothing
        rate = max(0, rows - self._rows) / max(1e-9, at - self._at)
        self._at, self._rows = at, rows
        return {"rows": rows, "rows_per_s": round(rate, 1), **found}


def numbers_of(worker: RunWorker) -> dict[str, Any]:
    """The numbers of one process."""
    watch = worker.watch
    counts = watch.counted_by_now()

    def sum_of(*names: str) -> int:
        return sum(n for name, n in counts.items() if name.startswith(names))

    return {
        "rows": watch.rows,
        "lag": sum(lag_of(worker).values()),
        "caught_up": watch.caught_up,
        "event_to_online_s": None if watch.delays.last_s is None else round(watch.delays.last_s, 4),
        "steps": sum(watch.steps.values()),
        "entities": watch.entities,
        "state_bytes": watch.state_bytes,
        "late": sum_of(*LATE),
        "undecodable": sum_of("undecodable"),
        "duplicates": sum_of("duplicate"),
        "null_keys": sum_of("null key"),
        "failed": sum_of("failed"),
        "checkpoint": watch.checkpoint,
        "trouble": trouble_of(worker),
    }


def lag_of(worker: RunWorker) -> dict[tuple[str, int], int]:
    """Messages that wait in Kafka, by topic and partition."""
    lag: dict[tuple[str, int], int] = {}
    for reader in list(worker.readers):
        lag |= reader.lag
    return lag


def trouble_of(worker: RunWorker) -> str | None:
    """What goes wrong and is tried again."""
    clients = [*(reader.consumer for reader in worker.readers), worker.producer]
    told = [worker.watch.trouble, worker.keeper.trouble, *(client.trouble for client in clients if client is not None)]
    return next((text for text in told if text), None)


def together(parts: Sequence[dict[str, Any]], processes: int) -> dict[str, Any]:
    """The numbers of several processes as those of one; those that have not spoken yet have not caught up.

    >>> one = dict.fromkeys(SUMS, 2) | {"caught_up": True, "event_to_online_s": 0.1, "checkpoint": None, "trouble": None}
    >>> two = together([one, one | {"event_to_online_s": 0.2, "trouble": "no broker"}], 2)
    >>> two["rows"], two["caught_up"], two["event_to_online_s"], two["trouble"], together([one], 2)["caught_up"]
    (4, True, 0.2, 'no broker', False)
    """
    delays = [each["event_to_online_s"] for each in parts if each["event_to_online_s"] is not None]
    return {name: sum(each[name] for each in parts) for name in SUMS} | {
        "caught_up": len(parts) == processes and all(each["caught_up"] for each in parts),
        "event_to_online_s": max(delays, default=None),
        "checkpoint": next((each["checkpoint"] for each in parts if each["checkpoint"]), None),
        "trouble": next((each["trouble"] for each in parts if each["trouble"]), None),
    }


class Writing:
    """While it is entered, a process writes its numbers into a file of `folder` every half second."""

    def __init__(self, worker: RunWorker, folder: Path, number: int) -> None:
        self.worker, self.path = worker, folder / f"numbers-{number}.json"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, name="headrace-numbers", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._ended.wait(WRITE_S):
            draft = self.path.with_suffix(".part")
            draft.write_text(json.dumps(self.worker.numbers()))
            draft.replace(self.path)


def written(folder: Path, processes: int) -> dict[str, Any]:
    """What the processes that write into a folder come to together."""
    parts = []
    for path in sorted(folder.glob("numbers-*.json")):
        with contextlib.suppress(FileNotFoundError):   # the processes are just being started again
            parts.append(json.loads(path.read_text()))
    return together(parts, processes)


def line(found: dict[str, Any]) -> str:
    """One line for a person.

    >>> line({"rows_per_s": 20000.4, "rows": 1_200_000, "lag": 0, "caught_up": True, "event_to_online_s": 0.0123, "entities": 86000,
    ...       "state_bytes": 31_000_000, "late": 3, "undecodable": 0, "trouble": None})
    '20,000/s, 1,200,000 rows, caught up, event → online 12 ms, 86,000 entities in 31 MB, 3 late'
    """
    told = [f"{found['rows_per_s']:,.0f}/s", f"{found['rows']:,} rows"]
    if found["lag"]:
        told.append(f"{found['lag']:,} behind")
    else:
        told.append("caught up" if found["caught_up"] else "catching up")
    if found["event_to_online_s"] is not None:
        told.append(f"event → online {found['event_to_online_s'] * 1000:,.0f} ms")
    told.append(f"{found['entities']:,} entities in {_size(found['state_bytes'])}")
    told += [f"{found[what]:,} {word}" for what, word in (("late", "late"), ("undecodable", "undecodable")) if found[what]]
    if found["trouble"]:
        told.append(f"TROUBLE: {found['trouble']}")
    return ", ".join(told)


def _size(size_bytes: int) -> str:
    for unit, per in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= per:
            return f"{size_bytes / per:,.1f} {unit}".replace(".0 ", " ")
    return f"{size_bytes} bytes"

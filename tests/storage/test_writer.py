"""The writer of a process: whoever writes, all that was given is in the store, in order, and flushed where that was asked for."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from headrace.errors import StorageError
from sinks.writer import StoreWriter
from tests.storage.test_online import SIMPLE, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from sinks.online import StepTable


class Remembering:
    """A store that remembers; `failure` is raised by what it names."""

    def __init__(self, failure: tuple[str, Exception] | None = None) -> None:
        self.failure = failure
        self.views: dict[int, int] = {}
        self.flushed: dict[int, int] = {}
        self.lock = threading.Lock()

    def write(self, _: StepTable, batch: pa.RecordBatch) -> int:
        """Steps; no two threads are here at once."""
        if self.failure is not None and self.failure[0] == "write":
            raise self.failure[1]
        assert self.lock.acquire(blocking=False)
        time.sleep(0.0005)
        self.views |= {row["uid"]: row["views"] for row in batch.to_pylist()}
        self.lock.release()
        return batch.num_rows

    def flush(self) -> None:
        """What is written until now is safe."""
        if self.failure is not None and self.failure[0] == "flush":
            raise self.failure[1]
        self.flushed = dict(self.views)


class Behind:
    """Who watches a flow that has, or has not, come to the end of its log."""

    def __init__(self, caught_up: bool) -> None:
        self.caught_up = caught_up
        self.steps = 0

    def wrote(self, _: str, _batch: pa.RecordBatch, steps: int) -> None:
        """Count."""
        self.steps += steps


def counting(rng: random.Random) -> Iterator[pa.RecordBatch]:
    """Batches of steps whose views only grow."""
    at = 0
    while True:
        rows = [(rng.randrange(20), 0, at + i, at + i, at + i, 0.0) for i in range(rng.randint(1, 5))]
        at += len(rows)
        yield steps(SIMPLE, *rows)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("caught_up", [False, True])
def test_all_that_was_given_is_written_in_order(seed: int, caught_up: bool) -> None:
    rng = random.Random(seed)
    store, watcher = Remembering(), Behind(caught_up)
    writer = StoreWriter([store], watcher)   # type: ignore[list-item]
    expected: dict[int, int] = {}
    rows = 0
    promised: list[dict[int, int]] = []

    def kept(wanted: dict[int, int]) -> None:
        promised.append({uid: views for uid, views in wanted.items() if store.flushed.get(uid, -1) < views})

    asked = 0
    for batch, _ in zip(counting(rng), range(120), strict=False):
        writer.put(SIMPLE, batch)
        rows += batch.num_rows
        expected |= {row["uid"]: row["views"] for row in batch.to_pylist()}
        what = rng.random()
        if what < 0.5 and seed % 2:
            writer.write_now()
        elif what < 0.55:
            writer.wait()
            assert store.views == expected
        elif what < 0.65:
            asked += 1
            writer.flush_then(partial(kept, dict(expected)))
        elif what < 0.7:
            time.sleep(rng.random() * 0.01)
    writer.wait()
    assert promised == [{}] * asked
    assert store.views == expected
    writer.close()
    assert (store.views, watcher.steps) == (expected, rows)


def test_the_thread_goes_on_where_nobody_calls_any_more() -> None:
    store = Remembering()
    writer = StoreWriter([store], Behind(caught_up=True))   # type: ignore[list-item]
    writer.write_now()
    writer.put(SIMPLE, steps(SIMPLE, (1, 0, 0, 0, 7, 0.0)))
    end = time.monotonic() + 5
    while store.views != {1: 7}:
        assert time.monotonic() < end
        time.sleep(0.01)
    writer.close()


@pytest.mark.parametrize("where", ["write", "flush"])
@pytest.mark.parametrize("how", ["put", "write_now", "flush_then", "wait", "close"])
def test_a_failure_reaches_whoever_calls_next(where: str, how: str) -> None:
    failure = StorageError("the store is on fire")
    writer = StoreWriter([Remembering((where, failure))])   # type: ignore[list-item]
    writer.put(SIMPLE, steps(SIMPLE, (1, 0, 0, 0, 7, 0.0)))
    told: list[int] = []
    with contextlib.suppress(StorageError):   # the thread may have come to it already
        writer.flush_then(partial(told.append, 1))
    with pytest.raises(StorageError, match="on fire"):
        writer.wait()
    again: dict[str, Any] = {
        "put": lambda: writer.put(SIMPLE, steps(SIMPLE, (2, 0, 0, 0, 7, 0.0))), "write_now": writer.write_now,
        "flush_then": lambda: writer.flush_then(lambda: None), "wait": writer.wait, "close": writer.close,
    }  # fmt: skip
    with pytest.raises(StorageError, match="on fire"):
        again[how]()
    assert told == []
    if how != "close":
        with pytest.raises(StorageError):
            writer.close()

"""Threads that encode and write for many files at once, and hold their producers back.

It promises that the tasks of one lane run one after another, in their order; that no more than `pending` tasks of all lanes wait or run, so
that `submit` blocks instead of filling the memory; that the first error of a lane stops the lane and reaches whoever submits to it or waits
for it. pyarrow frees the interpreter while it encodes, so threads are enough. What a task does is left to its lane's owner.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class WriterPool:
    """`threads` threads for any number of lanes; `close` once all lanes have been waited for."""

    def __init__(self, threads: int = 2, pending: int = 8) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="headrace-writer")
        self._room = threading.BoundedSemaphore(pending)

    def lane(self) -> Lane:
        """A new lane."""
        return Lane(self._executor, self._room)

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Lane:
    """Tasks that run one after another. `submit` and `wait` are called from one thread."""

    def __init__(self, executor: ThreadPoolExecutor, room: threading.BoundedSemaphore) -> None:
        self._executor = executor
        self._room = room
        self._tasks: deque[Callable[[], None]] = deque()
        self._change = threading.Condition()
        self._running = False
        self._error: BaseException | None = None

    def submit(self, task: Callable[[], None]) -> None:
        """Adds a task; blocks while the pool is full. Raises what an earlier task raised."""
        self._room.acquire()
        with self._change:
            if self._error is not None:
                self._room.release()
                raise self._error
            self._tasks.append(task)
            if self._running:
                return
            self._running = True
        self._executor.submit(self._run)

    def wait(self) -> None:
        """Returns when all tasks have ended. Raises what one of them raised."""
        with self._change:
            self._change.wait_for(lambda: not self._running)
            if self._error is not None:
                raise self._error

    def _run(self) -> None:
        """One task, then the next one behind those of the other lanes."""
        with self._change:
            task = self._tasks.popleft()
            skipped = self._error is not None
        try:
            if not skipped:
                task()
        except BaseException as error:  # noqa: BLE001   # it belongs to the thread that waits
            with self._change:
                self._error = error
        finally:
            self._room.release()
        with self._change:
            if not self._tasks:
                self._running = False
                self._change.notify_all()
                return
        self._executor.submit(self._run)

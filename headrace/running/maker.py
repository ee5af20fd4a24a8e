"""A process that makes whole states of shards beside the flow: `python -m headrace.running.maker`, and its parent's end of it.

It takes what it is told from its standard input: a pickled `Making`, then one order a line, or a word on its haste; it answers each order
with one line of JSON. Promises that it yields to the flow where processors are few and, unless it hurries, rests between short pieces of
work (`headrace.running.pace`); that it ends when its parent is gone; and that it needs no definitions, which may have changed since the
flow began. `MakerProcess` starts it, also again when it has died.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import astuple
from importlib.metadata import version
from typing import IO, TYPE_CHECKING, Any

from headrace.errors import HeadraceError, StorageError

from .checkpoints import FORMAT, Link
from .making import Making, Order
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

NICE = 10
BUFFER_BYTES = 64 << 20
LAST_WORDS = 600
PR_SET_THP_DISABLE = 41
"""https://man7.org/linux/man-pages/man2/PR_SET_THP_DISABLE.2const.html"""


class MakerDied(HeadraceError):
    """The process ended, or was ended, before it had made what was ordered."""


class MakerProcess:
    """The parent's end; `making` is asked for when the process starts."""

    def __init__(self, making: Callable[[], Making]) -> None:
        self.making = making
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = self._hurries = self._is_told = False

    def begin(self) -> None:
        """Start the process before there is anything to make, so that the first order does not bring its start as well."""
        self._running()

    def make(self, order: Order) -> Link:
        """Have an order made; raises `StorageError` with what the process says, `MakerDied` where it says nothing any more."""
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise MakerDied("its process has no pipes")
        told = {"shard": order.shard, "links": [astuple(link) for link in order.links], "whole": order.whole, "name": order.name}
        try:
            with self._lock:
                told["hurries"] = order.hurries or self._hurries
                process.stdin.write(json.dumps(told).encode() + b"\n")
                process.stdin.flush()
            line = process.stdout.readline()
        except (BrokenPipeError, ValueError):
            line = b""
        if not line:
            raise MakerDied(self._ended(process))
        answer = json.loads(line)
        if "error" in answer:
            raise StorageError(answer["error"])
        return Link(*answer["link"])

    def hurry(self, much: bool) -> None:
        """Whether it may take its share of a busy processor and no rests, or only what is left over."""
        with self._lock:
            changes, self._hurries = much != self._hurries, much
            if changes and self._process is not None:
                self._yield(self._process)
                self._tell_haste(self._process)

    def _tell_haste(self, process: subprocess.Popen[bytes]) -> None:
        if self._is_told and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):   # the next order says that it has ended
                process.stdin.write(json.dumps({"hurry": self._hurries}).encode() + b"\n")
                process.stdin.flush()

    def _yield(self, process: subprocess.Popen[bytes]) -> None:
        if hasattr(os, "SCHED_IDLE"):
            with contextlib.suppress(OSError):   # it has ended, or may not change
                os.sched_setscheduler(process.pid, os.SCHED_OTHER if self._hurries else os.SCHED_IDLE, os.sched_param(0))

    def close(self) -> None:
        """End the process, whatever it does."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                for pipe in (self._process.stdin, self._process.stdout, self._errors):
                    if pipe is not None:
                        _close(pipe)
                self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise MakerDied("nothing is made any more")
            if self._process is not None:
                return self._process
            self._errors = tempfile.TemporaryFile()   # noqa: SIM115  # open as long as the process
            command = [sys.executable, "-m", "headrace.running.maker"]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
            )
            self._process, self._is_told = process, False
            with contextlib.suppress(ProcessLookupError):   # what it says of its end is heard below
                os.setpriority(os.PRIO_PROCESS, process.pid, NICE)   # also while it starts
            self._yield(process)
        data = pickle.dumps(self.making())
        head = {"format": FORMAT, "version": version("headrace"), "bytes": len(data)}
        if process.stdin is not None:
            try:
                process.stdin.write(json.dumps(head).encode() + b"\n" + data)
                process.stdin.flush()
            except (BrokenPipeError, ValueError):
                raise MakerDied(self._ended(process)) from None
        with self._lock:
            self._is_told = True
            self._tell_haste(process)
        return process

    def _ended(self, process: subprocess.Popen[bytes]) -> str:
        """How a process has ended, for people; the next order starts another."""
        with self._lock:
            if self._process is None:
                return "its process was ended"
            process.kill()
            code = process.wait()
            said = ""
            if self._errors is not None:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace").strip()[-LAST_WORDS:]
            for pipe in (process.stdin, process.stdout, self._errors):
                if pipe is not None:
                    _close(pipe)
            self._process = None
        return f"its process ended with {code}: {said or 'it said nothing'}"


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return   # what was not sent is sent to nobody


def _orders(orders: queue.SimpleQueue[dict[str, Any]], pace: Pace) -> None:
    """Hands on what the parent orders; ends the process with the parent, in the middle of its work."""
    for line in sys.stdin.buffer:
        told = json.loads(line)
        if "hurry" in told:
            pace.hurries = told["hurry"]
        else:
            orders.put(told)
    os._exit(0)


def _take_small_pages() -> None:
    """Have no huge pages: to clear one holds a processor, that the flow may wait for, for as long as hundreds of small ones."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def main() -> None:
    """Make what is ordered, one after the other."""
    from operators.buffers import OUTPUT

    OUTPUT.limit_bytes = BUFFER_BYTES
    _take_small_pages()
    # what a library prints is not to be taken for an answer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    head = json.loads(sys.stdin.buffer.readline())
    if (head["format"], head["version"]) != (FORMAT, version("headrace")):
        sys.exit(f"headrace {version('headrace')} was installed while {head['version']} runs; start the run again")
    making: Making = pickle.loads(sys.stdin.buffer.read(head["bytes"]))
    pace = Pace()
    making.checkpoints.rest = pace.rest
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_orders, args=(orders, pace), name="headrace-orders", daemon=True).start()
    while True:
        told = orders.get()
        order = Order(told["shard"], tuple(Link(*link) for link in told["links"]), told["whole"], told["name"])
        pace.begin(hurries=told["hurries"])
        try:
            answer: dict[str, Any] = {"link": astuple(making.make(order))}
        except (StorageError, OSError) as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()

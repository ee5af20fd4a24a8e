"""Where the parts of a process report: epochs, checkpoints that become whole, the stop.

Promises that all parts of a cluster end with the same epoch, which is a checkpoint; that a checkpoint counts as soon as all have noted it,
that what it replaces is removed then, and that the flow waits for no file of it. The first part's process decides both.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from headrace.errors import StorageError
from headrace.running.claims import TakenOver, check
from sources.identities import remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.running.checkpoints import Checkpoints, Complete
    from headrace.running.watch import Watch
    from sources.identities import Entry
    from sources.partition import Place
    from sources.reader import Ready

STOP, STOP_AT, ADDED = "stop-request.json", "stop-at.json", "partitions-added.json"
POLL_S = 0.5
PART_S = 0.05
MOST_IDENTITY_FILES = 30


class RunDesk:
    """The desk of one process of a run with `parts` workers in all."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        watch: Watch,
        parts: int,
        first_number: int,
        every: int,
        stop_epochs: int,
        shards: int,
        counted: Callable[[Complete], None] | None = None,
    ) -> None:
        """Every `every`-th epoch is a checkpoint; a stop takes effect `stop_epochs` after it was asked for; `counted` is told of
        checkpoints that count, in the process of the first part.
        """
        self.checkpoints, self.watch, self.parts = checkpoints, watch, parts
        self.first_number, self.every, self.stop_epochs = first_number, every, stop_epochs
        self.counted, self.shards = counted, shards
        self.identity_files: dict[int, list[str]] = {}
        self.lateness_us: dict[str, int] = {}
        self._identities: dict[int, list[Entry]] = {}
        self.epochs: dict[int, int] = {}
        self.on_caught_up: Callable[[], None] | None = None
        self.on_failure: Callable[[Exception], object] | None = None
        self.make_safe: Callable[[], None] | None = None
        self.between: Callable[[], None] | None = None
        self.stop_at: int | None = None
        self.taken_over: TakenOver | None = None
        self.failure: Exception | None = None
        self.reason = ""
        self.starts_over = False
        self.lead = False
        self._seen: frozenset[str] = frozenset()
        self._poller: threading.Thread | None = None
        self._noted: list[tuple[int, float]] = []
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="headrace-note")
        self._ended = threading.Event()
        self._completer: threading.Thread | None = None

    # the parts

    def epoch(self, part: int) -> int | None:
        """A new epoch of a part begins."""
        now = self.epochs[part] = self.epochs.get(part, 0) + 1
        if part == 0 and not self.lead:
            self.lead = True
            self._completer = threading.Thread(target=self._complete, name="headrace-checkpoints", daemon=True)
            self._completer.start()
        if self._poller is None:
            self._poller = threading.Thread(target=self._poll, name="headrace-stops", daemon=True)
            self._poller.start()
        self._look(part, now)
        return self.first_number + now if now % self.every == 0 or now == self.stop_at else None

    def ends(self, part: int) -> bool:
        """Whether the epoch that has just ended is the part's last."""
        return self.failure is not None or (self.stop_at is not None and self.epochs[part] >= self.stop_at)

    def ends_with(self, error: Exception) -> bool:
        """Whether the flow is to come to its end because of `error`, which is raised behind it; with several processes it has to break."""
        self.failure = self.failure or error
        if self.on_failure is not None:
            self.on_failure(error)
        return self.parts == 1

    def is_last(self, number: int) -> bool:
        """Whether a checkpoint is the run's last, as far as is known: no other comes to make up for it."""
        return self.stop_at is not None and number >= self.first_number + self.stop_at

    def gave(self, ready: Ready) -> None:
        """A batch goes into the flow."""
        before = self.watch.caught_up
        self.watch.gave(ready)
        if self.watch.caught_up and not before and self.on_caught_up is not None:
            self.on_caught_up()

    def through(self, part: int) -> None:  # noqa: ARG002  # the parts' signature
        """A part is about to read in the flow's thread: what it gave is through."""
        if self.between is not None:
            self.between()

    def noted(self, number: int, part: int, places: dict[tuple[str, int], Place], identities: list[Entry]) -> None:
        """A part has come to the end of a checkpoint, having seen `identities` since the one before; it hands them over."""
        self._notes.submit(self._note, number, part, places, identities)

    def _note(self, number: int, part: int, places: dict[tuple[str, int], Place], identities: list[Entry]) -> None:
        waiting = self._identities.setdefault(part, [])
        waiting += identities
        files = self.identity_files.setdefault(part, [])
        try:
            if self.make_safe is not None:
                self.make_safe()
            if waiting:
                files.append(self.checkpoints.write_identities(number, part, waiting))
                waiting.clear()
            if len(files) > MOST_IDENTITY_FILES:
                files[:] = [self._compacted(number, part, files)]
            self.checkpoints.note_part(number, part, places, files)
        # whatever it is, there is nobody else to tell it to; a later checkpoint brings what this one does not
        except Exception as error:  # noqa: BLE001
            self.watch.trouble = str(error) or repr(error)
            return
        self.watch.trouble = None
        if part == 0:
            self._noted.append((number, time.monotonic()))

    def _compacted(self, number: int, part: int, files: Sequence[str]) -> str:
        """One file of identities in place of many."""
        entries = [entry for name in files for entry in self.checkpoints.read_identities(name)]
        return self.checkpoints.write_identities(number, part, remembered(entries, self.lateness_us))

    # the stop

    def stop(self, reason: str) -> None:
        """Ask the whole run to end with a checkpoint; may be called by a signal handler."""
        self.reason = reason
        if self.parts > 1:
            ask_to_stop(self.checkpoints, reason)

    def start_over(self) -> None:
        """Have a run of one process end as on a stop, though nobody wants it to stop."""
        self.starts_over = True

    def _look(self, part: int, now: int) -> None:
        """Whether somebody has asked for a stop, or has taken over."""
        if self.taken_over is not None and not self.ends_with(self.taken_over):
            raise self.taken_over
        if self.stop_at is not None:
            return
        if self.parts == 1 and (self.reason or self.starts_over):
            self.stop_at = now
            return
        if STOP_AT in self._seen:
            found = json.loads(self.checkpoints.read(STOP_AT))
            self.stop_at, self.reason = found["epoch"], found["why"]
        elif part == 0 and self._seen & {STOP, ADDED}:
            if STOP in self._seen:
                self.reason = self.reason or why_stopped(self.checkpoints)
            self.stop_at = now + self.stop_epochs
            if self.parts > 1:
                self.checkpoints.write(STOP_AT, json.dumps({"epoch": self.stop_at, "why": self.reason}).encode())

    def _poll(self) -> None:
        """Look for stops every now and then: a listing may take its time."""
        while not self._ended.wait(POLL_S):
            try:
                names = frozenset(self.checkpoints.folder.names())
                check(self.checkpoints, names)
                self._seen = names & {STOP, STOP_AT, ADDED}
            except TakenOver as error:
                self.taken_over = error
            except (OSError, StorageError) as error:
                self.watch.trouble = str(error)

    # checkpoints that become whole

    def _complete(self) -> None:
        while not self._ended.wait(PART_S):
            self._completed()

    def _completed(self) -> bool:
        """Let the newest checkpoint that is whole count; False where one is still awaited."""
        for number, noted in reversed(list(self._noted)):
            try:
                found = self.checkpoints.complete(number, self.parts, self.shards)
                if found is None:
                    continue
                self.watch.checkpoint = {"number": number, "seconds": time.monotonic() - noted, "at": time.time()}
                self.checkpoints.tidy(found)
            except TakenOver as error:
                self.taken_over = error
                return False
            except (StorageError, OSError) as error:
                self.watch.trouble = str(error)
                return False
            if self.counted is not None:
                self.counted(found)
            self._noted = [each for each in self._noted if each[0] > number]
            break
        return not self._noted

    def close(self, timeout_s: float = 60.0) -> bool:
        """Wait until the last checkpoint counts; whether it does. Raises `TakenOver` where another run has the state now."""
        self._notes.shutdown(wait=True)
        self._ended.set()
        if not self.lead:
            return True
        if self._completer is not None:
            self._completer.join()
        until = time.monotonic() + timeout_s
        while not self._completed():
            if self.taken_over is not None:
                raise self.taken_over
            if time.monotonic() > until:
                return False
            time.sleep(PART_S)
        return True


def ask_to_stop(checkpoints: Checkpoints, reason: str) -> None:
    """Ask the run that keeps its state there to end with a checkpoint."""
    checkpoints.write(STOP, json.dumps({"why": reason}).encode())


def ask_to_start_over(checkpoints: Checkpoints, reason: str) -> None:
    """Ask the processes of a run to end with a checkpoint, since it starts them again; a stop that is asked for meanwhile stands."""
    checkpoints.write(ADDED, json.dumps({"why": reason}).encode())


def why_stopped(checkpoints: Checkpoints) -> str:
    """Why somebody has asked for a stop, empty where nobody has."""
    return str(json.loads(checkpoints.folder.content(STOP) or b'{"why": ""}')["why"])


def clear_stops(checkpoints: Checkpoints, *, all_of_them: bool = True) -> None:
    """Forget the stop of an earlier run; without `all_of_them` only what the processes of this one have agreed on."""
    for name in (STOP, STOP_AT, ADDED) if all_of_them else (STOP_AT, ADDED):
        checkpoints.folder.remove(name)

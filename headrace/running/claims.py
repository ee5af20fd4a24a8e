"""Who keeps a state that several machines reach: one run; others are refused while it lives, and take over when it is gone.

A run puts its claim beside the checkpoints and renews it. Promises that a second run is refused as soon as it sees the first one renew;
that it takes over from one that did not for `LEASE_S`; and that a run which was taken over, since it was stopped or cut off for so long,
learns of it before it lets a checkpoint count or removes one. It asks no clock but its own: a claim is alive when it changes. Files of two
runs never have one name, so that what either has written stays whole. On one machine a lock does the same (`headrace.running.run`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, InvalidValue, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .checkpoints import Checkpoints

BEAT_S = 2.0
LEASE_S = 7.0
LOOK_S = 0.25
_CLAIM = re.compile(r"run-(\d{6})-([0-9a-f]+)\.json")


class TakenOver(HeadraceError):
    """Another run keeps the state now."""


@contextlib.contextmanager
def claimed(checkpoints: Checkpoints, beat_s: float = BEAT_S, lease_s: float = LEASE_S) -> Iterator[None]:
    """Have the state while it is entered, under the run's name in `checkpoints`.

    Waits for the end of who had it, if that one did not release it; raises `InvalidValue` where it lives.
    """
    folder = checkpoints.folder
    standing = newest_claim(folder.names())
    if standing is not None:
        _wait(checkpoints, standing, lease_s)
    number = 1 + max((int(found[1]) for found in _claims(folder.names())), default=0)
    name = f"run-{number:06d}-{checkpoints.run}.json"
    began = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = {"host": socket.gethostname(), "process": os.getpid(), "began": began}
    checkpoints.write(name, json.dumps(told | {"beats": 0}).encode())
    for found in _claims(folder.names()):
        if int(found[1]) < number:
            folder.remove(found[0])
    ended = threading.Event()

    def renew() -> None:
        beats = 0
        while not ended.wait(beat_s):
            beats += 1
            # a store that does not answer is told of by the checkpoints, which go there too
            with contextlib.suppress(StorageError, OSError):
                checkpoints.write(name, json.dumps(told | {"beats": beats}).encode())

    thread = threading.Thread(target=renew, name="headrace-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(StorageError):   # whoever comes next waits a little
            folder.remove(name)


def _wait(checkpoints: Checkpoints, name: str, lease_s: float) -> None:
    """Until a claim was not renewed for so long, or is gone."""
    before = checkpoints.folder.content(name)
    until = time.monotonic() + lease_s
    if before is not None:
        sys.stderr.write(f"headrace: a run {_told(before)} has not given the state back; waiting {lease_s:.0f} s for a sign of life\n")
    while before is not None and time.monotonic() < until:
        time.sleep(LOOK_S)
        now = checkpoints.folder.content(name)
        if now is not None and now != before:
            text = f"the same groups run already, {_told(now)} (their state is in {checkpoints.folder.uri})"
            raise InvalidValue(text, path=checkpoints.folder.uri)
        before = now


def check(checkpoints: Checkpoints, names: Iterable[str]) -> None:
    """Raises `TakenOver` where the files in the folder say that another run has it now."""
    newest = newest_claim(names)
    if newest is not None and checkpoints.run and not newest.endswith(f"-{checkpoints.run}.json"):
        now = checkpoints.folder.content(newest) or b"{}"
        text = f"another run of the same groups has taken over, {_told(now)}; this one ends (the state is in {checkpoints.folder.uri})"
        raise TakenOver(text, path=checkpoints.folder.uri)


def newest_claim(names: Iterable[str]) -> str | None:
    """The file of the claim that counts."""
    return max((found[0] for found in _claims(names)), default=None)


def _claims(names: Iterable[str]) -> list[re.Match[str]]:
    return [found for name in names if (found := _CLAIM.fullmatch(name))]


def _told(content: bytes) -> str:
    told: dict[str, Any] = json.loads(content)
    process, host, began = (told.get(name, "unknown") for name in ("process", "host", "began"))
    return f"in process {process} on host {host} since {began}"

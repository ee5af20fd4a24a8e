"""A desk takes reports without a wait for files, and lets a checkpoint count when all of them are written."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from headrace.errors import StorageError
from headrace.running.checkpoints import PORTION, Checkpoints
from headrace.running.desk import RunDesk, ask_to_stop
from headrace.running.watch import Watch
from sources.partition import Place

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sources.identities import Entry

PLACES = {("clicks", 0): Place(7)}


def make_desk(checkpoints: Checkpoints) -> RunDesk:
    """The desk of a run of one process, in which every epoch is a checkpoint of no shard."""
    return RunDesk(checkpoints, Watch(), 1, 0, 1, 5, 0)


def test_a_slow_disk_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    desk = make_desk(checkpoints)
    goes_on = threading.Event()
    write = Checkpoints.write

    def slow(self: Checkpoints, *arguments: Any) -> None:
        assert goes_on.wait(10)
        write(self, *arguments)

    monkeypatch.setattr(Checkpoints, "write", slow)
    begun = time.monotonic()
    identities: list[Entry] = [("clicks", i, i, 0) for i in range(2 * PORTION + 1)]
    for _ in range(3):
        number = desk.epoch(0)
        assert number is not None
        desk.noted(number, 0, PLACES, [identities.pop(), identities.pop()] if number < 3 else identities)
    assert time.monotonic() - begun < 5
    goes_on.set()
    assert desk.close()
    newest = checkpoints.newest()
    assert newest is not None
    assert (newest.number, newest.places) == (3, {"clicks/0": {"offset": 7, "arrival_us": -(2**63), "newest_us": -(2**63), "is_live": False}})
    found = [tuple(entry) for name in newest.identities[0] for entry in checkpoints.read_identities(name)]
    assert sorted(found) == [("clicks", i, i, 0) for i in range(2 * PORTION + 1)]


def test_what_cannot_be_written_or_removed_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    desk = make_desk(checkpoints)
    note, tidy = Checkpoints.note_part, Checkpoints.tidy
    notes, removals = (iter([StorageError("the disk is full"), None]) for _ in range(2))

    def fails_to_note(self: Checkpoints, *arguments: Any) -> None:
        if error := next(notes, None):
            raise error
        note(self, *arguments)

    def fails_to_tidy(self: Checkpoints, *arguments: Any) -> None:
        if error := next(removals, None):
            raise error
        tidy(self, *arguments)

    monkeypatch.setattr(Checkpoints, "note_part", fails_to_note)
    monkeypatch.setattr(Checkpoints, "tidy", fails_to_tidy)
    for entry in ("one", "two"):
        number = desk.epoch(0)
        assert number is not None
        desk.noted(number, 0, PLACES, [("clicks", entry, 1, 0)])
    assert desk.close()
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.number == 2
    assert [entry[1] for name in newest.identities[0] for entry in checkpoints.read_identities(name)] == ["one", "two"]
    assert not [name for name in checkpoints.folder.names() if "000000000001" in name and not name.startswith("ids")]


def test_a_stop_from_outside_is_seen(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    desk = make_desk(checkpoints)
    desk.epoch(0)
    ask_to_stop(checkpoints, "somebody else")
    until = time.monotonic() + 10
    while desk.stop_at is None and time.monotonic() < until:
        time.sleep(0.05)
        desk.epoch(0)
    assert desk.reason == "somebody else"
    assert desk.stop_at is not None
    assert (desk.is_last(desk.stop_at), desk.is_last(desk.stop_at - 1)) == (True, False)
    assert desk.close()

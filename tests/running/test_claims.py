"""Of two runs on one state in a bucket the second is refused while the first lives, and takes over when it is gone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from headrace.errors import InvalidValue
from headrace.running.checkpoints import Checkpoints
from headrace.running.claims import TakenOver, check, claimed
from headrace.running.desk import RunDesk
from headrace.running.watch import Watch
from sources.partition import Place

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {("clicks", 0): Place(7)}
BEAT_S, LEASE_S = 0.1, 1.0


def state(folder: Path, run: str) -> Checkpoints:
    """The state as a run has it."""
    return Checkpoints(str(folder / "state"), run=run)


def counts(checkpoints: Checkpoints, number: int, offset: int) -> None:
    """Let a checkpoint of no shard count."""
    checkpoints.note_shards(number, 0, {})
    checkpoints.note_part(number, 0, {("clicks", 0): Place(offset)}, [])
    assert checkpoints.complete(number, 1, 0) is not None


def many_epochs(desk: RunDesk) -> None:
    """Epochs for some seconds, or until one is the last."""
    for _ in range(100):
        time.sleep(0.05)
        desk.epoch(0)
        if desk.ends(0):
            return


def test_a_second_run_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    first, second = state(tmp_path, "aa"), state(tmp_path, "bb")
    with claimed(first, BEAT_S, LEASE_S):
        begun = time.monotonic()
        with pytest.raises(InvalidValue, match="the same groups run already, in process"), claimed(second, BEAT_S, LEASE_S):
            pass
        assert time.monotonic() < begun + LEASE_S
        check(first, first.folder.names())
    with claimed(second, BEAT_S, LEASE_S):
        check(second, second.folder.names())
    assert second.folder.names() == []


def test_whoever_was_silent_too_long_is_taken_over_and_learns_of_it(tmp_path: Path) -> None:
    first, second = state(tmp_path, "aa"), state(tmp_path, "bb")
    desk = RunDesk(first, Watch(), 1, 0, 1, 5, 0)
    never = 3_600.0
    with claimed(first, never, LEASE_S):
        counts(first, 1, 10)
        desk.epoch(0)
        begun = time.monotonic()
        with claimed(second, never, LEASE_S):
            assert time.monotonic() >= begun + LEASE_S
            # neither counts nor removes any more, and the flow hears of it
            first.note_shards(2, 0, {})
            first.note_part(2, 0, PLACES, [])
            with pytest.raises(TakenOver, match="another run of the same groups has taken over, in process"):
                first.complete(2, 1, 0)
            with pytest.raises(TakenOver):
                first.tidy(first.newest())
            many_epochs(desk)
            assert isinstance(desk.failure, TakenOver)
            of_two = RunDesk(first, Watch(), 2, 0, 1, 5, 0)
            with pytest.raises(TakenOver):
                many_epochs(of_two)
            of_two._ended.set()
            newest = second.newest()
            assert newest is not None
            assert (newest.number, newest.places["clicks/0"]["offset"]) == (1, 10)
            second.tidy(newest, all_others=True)
            assert [name for name in second.folder.names() if "000000000002" in name] == []
            counts(second, 2, 20)
    newest = second.newest()
    assert newest is not None
    assert (newest.number, newest.places["clicks/0"]["offset"]) == (2, 20)
    desk._ended.set()


def test_two_runs_never_write_one_file(tmp_path: Path) -> None:
    first, second = state(tmp_path, "aa"), state(tmp_path, "bb")
    for checkpoints, offset in ((first, 10), (second, 20)):
        checkpoints.write_identities(1, 0, [])
        counts(checkpoints, 1, offset)
    names = first.folder.names()
    assert len(names) == len(set(names)) == 8
    for each in (first, second):
        newest = each.newest()
        assert newest is not None
        assert newest.file in names
    first.tidy(first.newest())
    # the one that counts stays whole
    newest = first.newest()
    assert newest is not None
    assert first.folder.names() == [newest.file]


def test_all_at_once(tmp_path: Path) -> None:
    """Many begin at one moment: at most one of them has it in the end."""
    began: list[Checkpoints] = []
    runs = [state(tmp_path, f"{number:02x}") for number in range(6)]
    ready = threading.Barrier(len(runs))
    ended = threading.Event()

    def begin(checkpoints: Checkpoints) -> None:
        ready.wait()
        try:
            with claimed(checkpoints, BEAT_S, LEASE_S):
                began.append(checkpoints)
                ended.wait(30)
        except InvalidValue:
            return

    threads = [threading.Thread(target=begin, args=(each,), daemon=True) for each in runs]
    for thread in threads:
        thread.start()
    time.sleep(2 * LEASE_S)
    names = runs[0].folder.names()
    owners = []
    for each in began:
        try:
            check(each, names)
        except TakenOver:
            continue
        owners.append(each)
    ended.set()
    for thread in threads:
        thread.join(30)
    assert len(owners) == 1

"""A run that starts over is one run to who began it: it makes a state anew once, takes up partitions, and hears of a stop in between."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import headrace.running.added as adding
import headrace.running.run as running
from headrace.errors import StorageError, Unreachable
from headrace.running.added import looked_for
from headrace.running.checkpoints import Checkpoints
from headrace.running.desk import ADDED, STOP, ask_to_start_over, ask_to_stop, clear_stops, why_stopped
from headrace.running.going import GoingRun
from headrace.running.packing import damaged
from sources.consumer import TopicError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAMAGE = "the checkpoint file state-1 is damaged: it is not there"


class Runs:
    """`run` with starts and flows that a test gives: `asked` has what each start was asked for, `ends` how each flow ends."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *ends: bool | Exception) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.ends = list(ends)
        self.kafka: list[Exception] = []
        self.during: Callable[[GoingRun], object] = lambda _: None
        patch.setattr(running, "plan_run", self._plan)
        patch.setattr(running, "checkpoints_of", lambda *_: Checkpoints(str(folder)))
        runs = self

        def goes_on(flow: Any, _: Any) -> bool:
            flow.going.goes_on(FakeWorker())
            runs.during(flow.going)
            end = runs.ends.pop(0)
            if isinstance(end, Exception):
                raise end
            return end

        patch.setattr(running._Flow, "goes_on", goes_on)   # what it computes needs a broker
        patch.setattr(time, "sleep", lambda _: None)

    def _plan(self, _repository: Any, _names: Any, *asked: Any) -> tuple[list[Any], Any]:
        since, fresh, _, damage = asked
        if self.asked and self.kafka:
            raise self.kafka.pop()
        self.asked.append((since, fresh, damage))
        return [], SimpleNamespace(gaps=(), complete=None, unreadable=None, how="beginning")


class FakeWorker:
    """Has numbers, and can be stopped."""

    def __init__(self) -> None:
        self.desk, self.stopped = self, ""
        self.watch = "its watch"

    def stop(self, reason: str) -> None:
        """It is to end."""
        self.stopped = reason

    def numbers(self) -> dict[str, Any]:
        """Its numbers."""
        return {"rows": 1, "trouble": None}


def test_a_damaged_state_is_made_anew_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs(tmp_path, monkeypatch, damaged("state-1", "it is not there"), False)
    running.run(None, ["activity"], since="2024-01-01")   # type: ignore[arg-type]
    assert runs.asked == [("2024-01-01", False, None), ("2024-01-01", False, DAMAGE)]
    assert capsys.readouterr().err == f"headrace: {DAMAGE}; the state is made anew\n"
    again = Runs(tmp_path, monkeypatch, *[damaged("state-1", "it is not there")] * 2)
    with pytest.raises(StorageError, match=DAMAGE):
        running.run(None, ["activity"])   # type: ignore[arg-type]
    assert again.ends == []


def test_a_store_that_does_not_answer_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path, monkeypatch, Unreachable("it does not answer"), False)
    with pytest.raises(Unreachable):
        running.run(None, ["activity"])   # type: ignore[arg-type]
    assert len(runs.asked) == 1


def test_a_run_goes_on_behind_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path, monkeypatch, True, False)
    runs.kafka = [TopicError("nobody answers"), TopicError("nobody answers")]
    running.run(None, ["activity"], since="2024-01-01", fresh=True)   # type: ignore[arg-type]
    assert runs.asked == [("2024-01-01", True, None), (None, False, None)]


def test_a_stop_while_it_starts_over_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path, monkeypatch, True)
    runs.during = lambda going: going.stop("SIGTERM")
    running.run(None, ["activity"])   # type: ignore[arg-type]
    assert len(runs.asked) == 1


def test_what_is_asked_of_a_run_reaches_who_computes_next() -> None:
    going = GoingRun()
    first, second, third = FakeWorker(), FakeWorker(), FakeWorker()
    going.goes_on(first)
    assert (going.watch, going.numbers()["trouble"]) == ("its watch", None)
    going.anew = "it is made anew"
    assert going.numbers() == {"rows": 1, "trouble": "it is made anew"}
    going.goes_on(second)
    assert (going.anew, first.stopped, second.stopped) == ("", "", "")
    going.desk.stop("SIGTERM")
    going.goes_on(third)
    assert (second.stopped, third.stopped, going.reason) == ("SIGTERM", "SIGTERM", "SIGTERM")


def test_a_stop_stands_when_processes_start_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path))
    ask_to_start_over(checkpoints, "there are more partitions")
    assert why_stopped(checkpoints) == ""
    ask_to_stop(checkpoints, "another run has caught up")
    clear_stops(checkpoints, all_of_them=False)
    assert (checkpoints.folder.names(), why_stopped(checkpoints)) == ([STOP], "another run has caught up")
    ask_to_start_over(checkpoints, "there are more partitions")
    assert ADDED in checkpoints.folder.names()
    clear_stops(checkpoints)
    assert checkpoints.folder.names() == []


def test_partitions_are_looked_for_until_they_can_be_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Kafka does not answer, the run is in trouble, or a state cannot be written, nothing is said."""
    import threading

    answers: list[Any] = [TopicError("nobody answers"), [0], [0, 1], [0, 1], [0, 1], [0, 1]]
    trouble = [True, False, False]
    told: list[list[str]] = []
    ended = threading.Event()

    def partitions_of(_settings: Any, topic: str) -> list[int]:
        assert topic == "topic"
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    def found(lines: list[str]) -> None:
        told.append(lines)
        if len(told) == 1:
            raise StorageError("the disk is full")
        ended.set()

    monkeypatch.setattr("sources.consumer.partitions_of", partitions_of)
    monkeypatch.setattr(adding, "LOOK_S", 0.01)
    with looked_for({}, {"clicks": "topic"}, {("clicks", 0): 5}, lambda: trouble.pop(0), found):
        assert ended.wait(10)
    assert told == [["topic topic has 2 partitions now, 1 before"]] * 2
    assert (trouble, len(answers)) == ([], 1)

"""A spine whose rows fall on the events that they may want to predict: told once, at the caller's line, and not where it was asked for."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import headrace as hr
from headrace.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

DEFINITIONS = """
import headrace as hr

buyer = hr.Key("uid", hr.Dimension("account"), "int64")
clicks = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts")
activity = hr.FeatureGroup("activity", key=buyer, features={"seen": clicks.count().over("ever")})
"""
EVENTS = [{"uid": 1, "ts": f"2024-01-01T00:0{minute}:30Z"} for minute in range(4)]
TEXT = (
    "4 of 4 rows of the spine fall on the instant of an event of their own entity and see that event; "
    "if the event is what you predict, ask for what stood before it: --before (before=True)"
)


@pytest.fixture
def repository(tmp_path: Path) -> hr.Repository:
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    return hr.Repository(tmp_path)


def replayed(repository: hr.Repository, spine: list[dict[str, Any]], **options: Any) -> tuple[list[Any], list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = hr.replay(repository.groups["activity"], events={"clicks": EVENTS}, spine=spine, time="ts", **options)
    return table.column("seen").to_pylist(), told


def test_many_rows_at_an_event_are_told(repository: hr.Repository) -> None:
    seen, told = replayed(repository, EVENTS)
    assert seen == [1, 2, 3, 4]
    assert [(str(each.message), each.category, each.filename) for each in told] == [(TEXT, hr.HeadraceWarning, __file__)]


def test_a_row_is_told_once_though_several_groups_answer_it(repository: hr.Repository) -> None:
    group = repository.groups["activity"]
    other = hr.FeatureGroup("other", key=group.keys[0], features={"times": group.sources[0].count().over("1h")})
    with pytest.warns(hr.HeadraceWarning, match="^4 of 4 rows"):
        hr.replay([group, other], events={"clicks": EVENTS}, spine=EVENTS, time="ts")


def test_an_instant_of_a_refresh_is_no_event(repository: hr.Repository) -> None:
    clicks = repository.sources["clicks"]
    group = hr.FeatureGroup("short", key=repository.groups["activity"].keys[0], features={"seen": clicks.count().over("30s")})
    events = [{"uid": uid, "ts": f"2024-01-01T00:0{minute}:00Z"} for minute in range(1, 5) for uid in range(minute, 9)]
    gone = [{"uid": minute - 1, "ts": f"2024-01-01T00:0{minute}:00Z"} for minute in range(2, 5)]   # the window is empty at this refresh
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = hr.replay(group, events={"clicks": events}, spine=gone, time="ts")
    assert table.column("seen").to_pylist() == [0, 0, 0]


def test_what_was_asked_for_is_not_told(repository: hr.Repository) -> None:
    assert replayed(repository, EVENTS, before=True) == ([0, 1, 2, 3], [])


def test_rows_between_events_are_not_told(repository: hr.Repository) -> None:
    between = [{"uid": 1, "ts": f"2024-01-01T00:0{minute}:00Z"} for minute in range(4)]
    assert replayed(repository, between) == ([0, 1, 2, 3], [])


def test_the_command_line_says_it_as_a_sentence(repository: hr.Repository, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "\n".join(f"{each['uid']},{each['ts']}" for each in EVENTS)
    (repository.path / "clicks.csv").write_text(f"uid,ts\n{lines}\n")
    folder = str(repository.path)
    assert run(["load", "clicks", f"{folder}/clicks.csv", "--repo", folder]) == 0
    capsys.readouterr()
    out = str(repository.path / "out")
    assert run(["replay", "activity", "--spine", f"{folder}/clicks.csv", "--time", "ts", "--out", out, "--repo", folder]) == 0
    assert capsys.readouterr().err == f"headrace: {TEXT}\n"

"""Every benchmark runs from end to end on a little data, and checks what it compares; its figures mean nothing here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks import batch, memory, replay, scale
from benchmarks.engines import checksum
from benchmarks.replay import close, once
from benchmarks.work import make_events, make_repository

if TYPE_CHECKING:
    from pathlib import Path


def test_engines_write_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    ratios = replay.main(["--rows", "20000", "--keys", "300", "--runs", "1"])
    assert set(ratios) == set(replay.TARGETS)
    assert all(ratio > 0 for ratio in ratios.values())
    assert "| polars |" in capsys.readouterr().out


def test_another_result_is_seen(tmp_path: Path) -> None:
    make_events(tmp_path / "events.parquet", 2_000, 30)
    make_repository(tmp_path / "repository", tmp_path / "events.parquet")
    _, sums = once("headrace", tmp_path, {min(os.sched_getaffinity(0))})
    assert close(sums, checksum(tmp_path / "out-headrace"))
    assert sums[0] == 2_000
    assert close(sums, sums)
    assert not close(sums, [*sums[:-1], sums[-1] + 1])


def test_a_batch_of_the_live_flow(capsys: pytest.CaptureFixture[str]) -> None:
    figures = batch.main(["--rows", "40", "--rounds", "3"])
    assert all(ms > 0 for ms in figures.values())
    assert "| roll up |" in capsys.readouterr().out


def test_scale(capsys: pytest.CaptureFixture[str]) -> None:
    ratios = scale.main(["--rows", "5000", "--probes", "100", "--entities", "50", "500", "--runs", "1"])
    assert set(ratios) == {"spine", "features by a spine", "features by events", "entities"}
    assert "| 500 entities |" in capsys.readouterr().out


@pytest.mark.alone
def test_memory_of_a_state(capsys: pytest.CaptureFixture[str]) -> None:
    found = memory.main(["--entities", "200000"])
    assert found["entity"] <= 240
    assert found["event"] <= 40
    assert "bytes an entity with one event" in capsys.readouterr().out


def test_memory_of_a_large_replay() -> None:
    found = memory.main(["--entities", "2000", "--large", "20000"])
    assert found["large, bytes"] < 2e9
    assert found["large, rate"] > 0

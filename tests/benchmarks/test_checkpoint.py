"""The benchmark of checkpoints runs from end to end on a few entities; its figures mean nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import checkpoint
from headrace.running import compaction

if TYPE_CHECKING:
    import pytest


def test_checkpoint(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # so few rows are worth no whole state otherwise
    monkeypatch.setattr(compaction, "SHORTEST_ROWS", 10_000)
    figures = checkpoint.main(["--entities", "6000", "--rate", "20000", "--checkpoints", "4", "--seconds", "0.5"])
    assert figures["start, rows"] > 0
    assert figures["made"] > 0
    assert figures["bytes a row"] > 8
    assert "| a start (goal 5 s), rows it applied |" in capsys.readouterr().out

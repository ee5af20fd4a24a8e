"""The benchmark of the live flow runs from end to end on a few messages; its figures mean nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import live

if TYPE_CHECKING:
    import pytest

    from tests.kafka.broker import Broker


def test_live(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    figures = live.main(["--messages", "20000", "--keys", "300", "--segments", "0", "--window-messages", "500"], broker)
    assert set(figures) == {"live", "decode", "archive", "replay", "bootstrap", "window"}
    assert all(rate > 0 for rate in figures.values())
    assert "| roll up |" in capsys.readouterr().out

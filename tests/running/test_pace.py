"""Who works beside the flow rests for a multiple of its work, unless it hurries, which it may be told at any time."""

from __future__ import annotations

import json
import queue
import time
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

import headrace.running.maker as making
from headrace.running.pace import LEAST_S, MOST_S, RESTS, Pace


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each rest was; none takes any time."""
    found: list[float] = []
    monkeypatch.setattr("headrace.running.pace.time", SimpleNamespace(monotonic=time.monotonic, sleep=found.append))
    return found


def work(seconds: float) -> None:
    """Be busy."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_a_rest_is_a_multiple_of_the_work(slept: list[float]) -> None:
    pace = Pace()
    work(2 * LEAST_S)
    pace.rest()
    pace.rest()   # nothing was done since
    work(2 * MOST_S / RESTS)
    pace.rest()
    assert len(slept) == 2
    assert slept[0] >= RESTS * 2 * LEAST_S
    assert slept[1] == MOST_S


def test_what_was_before_the_work_is_none(slept: list[float]) -> None:
    pace = Pace(2.0)
    work(2 * LEAST_S)
    pace.begin(hurries=False)
    pace.rest()
    work(2 * LEAST_S)
    pace.rest()
    pace.begin(hurries=True)
    work(2 * LEAST_S)
    pace.rest()
    assert len(slept) == 1
    assert 4 * LEAST_S <= slept[0] < MOST_S


def test_in_haste_there_is_none(slept: list[float]) -> None:
    pace = Pace()
    pace.hurries = True
    work(2 * LEAST_S)
    pace.rest()
    pace.hurries = False
    pace.rest()
    assert slept == []


def test_haste_is_heard_between_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that reads them, while an order is worked on."""
    lines: list[dict[str, Any]] = [{"hurry": True}, {"shard": 1}, {"hurry": False}, {"shard": 2}, {"hurry": True}]
    text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    ended: list[int] = []
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=BytesIO(text)))
    monkeypatch.setattr("os._exit", ended.append)
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    pace = Pace()
    making._orders(orders, pace)
    assert (orders.get_nowait(), orders.get_nowait(), pace.hurries, ended) == ({"shard": 1}, {"shard": 2}, True, [0])

"""The clock of a live shard where partitions are empty, silent, or have not spoken."""

from __future__ import annotations

import numpy as np

import headrace as hr
from headrace.plan import build
from operators.kernels.tables import MIN64
from operators.live_clock import LiveClock
from operators.shares import NOTHING_YET, Told

MINUTE = 60_000_000
NOON = 1_704_110_400_000_000

user = hr.Key("user", hr.Dimension("user"), "int64")
clicks = hr.Source("clicks", schema={"user": "int64", "ts": "timestamp"}, time="ts")
group = hr.FeatureGroup("group", key=user, features={"n": clicks.count().over("1h")})


def told(upto: dict[int, int], *points: tuple[int, int]) -> Told:
    """What a reader says; a point is (ordinal, arrival), and the event happened then."""
    ordinals, arrivals = (np.array([p[i] for p in points], np.int64) for i in (0, 1))
    return Told(upto, (ordinals, arrivals, arrivals, np.ones(len(points), np.uint8)))


def clock() -> LiveClock:
    return LiveClock(build([group]), [("clicks", 0), ("clicks", 1)])


def test_an_empty_partition_says_nothing_of_log_time() -> None:
    """Old events that are played into a topic which was empty are not told as silence from then to now."""
    found = clock()
    found.tell(told({0: NOTHING_YET, 1: NOTHING_YET}))
    facts, passed = found.advance()
    assert (passed, facts.tick) == (False, MIN64)
    found.tell(told({0: NOON + 1, 1: NOTHING_YET}, (0, NOON)))
    facts, passed = found.advance()
    assert passed
    assert facts.tick == NOON + 1
    assert facts.clocks[0].passed(np.array([NOON + 1])).tolist() == [NOON]


def test_a_partition_that_has_not_spoken_is_waited_for() -> None:
    found = clock()
    found.tell(told({0: NOON + MINUTE}, (0, NOON)))
    assert found.advance()[1] is False
    found.tell(told({1: NOON}))
    assert found.advance()[1] is True


def test_a_silence_empties_windows() -> None:
    found = clock()
    found.tell(told({0: NOON, 1: NOTHING_YET}, (0, NOON)))
    found.advance()
    found.tell(told({0: NOON + 10 * MINUTE, 1: NOTHING_YET}))
    facts, passed = found.advance()
    assert passed
    # the clock goes on behind the `idle` of a minute
    assert facts.clocks[0].passed(np.array([NOON + 10 * MINUTE])).tolist() == [NOON + 9 * MINUTE]

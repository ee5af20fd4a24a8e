"""Log time where partitions are silent: as late as the wall says where messages are stamped as they come, and never ahead of a history."""

from __future__ import annotations

import random
import time

import pytest

from operators.shares import NOTHING_YET
from sources.identities import readers_of
from sources.partition import Place
from sources.reader import GRACE_US, TELL_S, Reader
from tests.running.scripted import PARTITIONS, Scripted, make_reader

S = 1_000_000


def told(reader: Reader, consumer: Scripted) -> dict[tuple[str, int], float]:
    """By partition how many seconds behind the wall log time is said to be."""
    time.sleep(TELL_S)
    ready = reader._read(0.0)
    assert ready is not None
    assert ready.told is not None
    now = time.time()
    return {PARTITIONS[i]: now - upto / S for i, upto in ready.told.upto.items() if upto != NOTHING_YET}


def ago(seconds: float) -> int:
    """An instant so long ago, in microseconds."""
    return int((time.time() - seconds) * S)


def test_whoever_was_silent_before_the_start_holds_nobody_back() -> None:
    consumer = Scripted()
    reader = make_reader(consumer, {name: Place(5, ago(3_600)) for name in PARTITIONS})
    assert all(3_598 < late < 3_602 for late in told(reader, consumer).values())
    consumer.come("clicks", 0, ago(0))
    found = told(reader, consumer)
    # the other partition of the source, and those of one of which nothing has come
    assert all(late < 1 for late in found.values()), found
    assert all(late >= GRACE_US / S / 2 for name, late in found.items() if name != ("clicks", 0)), found


@pytest.mark.parametrize("behind_s", [3 * 3_600, 86_400 * 365])
def test_a_history_that_is_played_stays_in_its_time(behind_s: float) -> None:
    """Its messages come long behind their stamps: a silence lasts as long as it has been seen."""
    consumer = Scripted()
    reader = make_reader(consumer, {name: Place(5, ago(behind_s + 60)) for name in PARTITIONS})
    consumer.come("clicks", 0, ago(behind_s))
    assert all(behind_s - 2 < late < behind_s + 62 for late in told(reader, consumer).values())
    # another source is live, this one is not
    consumer.come("prices", 0, ago(0))
    found = told(reader, consumer)
    assert found["prices", 1] < 1
    assert found["clicks", 1] > behind_s - 2


def test_delayed_messages_are_waited_for() -> None:
    consumer = Scripted()
    reader = make_reader(consumer, {name: Place(5, ago(600)) for name in PARTITIONS})
    consumer.come("clicks", 0, ago(1.5))
    found = told(reader, consumer)
    assert all(1.5 <= late < 3 for late in found.values()), found


def test_it_is_known_behind_a_checkpoint() -> None:
    consumer = Scripted()
    reader = make_reader(consumer, {name: Place(5, ago(600), is_live=name[0] == "clicks") for name in PARTITIONS})
    found = told(reader, consumer)
    assert all(late < 4 for late in found.values()), found
    consumer.come("clicks", 1, ago(0))
    reader._read(0.0)
    assert reader.partitions["clicks", 1].place.is_live


def test_a_unique_source_has_one_reader() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        partitions = [(source, p) for source in "abcd" for p in range(rng.randint(0, 7))]
        unique, readers = rng.sample("abcd", rng.randint(0, 4)), rng.randint(1, 5)
        found = readers_of(partitions, readers, unique)
        assert set(found) == set(partitions)
        assert set(found.values()) <= set(range(readers))
        for source in unique:
            assert len({reader for name, reader in found.items() if name[0] == source}) <= 1
        if not unique:
            assert found == {name: i % readers for i, name in enumerate(sorted(partitions))}

"""Log time where partitions are silent: as late as the wall says where messages are stamped as they come, and never ahead of a history."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.archive import Layout
from headrace.plan import build
from operators.decode import Decoder
from operators.kernels import tables as t
from operators.layout import build_layout
from operators.shard import FEW_SHARDS, Sharder
from operators.shares import NOTHING_YET
from sources.consumer import RawBatch
from sources.identities import readers_of
from sources.partition import Place
from sources.reader import GRACE_US, TELL_S, Reader

SOURCES = ("clicks", "prices")
PARTITIONS = [(source, p) for source in SOURCES for p in (0, 1)]
S = 1_000_000


class Scripted:
    """A consumer that gives what it is told to; every partition was at its end before."""

    def __init__(self) -> None:
        self.at_end = dict.fromkeys(PARTITIONS, time.time())
        self.trouble = None
        self.offset = 10
        self.next: list[RawBatch] = []

    def come(self, source: str, partition: int, stamp_us: int) -> None:
        """A message comes."""
        value = json.dumps({"k": "a", "x": 1, "ts": stamp_us}).encode()
        offsets, stamps = np.array([self.offset], np.int64), np.array([stamp_us], np.int64)
        self.next.append(RawBatch(source, partition, offsets, stamps, [value], [None], time.time()))
        self.offset += 1

    def take(self, _: float) -> list[RawBatch]:
        """What has come."""
        found, self.next = self.next, []
        return found

    def lag(self) -> dict[Any, int]:
        """None."""
        return {}

    def resume(self, _: Any) -> None:
        """Nothing is paused."""


def make_reader(consumer: Scripted, places: dict[tuple[str, int], Place]) -> Reader:
    """A reader of all partitions that has caught up."""
    key = hr.Key("k", hr.Dimension("k"), "string")
    sources = {name: hr.Source(name, schema={"k": "string", "x": "int64", "ts": "timestamp[us]"}, time="ts") for name in SOURCES}
    features = {name: source.count().over("1h") for name, source in sources.items()}
    plan = build([hr.FeatureGroup("g", key=key, features=features)])
    layouts = [build_layout(plan, number, t.STEPS) for number in range(len(plan.keys))]
    decoders = {name: Decoder(Layout.of(source), "json") for name, source in sources.items()}
    reader = Reader(plan, Sharder(plan, layouts, shards=FEW_SHARDS), decoders, {n: n for n in SOURCES}, PARTITIONS, places, lambda _: consumer)   # type: ignore[arg-type, return-value]
    reader.caught_up = True
    return reader


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

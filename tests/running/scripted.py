"""A reader of two sources with a consumer that gives what it is told to."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import headrace as hr
from headrace.archive import Layout
from headrace.plan import build
from operators.decode import Decoder
from operators.kernels import tables as t
from operators.layout import build_layout
from operators.shard import FEW_SHARDS, Sharder
from sources.consumer import RawBatch
from sources.reader import Reader

if TYPE_CHECKING:
    from sources.partition import Place

SOURCES = ("clicks", "prices")
PARTITIONS = [(source, p) for source in SOURCES for p in (0, 1)]


class Scripted:
    """A consumer that gives what it is told to; every partition was at its end before."""

    def __init__(self) -> None:
        self.at_end = dict.fromkeys(PARTITIONS, time.time())
        self.trouble = None
        self.offset = 10
        self.next: list[RawBatch] = []

    def come(self, source: str, partition: int, stamp_us: int, x: int = 1, key: str = "a") -> None:
        """A message comes."""
        value = json.dumps({"k": key, "x": x, "ts": stamp_us}).encode()
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
    features = {name: source["x"].last().over("1h") for name, source in sources.items()}
    plan = build([hr.FeatureGroup("g", key=key, features=features)])
    layouts = [build_layout(plan, number, t.STEPS) for number in range(len(plan.keys))]
    decoders = {name: Decoder(Layout.of(source), "json") for name, source in sources.items()}
    reader = Reader(plan, Sharder(plan, layouts, shards=FEW_SHARDS), decoders, {n: n for n in SOURCES}, PARTITIONS, places, lambda _: consumer)   # type: ignore[arg-type, return-value]
    reader.caught_up = True
    return reader

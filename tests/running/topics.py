"""Logs as topics without a broker: a consumer and decoders that give what a log holds, in random portions.

They keep to the contracts of `sources.consumer` and `operators.decode`; the engine, the flow and the stores are the real ones. The end of a
partition is told so that log time comes to the end of all logs and stays there.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.arrow import one_batch
from operators.decode import DecodedAll
from operators.keys import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from headrace.archive import Log


@dataclass(slots=True)
class FakeRaw:
    """Messages of one partition: the row numbers of a table stand for their bytes."""

    topic: str
    partition: int
    offsets: Any
    timestamps_us: Any
    values: list[int]
    keys: list[None]
    received_s: float


class Topics:
    """The partitions of some logs, by source name."""

    def __init__(self, logs: Mapping[str, Log]) -> None:
        self.tables: dict[tuple[str, int], pa.RecordBatch] = {}
        for name, log in logs.items():
            parts: dict[int, list[pa.RecordBatch]] = {}
            for group in log.row_groups():
                parts.setdefault(group.partition, []).append(log.read(group))
            for partition, batches in parts.items():
                import pyarrow

                self.tables[name, partition] = pyarrow.Table.from_batches(batches).combine_chunks().to_batches()[0]
        self.end_us = max(int(words_of(t.column("_arrival"))[-1]) for t in self.tables.values())

    def consumer(self, starts: Mapping[tuple[str, int], int], seed: int, portion: int, upto: Mapping[tuple[str, int], int]) -> FakeConsumer:
        """A consumer that begins at these offsets (which count rows) and ends before `upto`."""
        return FakeConsumer(self, dict(starts), random.Random(seed), portion, dict(upto))

    def decode(self, source: str) -> FakeDecoder:
        """The decoder of a source."""
        return FakeDecoder(self, source)


class FakeConsumer:
    """Gives portions of random partitions, at most `portion` rows of each."""

    trouble = None

    def __init__(self, topics: Topics, at: dict[tuple[str, int], int], rng: random.Random, portion: int, upto: dict[tuple[str, int], int]) -> None:
        self.topics, self.at, self.rng, self.portion, self.upto = topics, at, rng, portion, upto
        self.at_end: dict[tuple[str, int], float] = {}

    def take(self, timeout_s: float, limit: int = 5000) -> list[FakeRaw]:  # the contract's
        """The next portions."""
        found = []
        for name, at in self.at.items():
            table = self.topics.tables[name]
            end = self.upto.get(name, table.num_rows)
            if at >= end:
                if name not in self.at_end:
                    last = int(words_of(table.column("_arrival"))[end - 1]) if end else 0
                    # log time comes to the end of all logs and a little further
                    self.at_end[name] = time.time() - (self.topics.end_us - last + 60_000) / 1e6
                continue
            if self.rng.random() < 0.3:
                continue
            rows = min(end - at, self.rng.randint(1, self.portion))
            numbers = list(range(at, at + rows))
            arrivals = words_of(table.column("_arrival"))[at : at + rows]
            found.append(FakeRaw(*name, np.array(numbers), arrivals, numbers, [None] * rows, time.time()))
            self.at[name] = at + rows
        if not found:
            time.sleep(0.001)
        return found

    def commit(self, offsets: Any) -> None:
        """Nobody watches."""

    def lag(self) -> dict[tuple[str, int], int]:
        """What is not taken yet."""
        return {name: self.upto.get(name, self.topics.tables[name].num_rows) - at for name, at in self.at.items()}

    def pause(self, names: Any) -> None:
        """Rows are few."""

    def resume(self, names: Any) -> None:
        """Nothing is paused."""

    def close(self) -> None:
        """Nothing is open."""


class FakeDecoder:
    """Rows for their numbers."""

    def __init__(self, topics: Topics, source: str) -> None:
        self.topics, self.source = topics, source

    def decode_all(self, raws: Sequence[FakeRaw], arrivals_us: Sequence[int]) -> DecodedAll:
        """The rows of several partitions."""
        batches = [self.topics.tables[self.source, raw.partition].slice(raw.values[0], len(raw.values)) for raw in raws]
        ends = np.cumsum([len(raw.values) for raw in raws])
        arrivals = [max(at, int(raw.timestamps_us[-1])) for raw, at in zip(raws, arrivals_us, strict=True)]
        return DecodedAll(one_batch(batches), ends, [[] for _ in raws], [0] * len(raws), arrivals)

"""What a small batch of the live flow costs, step by step, with no Kafka: `python -m benchmarks.batch [--rows N] [--rounds N]`.

Goal: a batch of 200 rows, what comes in 10 ms at 20,000 events a second, in at most 5 ms of one thread. It takes the steps of the flow one
after the other as Bytewax does, from messages to an LMDB store, and prints the milliseconds of the thread in each, for `--rows` and for a
tenth of them: the difference is what rows cost, the rest what a batch costs whatever its size. It does not measure Bytewax, Kafka's client
or waiting.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stream import make_repository

PARTITIONS = 4
WARM_UP = 30


class Messages:
    """In place of a consumer: each `take` has so many rows of each partition, ten milliseconds after the ones before."""

    def __init__(self, rows: int) -> None:
        self.rows = rows // PARTITIONS
        self.at_end: dict[tuple[str, int], float] = {}
        self.offset = 0
        self.now_s = time.time()
        self.rng = random.Random(1)

    def take(self) -> list[Any]:
        """One batch a partition."""
        from sources.consumer import RawBatch

        self.now_s += 0.01
        first, self.offset = self.offset, self.offset + self.rows
        offsets, stamps = np.arange(first, self.offset), np.full(self.rows, int(self.now_s * 1000) * 1000)
        ts = int(self.now_s * 1e6)
        found = []
        for partition in range(PARTITIONS):
            drawn = [(self.rng.randrange(86_000), self.rng.random() * 100) for _ in range(self.rows)]
            values: list[bytes | None] = [b'{"user_id": %d, "amount": %.2f, "ts": %d}' % (user, amount, ts) for user, amount in drawn]
            found.append(RawBatch("events", partition, offsets, stamps, values, [None] * self.rows, self.now_s))
        return found

    def resume(self, _: Any) -> None:
        """Nothing is paused."""


class NothingKept:
    """A keeper of no checkpoints."""

    def restore(self, _: int) -> tuple[None, None, list[Any]]:
        """An empty state."""
        return None, None, []

    def applied(self, _: Any) -> None:
        """Not kept."""


def cost(rows: int, rounds: int) -> dict[str, float]:
    """Milliseconds of the thread a batch, by step."""
    from headrace.plan import build
    from headrace.repository import Repository
    from operators.decode import Decoder
    from operators.finish import Finish
    from operators.kernels import tables as t
    from operators.layout import build_layout
    from operators.live import LiveSequence
    from operators.messages import Rows
    from operators.rollup import KeyRollup, Rollup
    from operators.shard import FEW_SHARDS, Sharder
    from operators.shares import Share
    from sinks.lmdb import LmdbStore
    from sinks.stores import as_steps, step_table
    from sinks.writer import newest
    from sources.partition import Place
    from sources.reader import Reader

    repository = Repository(".")
    plan = build([repository.groups["activity"]])
    layout = build_layout(plan, 0, t.STEPS)
    partitions = [("events", p) for p in range(PARTITIONS)]
    messages: Any = Messages(rows)
    keeper: Any = NothingKept()
    reader = Reader(
        plan, Sharder(plan, [layout], shards=FEW_SHARDS), {"events": Decoder.of(repository.sources["events"])}, {"events": "events"},
        partitions, {name: Place(0) for name in partitions}, lambda _: messages,
    )  # fmt: skip
    reader.consumer = messages
    sequence, rollup = LiveSequence(plan, partitions, keeper), Rollup(lambda _: [KeyRollup(plan, layout, (None, None))], None)
    finish, table = Finish(plan, t.STEPS), step_table(plan.keys[0], plan.groups[0])
    store = LmdbStore(f"online-{rows}")
    spent: dict[str, float] = {}

    def timed(name: str, work: Any, *arguments: Any) -> Any:
        begun = time.thread_time()
        found = work(*arguments)
        spent[name] = spent.get(name, 0.0) + time.thread_time() - begun
        return found

    for number in range(WARM_UP + rounds):
        if number == WARM_UP:
            spent.clear()
        ready = timed("decode, judge, split", reader._prepare, messages.take())  # noqa: SLF001  # the step itself, without its threads
        shares = [Share(shard, 0, ready.pieces.get(shard, []), ready.told, None, ready.caught_up) for shard in range(FEW_SHARDS)]
        slices, _ = timed("clock", sequence.on_batch, shares)
        items, _ = timed("roll up", rollup.on_batch, list(slices))
        finished = timed("finish", finish.all, [("", item) for item in items])
        steps = [as_steps(table, item.batch) for _, item in finished if isinstance(item, Rows)]
        if steps:
            timed("write", lambda steps: store.write(table, newest(table, steps)), steps)
    store.close()
    return {name: 1000 * seconds / rounds for name, seconds in spent.items()}


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Print the table; returns the milliseconds of a whole batch of each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=300)
    chosen = parser.parse_args(arguments)
    few, many = max(PARTITIONS, chosen.rows // 10), chosen.rows
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        make_repository(Path(scratch), "nowhere:9092", "events")
        os.chdir(scratch)
        try:
            found = {rows: cost(rows, chosen.rounds) for rows in (few, many)}
        finally:
            os.chdir(before)
    print(f"| ms of one thread, a batch of | {few} rows | {many} rows |\n|---|---|---|")
    for name in found[many]:
        print(f"| {name} | {found[few][name]:.2f} | {found[many][name]:.2f} |")
    totals = {rows: sum(spent.values()) for rows, spent in found.items()}
    print(f"| all | {totals[few]:.2f} | {totals[many]:.2f} |")
    return {"few_ms": totals[few], "many_ms": totals[many]}


if __name__ == "__main__":
    main()

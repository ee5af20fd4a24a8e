"""What checkpoints cost the live flow: `python -m benchmarks.checkpoint [--entities N] [--rate N] [--checkpoints N] [--seconds S]`.

Goals, with a million entities: a pause of at most 30 ms a checkpoint, bytes in proportion to the rows that came, and at most 5 s until a
start has the state again. The pause is how much later than it was due a batch is through, at worst between one checkpoint and the next,
beside the same in a run that keeps nothing; the flow is the real one of a shard, four times in one thread, with the real keeper, its files
and the process that makes whole states. Batches come every 20 ms, ready for the shards: what reading and stores take is not measured
(`benchmarks.live` does), nor what Bytewax adds. Windows are exactly 1 h, 1 d and 7 d with count, sum and max; the entities have two events
each when it begins.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.running.checkpoints import Checkpoints
    from headrace.running.keeper import FileKeeper
    from operators.shares import Share

BATCH_S = 0.02
PORTION = 100_000
EPOCH_BATCHES = 10
WEEK_US = 604_800_000_000
START_US = 1_704_067_200_000_000
PARTITIONS = [("events", 0)]


class Work:
    """The plan, and its events as shares of the shards."""

    def __init__(self, entities: int, seed: int = 11) -> None:
        import headrace as hr
        from headrace.plan import build
        from operators.kernels import tables as t
        from operators.layout import build_layout
        from operators.shard import FEW_SHARDS, Sharder

        key = hr.Key("k", hr.Dimension("k"), "int64")
        events = hr.Source("events", schema={"k": "int64", "x": "float64", "ts": "timestamp"}, time="ts")
        aggregates = {"n": events.count(), "s": events["x"].sum(), "m": events["x"].max()}
        group = hr.FeatureGroup("group", key=key, features={name: a.over(["1h", "1d", "7d"]) for name, a in aggregates.items()})
        self.plan = build([group])
        self.layouts = [build_layout(self.plan, 0, t.STEPS)]
        self.sharder, self.shards = Sharder(self.plan, self.layouts, shards=FEW_SHARDS), FEW_SHARDS
        self.rng, self.entities, self.now_us = np.random.default_rng(seed), entities, START_US

    def batch(self, keys: Any, span_us: int) -> list[Share]:
        """Events of these keys, evenly over the time that follows."""
        import pyarrow as pa

        from operators.shard import Prepared
        from operators.shares import Share, Told

        times = self.now_us + 1 + np.arange(len(keys)) * span_us // max(1, len(keys))
        self.now_us += span_us
        stamps = pa.array(times).cast(pa.timestamp("us", tz="UTC"))
        columns = {"k": keys, "x": self.rng.normal(50.0, 20.0, len(keys)), "ts": stamps, "_arrival": stamps}
        prepared = Prepared()
        self.sharder.split(prepared, 0, "events", pa.record_batch(columns), times, times, (0, 0))
        last = times[-1:]
        told = Told({0: self.now_us}, (np.zeros(1, np.int64), last, last, np.ones(1, np.uint8)))
        shares = [Share(shard, told=told) for shard in range(self.shards)]
        for shard, piece in prepared.pieces:
            shares[shard].pieces.append(piece)
        return shares

    def first(self) -> Iterator[list[Share]]:
        """Two events of every entity, within a week and an hour."""
        keys = np.concatenate([self.rng.permutation(self.entities) for _ in range(2)])
        span = (WEEK_US + 3_600_000_000) // len(keys)
        for at in range(0, len(keys), PORTION):
            portion = keys[at : at + PORTION]
            yield self.batch(portion, span * len(portion))

    def more(self, rows: int) -> list[Share]:
        """So many events of any entities, in the time between two batches."""
        return self.batch(self.rng.integers(0, self.entities, rows), int(BATCH_S * 1e6))


class Flow:
    """The operators of all shards that hold state, in this thread."""

    def __init__(self, work: Work, keeper: FileKeeper) -> None:
        from operators.live import LiveSequence
        from operators.rollup import KeyRollup, Rollup

        def keys(shard: int) -> list[KeyRollup]:
            return [KeyRollup(work.plan, layout, (None, None), keeper.state(shard, layout)) for layout in work.layouts]

        self.sequence, self.rollup = LiveSequence(work.plan, PARTITIONS, keeper), Rollup(keys, None, keeper)

    def take(self, shares: list[Share], checkpoint: int | None = None) -> None:
        """A batch goes through; asked for a checkpoint the epoch ends behind it."""
        for share in shares:
            share.checkpoint = checkpoint
        slices, _ = self.sequence.on_batch(shares)
        self.rollup.on_batch(list(slices))

    def end_epoch(self) -> None:
        """The end of an epoch."""
        self.sequence.snapshot()
        self.rollup.snapshot()


@dataclass
class Seen:
    """By checkpoint: the pause (s), how long the epoch's end took (s); how late each batch was through, and the rows of all."""

    pauses_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    rows: int = 0


def make_keeper(work: Work, checkpoints: Checkpoints, start: Any = None) -> FileKeeper:
    """The keeper of the run."""
    from headrace.running.compaction import Compaction
    from headrace.running.keeper import FileKeeper
    from headrace.running.maker import MakerProcess
    from headrace.running.making import Making

    making = Making.of(checkpoints, work.plan, PARTITIONS)
    compaction = Compaction(checkpoints, MakerProcess(lambda: making))
    return FileKeeper(checkpoints, work.layouts, [True], [], start, partitions=PARTITIONS, compaction=compaction)


def paced(flow: Flow, batches: list[list[Share]], every: int, number: int | None) -> Seen:
    """Batches when they are due; every so many of them a checkpoint, from `number` on, None for none."""
    seen = Seen()
    begun = time.perf_counter()
    for i, shares in enumerate(batches, 1):
        due = begun + i * BATCH_S
        time.sleep(max(0.0, due - time.perf_counter()))
        is_last = not i % every
        flow.take(shares, number if is_last else None)
        seen.late_s.append(time.perf_counter() - due)
        seen.rows += sum(piece.batch.num_rows for share in shares for piece in share.pieces)
        if is_last or not i % EPOCH_BATCHES:
            at = time.perf_counter()
            flow.end_epoch()
            if is_last:
                seen.ends_s.append(time.perf_counter() - at)
                number = None if number is None else number + 1
    middle = statistics.median(seen.late_s)
    seen.pauses_s = [max(seen.late_s[at : at + every]) - middle for at in range(0, len(seen.late_s), every)]
    return seen


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Measure and print; the figures by name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=200_000, help="events a second")
    parser.add_argument("--checkpoints", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0, help="from one checkpoint to the next")
    chosen = parser.parse_args(arguments)
    every, rows = max(1, round(chosen.seconds / BATCH_S)), max(1, round(chosen.rate * BATCH_S))
    with tempfile.TemporaryDirectory() as scratch:
        figures = _measured(scratch, Work(chosen.entities), every, rows, chosen.checkpoints)
    size = f"{chosen.entities:,} entities in {figures['state, bytes'] / 1e6:.0f} MB"
    print(f"{size}, {chosen.rate:,} events/s, a checkpoint every {chosen.seconds:g} s\n")
    print("| a checkpoint | |\n|---|---|")
    print(f"| pause, median (goal 30 ms) | {1000 * figures['pause, median']:.1f} ms |")
    print(f"| pause, longest | {1000 * figures['pause, longest']:.1f} ms |")
    print(f"| the same without checkpoints, median | {1000 * figures['none, median']:.1f} ms |")
    print(f"| the same without checkpoints, longest | {1000 * figures['none, longest']:.1f} ms |")
    print(f"| of it the epoch's end, longest | {1000 * figures['end, longest']:.1f} ms |")
    print(f"| bytes a row that came | {figures['bytes a row']:.1f} |")
    print(f"| of whole states beside it, bytes a row | {figures['made, bytes a row']:.1f} |")
    print(f"| whole states made meanwhile, seconds each | {figures['made']:.0f}, {figures['made, seconds']:.1f} |")
    print(f"| a start (goal 5 s), rows it applied | {figures['start']:.2f} s, {figures['start, rows']:,.0f} |")
    return figures


def _measured(scratch: str, work: Work, every: int, rows: int, checkpoints: int) -> dict[str, float]:
    from headrace.running.checkpoints import Checkpoints, Complete

    folder = Checkpoints(f"{scratch}/state")
    keeper = make_keeper(work, folder)
    flow = Flow(work, keeper)
    for shares in work.first():
        flow.take(shares)
    flow.take(work.more(rows), 1)
    flow.end_epoch()
    keeper.settle()
    compaction: Any = keeper.compaction
    compaction.settle()
    none = paced(flow, [work.more(rows) for _ in range(every * max(1, checkpoints // 2))], every, None)
    before, made = keeper.written_bytes, compaction.written_bytes
    kept = paced(flow, [work.more(rows) for _ in range(every * checkpoints)], every, 2)
    size = sum(mine.size_bytes for mine in keeper.shards.values())
    # what is being made ends, and the last checkpoint counts on it
    keeper.settle()
    compaction.settle()
    keeper.is_last = lambda _: True
    flow.take(work.more(rows), checkpoints + 2)
    flow.end_epoch()
    keeper.close()
    complete = Complete(1, {}, [], {shard: list(mine.links) for shard, mine in keeper.shards.items()})
    written = keeper.written_bytes - before
    entities = sum(keys[0].state.entities for keys in flow.rollup.shards.values())
    shares = work.more(rows)
    del flow
    begun = time.perf_counter()
    again = make_keeper(work, folder, complete)
    flow = Flow(work, again)
    flow.take(shares)
    start = time.perf_counter() - begun
    again.close()
    if entities != sum(keys[0].state.entities for keys in flow.rollup.shards.values()):
        raise RuntimeError("a start has other entities than there were")
    made_each = compaction.seconds / max(1, compaction.states + compaction.joined)
    return {
        "state, bytes": size, "pause, median": statistics.median(kept.pauses_s), "pause, longest": max(kept.pauses_s),
        "none, median": statistics.median(none.pauses_s), "none, longest": max(none.pauses_s), "end, longest": max(kept.ends_s),
        "bytes a row": written / (kept.rows + none.rows), "made, bytes a row": (compaction.written_bytes - made) / (kept.rows + none.rows),
        "made": compaction.states, "made, seconds": made_each, "start": start,
        "start, rows": sum(link.rows for chain in complete.shards.values() for link in chain),
    }  # fmt: skip


if __name__ == "__main__":
    main()

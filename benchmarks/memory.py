"""What the state of a replay takes: `python -m benchmarks.memory [--entities N] [--large ROWS]`.

Goals: at most 200 bytes an entity and 40 bytes an event in the window, for count, sum and max over an hour, a day and a week. Two states
are measured: of many entities with one event each, at most 240 bytes, and of few with a thousand, at most 40 bytes for each more.
`--large 100000000` replays so many events of a million entities with a window of an hour as well: at most 2 GB in all. What is counted of a
state is what is in use, not what is reserved.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from benchmarks.process import replayed
from benchmarks.work import make_repository, make_stream

if TYPE_CHECKING:
    from operators.rollup import KeyRollup

WEEK_US = 604_800_000_000
LARGE = '"n": events.count().over("1h"), "s": events["x"].sum().over("1h"), "m": events["x"].max().over("1h")'


def state_bytes(entities: int, events: int) -> int:
    """Bytes of the state behind `events` events of each entity, all of them in the longest window."""
    import headrace as hr
    from headrace.archive import events_log
    from headrace.plan import build
    from operators.kernels import tables as t
    from replay.run import Options, Run
    from sinks.memory import Collected

    rng = np.random.default_rng(1)
    rows = entities * events
    key = np.concatenate([rng.permutation(entities) for _ in range(events)])
    time = 1_704_067_200_000_000 + np.arange(rows) * (WEEK_US // (rows + 1))
    table = pa.table({"k": key, "x": rng.normal(50.0, 20.0, rows), "ts": pa.array(time).cast(pa.timestamp("us", tz="UTC"))})
    k = hr.Key("k", hr.Dimension("k"), "int64")
    source = hr.Source("events", schema={"k": "int64", "x": "float64", "ts": "timestamp"}, time="ts")
    aggregates = {"n": source.count(), "s": source["x"].sum(), "m": source["x"].max()}
    features = {name: aggregate.over(["1h", "1d", "7d"]) for name, aggregate in aggregates.items()}
    plan = build([hr.FeatureGroup("group", key=k, features=features)])
    run = Run(plan, {"events": events_log(source, table)}, t.EVENTS, options=Options(checkpoint_slices=1_000))
    run.facts.keep_last = True
    sizes: list[int] = []

    def measure(_slice: int, _shard: int, keys: list[KeyRollup]) -> None:
        sizes.append(sum(key.state.size_bytes for key in keys))

    run.execute(run.flow([("rows", Collected().step)], checkpoint=measure))
    return sum(sizes)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Measure and print; returns bytes an entity and an event, and of the large replay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=0)
    chosen = parser.parse_args(arguments)
    few = max(1, chosen.entities // 500)
    many_bytes, few_bytes = state_bytes(chosen.entities, 1), state_bytes(few, 1_000)
    entity = many_bytes / chosen.entities
    found = {"entity": entity, "event": (few_bytes / few - entity) / 999}
    print(f"{entity:.0f} bytes an entity with one event (goal 240), {found['event']:.1f} for each more in the window (goal 40)")
    if chosen.large:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            make_stream(folder / "events.parquet", chosen.large, 1_000_000)
            make_repository(folder / "repository", folder / "events.parquet", LARGE)
            (folder / "events.parquet").unlink()
            done = replayed(folder)
            shutil.rmtree(folder / "repository")
        found |= {"large, bytes": float(done.rss_bytes), "large, rate": done.rate}
        print(f"{chosen.large:,} events of a million entities: {done.rss_bytes / 1e9:.2f} GB (goal 2), {done.rate / 1e6:.2f} M events/s")
    return found


if __name__ == "__main__":
    main()

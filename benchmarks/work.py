"""The work of the replay benchmark: events, and what each engine has to write.

`rows` events of `keys` keys (zipf, exponent 1.2), a float64 each, no two events at one instant, over 30 days; for each event one row with
its key, time, and count, sum, max over exactly the last hour, day and week of its key, itself included. Parquet in, Parquet out, lz4 on
both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

WINDOWS = {"1h": 3_600_000_000, "1d": 86_400_000_000, "7d": 604_800_000_000}
DAYS = 30
START_US = 1_704_067_200_000_000
COLUMNS = ["k", "time", *(f"{name}_{window}" for name in ("n", "s", "m") for window in WINDOWS)]


def make_events(path: Path, rows: int, keys: int, *, even: bool = False, seed: int = 7) -> None:
    """Write the events, sorted by time; `even` spreads them evenly over the keys."""
    rng = np.random.default_rng(seed)
    key = rng.integers(0, keys, rows) if even else rng.zipf(1.2, rows) % keys
    spread = DAYS * WINDOWS["1d"]
    times = np.unique(rng.integers(0, spread, rows + rows // 50 + 100))[:]
    times = np.sort(rng.choice(times, rows, replace=False)) + START_US
    table = pa.table({
        "k": key.astype(np.int64), "x": rng.normal(50.0, 20.0, rows), "ts": pa.array(times).cast(pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    pq.write_table(table, path, compression="lz4", row_group_size=131_072, use_dictionary=False)


def make_stream(path: Path, rows: int, keys: int, *, seed: int = 9) -> None:
    """The same sort of events with keys drawn evenly, made a million at a time: for more of them than fit in memory."""
    rng = np.random.default_rng(seed)
    types: dict[str, pa.DataType] = {"k": pa.int64(), "x": pa.float64(), "ts": pa.timestamp("us", tz="UTC")}
    schema = pa.schema(types)
    gap = DAYS * WINDOWS["1d"] // rows
    now = START_US
    with pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=False) as writer:
        for first in range(0, rows, 1_000_000):
            count = min(1_000_000, rows - first)
            times = now + np.cumsum(rng.integers(1, 2 * gap, count))
            now = int(times[-1])
            table = pa.table({"k": rng.integers(0, keys, count), "x": rng.normal(50.0, 20.0, count), "ts": times})
            writer.write_table(table.cast(schema), row_group_size=131_072)


NINE = '"n": events.count().over(windows), "s": events["x"].sum().over(windows), "m": events["x"].max().over(windows)'
"""The nine features of the work."""

DEFINITIONS = '''"""The benchmark's feature repository."""

import headrace as hr

k = hr.Key("k", hr.Dimension("k"), "int64")
events = hr.Source("events", schema={"k": "int64", "x": "float64", "ts": "timestamp"}, time="ts")
windows = ["1h", "1d", "7d"]
group = hr.FeatureGroup("group", key=k, features={FEATURES})
'''


def make_repository(folder: Path, events: Path, features: str = NINE) -> None:
    """A feature repository with the events loaded; `features` are the items of its group's dict."""
    from headrace.archive import load
    from headrace.repository import Repository

    folder.mkdir(parents=True)
    (folder / "definitions.py").write_text(DEFINITIONS.replace("FEATURES", features))
    (folder / "headrace.toml").write_text('[project]\nname = "bench"\n')
    repository = Repository(folder)
    load(repository.sources["events"], [str(events)], repository.config.archive_uri)


def make_spine(path: Path, rows: int, keys: int, *, seed: int = 8) -> None:
    """Write a table of (k, at): so many questions at random instants."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(START_US, START_US + DAYS * WINDOWS["1d"], rows))
    pq.write_table(pa.table({"k": rng.integers(0, keys, rows), "at": pa.array(at).cast(pa.timestamp("us", tz="UTC"))}), path)

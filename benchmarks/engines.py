"""One engine doing the work once, in a process of its own (`python -m benchmarks.engines ENGINE DIR`); prints seconds and a checksum.

The clock runs from the first byte read to the last file closed; imports and compiled kernels are there before. `bare` reads what headrace
reads and writes what headrace wrote, the same bytes from the same files into as many, with nothing between: the rows stand in its memory
before the clock runs; `bytewax` is Bytewax's own sliding window (1 h every 5 min, sum) over in-memory items of a part of the events.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.work import COLUMNS, WINDOWS

BYTEWAX_ROWS = 5_000


def headrace(folder: Path, out: Path) -> int:
    """The replay command's function, on all cores that this process may use."""
    import headrace as hr
    from replay.files import replay_files

    repository = hr.Repository(folder / "repository")
    return replay_files(repository, repository.resolve("group"), str(out)).rows


def polars(folder: Path, out: Path) -> int:
    """Rolling expressions over each key, on all cores."""
    import polars as pl

    events = pl.read_parquet(folder / "events.parquet")
    exprs = []
    for name, window in WINDOWS.items():
        size = f"{window}us"
        exprs += [
            pl.col("one").rolling_sum_by("ts", window_size=size, closed="right").over("k").alias(f"n_{name}"),
            pl.col("x").rolling_sum_by("ts", window_size=size, closed="right").over("k").alias(f"s_{name}"),
            pl.col("x").rolling_max_by("ts", window_size=size, closed="right").over("k").alias(f"m_{name}"),
        ]
    result = events.with_columns(pl.lit(1, pl.Int64).alias("one")).select("k", pl.col("ts").alias("time"), *exprs).select(COLUMNS)
    out.mkdir()
    result.write_parquet(out / "part.parquet", compression="lz4")
    return result.height


def polars_rolling(folder: Path, out: Path) -> int:
    """The `rolling` context grouped by key, one for each window, on all cores."""
    import polars as pl

    events = pl.read_parquet(folder / "events.parquet")
    parts: list[pl.DataFrame] = []
    for name, window in WINDOWS.items():
        part = events.rolling("ts", period=f"{window}us", closed="right", group_by="k").agg(
            pl.len().alias(f"n_{name}"), pl.col("x").sum().alias(f"s_{name}"), pl.col("x").max().alias(f"m_{name}")
        )
        parts.append(part if not parts else part.drop("k", "ts"))
    result = pl.concat(parts, how="horizontal").rename({"ts": "time"}).select(COLUMNS)
    out.mkdir()
    result.write_parquet(out / "part.parquet", compression="lz4")
    return result.height


def duckdb(folder: Path, out: Path) -> int:
    """SQL window functions with RANGE frames, on all cores."""
    import duckdb as db

    out.mkdir()
    frames, columns = [], []
    for name, window in WINDOWS.items():
        frame = f"RANGE BETWEEN INTERVAL '{window - 1} microseconds' PRECEDING AND CURRENT ROW"
        frames.append(f"w{name} AS (PARTITION BY k ORDER BY ts {frame})")
        columns += [f"count(*) OVER w{name} AS n_{name}", f"sum(x) OVER w{name} AS s_{name}", f"max(x) OVER w{name} AS m_{name}"]
    sql = f"SELECT k, ts AS time, {', '.join(columns)} FROM '{folder / 'events.parquet'}' WINDOW {', '.join(frames)}"
    db.execute(f"COPY ({sql}) TO '{out / 'part.parquet'}' (FORMAT parquet, COMPRESSION lz4_raw)")
    return pq.ParquetFile(out / "part.parquet").metadata.num_rows


READY: dict[str, list[pa.Table]] = {}
"""What `bare` writes: for each file of headrace's its row groups."""


def make_ready(folder: Path) -> None:
    """Bring what headrace wrote into memory."""
    for path in sorted((folder / "out-headrace").glob("*.parquet")):
        file = pq.ParquetFile(path)
        READY[path.name] = [file.read_row_group(i) for i in range(file.num_row_groups)]


def bare(folder: Path, out: Path) -> int:
    """Read the archive's events, one row group after the other, and write headrace's files: nothing between, on one thread."""
    out.mkdir()
    rows = 0
    for path in sorted((folder / "repository" / "archive" / "events").glob("*.parquet")):
        file = pq.ParquetFile(path, memory_map=True)
        for group in range(file.num_row_groups):
            rows += file.read_row_group(group, columns=["k", "x", "ts"], use_threads=False).num_rows
    whole: Any = {name: "DELTA_BINARY_PACKED" for name in COLUMNS if name[:2] not in ("s_", "m_")}
    for name, groups in READY.items():
        with pq.ParquetWriter(
            out / name, groups[0].schema, compression="lz4", use_dictionary=False, column_encoding=whole, write_statistics=["time", "k"]
        ) as writer:
            for table in groups:
                writer.write_table(table, row_group_size=table.num_rows)
    return rows


def bytewax(folder: Path, out: Path) -> int:  # noqa: ARG001  # it writes nothing
    """Bytewax's own sliding window over one float sum, items one by one."""
    from datetime import UTC, datetime, timedelta

    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.operators import windowing as win
    from bytewax.testing import TestingSink, TestingSource, run_main

    table = pq.read_table(folder / "events.parquet").slice(0, BYTEWAX_ROWS)
    items = [(str(r["k"]), (r["ts"], r["x"])) for r in table.to_pylist()]
    clock = win.EventClock(ts_getter=lambda e: e[0], wait_for_system_duration=timedelta(0))
    windower = win.SlidingWindower(length=timedelta(hours=1), offset=timedelta(minutes=5), align_to=datetime(2024, 1, 1, tzinfo=UTC))
    flow = Dataflow("bench")
    stream = op.input("in", flow, TestingSource(items, batch_size=1000))
    folded = win.fold_window("sum", stream, clock, windower, lambda: 0.0, lambda s, e: s + e[1], lambda a, b: a + b)
    out_items: list[Any] = []
    op.output("out", folded.down, TestingSink(out_items))
    run_main(flow)
    return len(items)


ENGINES = {f.__name__: f for f in (headrace, polars, polars_rolling, duckdb, bare, bytewax)}


def checksum(out: Path) -> list[float]:
    """Sums of the columns, the same for whoever did the work."""
    import duckdb as db

    columns = ", ".join(f"sum({c})" for c in COLUMNS[2:])
    [row] = db.execute(f"SELECT count(*), {columns} FROM '{out}/*.parquet'").fetchall()
    return [float(v) for v in row]


def warm(engine: str, folder: Path) -> None:
    """What a long-running process has behind it: imports, and kernels loaded from their cache."""
    if engine == "headrace":
        import headrace as hr
        import replay.files  # noqa: F401  # its import is not what is measured

        key = hr.Key("k", hr.Dimension("k"), "int64")
        source = hr.Source("warm", schema={"k": "int64", "x": "float64", "ts": "timestamp"}, time="ts")
        group = hr.FeatureGroup("warm_group", key=key, features={"n": source.count().over("1h"), "m": source["x"].max().over("1h")})
        hr.replay(group, events={"warm": [{"k": 1, "x": 1.0, "ts": "2024-01-01"}]})
    elif engine in ("polars", "polars_rolling"):
        import polars  # noqa: F401  # its import is not what is measured
    elif engine == "bare":
        make_ready(folder)
    elif engine == "duckdb":
        import duckdb  # noqa: F401  # its import is not what is measured


def main() -> None:
    """Do the work once and say how long it took."""
    engine, folder = sys.argv[1], Path(sys.argv[2])
    out = folder / f"out-{engine}"
    shutil.rmtree(out, ignore_errors=True)
    warm(engine, folder)
    begun = time.perf_counter()
    rows = ENGINES[engine](folder, out)
    seconds = time.perf_counter() - begun
    sums = checksum(out) if engine != "bytewax" else []
    print(json.dumps({"engine": engine, "rows": rows, "seconds": seconds, "sums": sums}))


if __name__ == "__main__":
    main()

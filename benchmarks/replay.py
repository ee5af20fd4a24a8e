"""How fast a replay is, as ratios in one run: `python -m benchmarks.replay [--rows N] [--keys N] [--runs N]`.

Goal: one output row an event with count, sum, max over exactly 1 h, 1 d, 7 d (see `benchmarks.work`), all cores and the same codec on
both sides: at least 2.5 times polars, 20 times DuckDB, 100 times Bytewax's own window; on one core at least 0.45 of the bare reading and
writing of the same bytes; two cores at least 1.7 times one on evenly spread keys. It does not measure imports, compilation, loading, nor
reading from anything but a local disk. Engines take turns, each run in a process of its own; figures are medians of rates, and every
engine's result is compared with the others'.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.work import make_events, make_repository

TARGETS = {"polars": 2.5, "duckdb": 20.0, "bytewax": 100.0, "bare, one core": 0.45, "one core, even keys": 1.7}


def once(engine: str, folder: Path, cores: set[int] | None = None) -> tuple[float, list[float]]:
    """Events a second of one run, and its column sums; `cores` are what the process may use."""

    def pin() -> None:
        if cores is not None:
            os.sched_setaffinity(0, cores)

    command = [sys.executable, "-m", "benchmarks.engines", engine, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=pin)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["rows"] / found["seconds"], found["sums"]


def close(a: list[float], b: list[float]) -> bool:
    """Whether two engines wrote the same: sums of nine columns within rounding."""
    return len(a) == len(b) and all(abs(x - y) <= 1e-9 * max(1.0, abs(x)) for x, y in zip(a, b, strict=True))


def measure(folder: Path, runs: int, engines: list[str], one_core: bool) -> dict[str, float]:
    """Median events a second by engine, in turns."""
    rates: dict[str, list[float]] = {}
    sums: dict[str, list[float]] = {}
    one = {min(os.sched_getaffinity(0))}
    for _ in range(runs):
        for engine in engines:
            rate, sums[engine] = once(engine, folder)
            rates.setdefault(engine, []).append(rate)
        if one_core:
            for engine in ("headrace", "bare"):
                rates.setdefault(f"{engine}, one core", []).append(once(engine, folder, one)[0])
    for engine, found in sums.items():
        if found and not close(found, sums["headrace"]):
            raise SystemExit(f"{engine} wrote something else than headrace: {found} against {sums['headrace']}")
    return {engine: statistics.median(found) for engine, found in rates.items()}


def report(title: str, rates: dict[str, float], mine: str, others: dict[str, str]) -> list[str]:
    """Lines of a Markdown table: rate of each, and the ratio of `mine` to it with its target."""
    lines = [f"| {title} | M events/s | headrace is | target |", "|---|---|---|---|", f"| {mine} | {rates[mine] / 1e6:.2f} | | |"]
    for engine, target in others.items():
        ratio = rates[mine] / rates[engine]
        lines.append(f"| {engine} | {rates[engine] / 1e6:.3f} | {ratio:.2f} × | ≥ {TARGETS[target]:g} × |")
    return lines


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run everything and print the table; returns the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--keys", type=int, default=86_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        zipf, even = Path(scratch) / "zipf", Path(scratch) / "even"
        for folder, evenly in ((zipf, False), (even, True)):
            folder.mkdir()
            make_events(folder / "events.parquet", chosen.rows, chosen.keys, even=evenly)
            make_repository(folder / "repository", folder / "events.parquet")
        rates = measure(zipf, chosen.runs, ["headrace", "polars", "polars_rolling", "duckdb", "bare", "bytewax"], one_core=True)
        spread = measure(even, chosen.runs, ["headrace"], one_core=True)
    rates["polars"] = max(rates["polars"], rates.pop("polars_rolling"))
    print(f"{chosen.rows:,} events, {chosen.keys:,} keys, {len(os.sched_getaffinity(0))} cores, medians of {chosen.runs} runs\n")
    lines = report("all cores, zipf", rates, "headrace", {"polars": "polars", "duckdb": "duckdb", "bytewax": "bytewax"})
    lines += ["", *report("one core, zipf", rates, "headrace, one core", {"bare, one core": "bare, one core"})]
    spread = {"headrace, even": spread["headrace"], "headrace, one core, even": spread["headrace, one core"]}
    lines += ["", *report("even keys", spread, "headrace, even", {"headrace, one core, even": "one core, even keys"})]
    print("\n".join(lines))
    ratios = {e: rates["headrace"] / rates[e] for e in ("polars", "duckdb", "bytewax")}
    ratios["bare, one core"] = rates["headrace, one core"] / rates["bare, one core"]
    ratios["one core, even keys"] = spread["headrace, even"] / spread["headrace, one core, even"]
    return ratios


if __name__ == "__main__":
    main()

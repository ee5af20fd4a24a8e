"""How a replay's speed holds when its size changes: `python -m benchmarks.scale [--rows N] [--runs N]`.

Goals: with a spine (rows only for probes) at least 2 million events a second; from a thousand to five million entities at most 3 times
slower; from 3 to 30 features of the same source and filter at most 1.5 times slower. The thirty are measured by a spine and for rows of
events, where ten times as much is written. It does not measure imports, compilation nor loading. Each run is a process of its own; figures
are medians.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.process import replayed
from benchmarks.work import make_events, make_repository, make_spine, make_stream

ENTITIES = (1_000, 100_000, 5_000_000)
WINDOWS = [f"{hours}h" for hours in (1, 2, 4, 6, 12, 24, 48, 72, 120, 168)]


def features(count: int) -> str:
    """So many features, three a window, as items of a dict."""
    texts = []
    for window in WINDOWS[: count // 3]:
        for name, aggregate in (("n", "events.count()"), ("s", 'events["x"].sum()'), ("m", 'events["x"].max()')):
            texts.append(f'"{name}_{window}": {aggregate}.over("{window}")')
    return ", ".join(texts)


def rate(folder: Path, runs: int) -> float:
    """Median events a second."""
    return statistics.median(replayed(folder).rate for _ in range(runs))


def with_features(folder: Path, events: Path, count: int, spine: Path | None) -> Path:
    """A folder whose group has so many features."""
    made = folder / f"{count}-{'spine' if spine else 'events'}"
    make_repository(made / "repository", events, features(count))
    if spine is not None:
        shutil.copy(spine, made / "spine.parquet")
    return made


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Run everything and print the table; returns the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--probes", type=int, default=100_000)
    parser.add_argument("--entities", type=int, nargs="+", default=list(ENTITIES))
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args(arguments)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        events, spine = folder / "events.parquet", folder / "spine.parquet"
        make_events(events, chosen.rows, 86_000)
        make_spine(spine, chosen.probes, 86_000)
        for count in (3, 30):
            found[f"spine, {count} features"] = rate(with_features(folder, events, count, spine), chosen.runs)
            found[f"events, {count} features"] = rate(with_features(folder, events, count, None), chosen.runs)
        for entities in chosen.entities:
            made = folder / f"entities-{entities}"
            made.mkdir()
            make_stream(made / "events.parquet", chosen.rows, entities)
            make_repository(made / "repository", made / "events.parquet")
            found[f"{entities} entities"] = rate(made, chosen.runs)
            shutil.rmtree(made)
    first, last = (f"{entities} entities" for entities in (chosen.entities[0], chosen.entities[-1]))
    print(f"{chosen.rows:,} events, medians of {chosen.runs} runs\n\n| work | M events/s |\n|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value / 1e6:.2f} |")
    ratios = {
        "spine": found["spine, 3 features"],
        "features by a spine": found["spine, 3 features"] / found["spine, 30 features"],
        "features by events": found["events, 3 features"] / found["events, 30 features"],
        "entities": found[first] / found[last],
    }
    print(f"\nspine: {ratios['spine'] / 1e6:.2f} M events/s (goal 2); {first} to {last}: {ratios['entities']:.2f} times slower (goal 3)")
    by_spine, by_events = ratios["features by a spine"], ratios["features by events"]
    print(f"3 to 30 features: {by_spine:.2f} times slower by a spine, {by_events:.2f} for rows of events (goal 1.5)")
    return ratios


if __name__ == "__main__":
    main()

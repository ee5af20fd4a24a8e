"""How fast the live flow is on one real broker, as ratios in one run: `python -m benchmarks.live [--messages N] [--segments N] …`.

Goal: one process, JSON whose event times span more than eight days, exact 1 h / 1 d / 7 d of count, sum, max and a ratio, into LMDB: at
least 200,000 events a second sustained; the archive 400,000; event → visible online at 20,000 a second: the median over 10-second segments
of the 99th percentile at most twice that of a bare produce → consume, both in turns; a run that begins with the archive makes its state at
the rate of a replay. In the same run consuming and decoding with nothing behind, and Bytewax's own window. It needs Java and Maven for the
broker, whose Java has the heap and the collector that Kafka ships it with, and does not measure imports, compilation, or a network.

Rates are messages over the seconds from the first one taken to the last one in the store. Where the time goes is the share of each step's
own thread, measured by clocks around it; reader and flow share the interpreter's lock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.stream import make_repository
from tests.kafka.broker import Broker

AS_SHIPPED = ("-Xms1g", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent")
"""What Kafka's own start script gives its Java, beside the gigabyte."""
TARGETS = {"live": 200_000, "archive": 400_000}
PARTITIONS = 4


def part(name: str, folder: Path, *more: str) -> dict[str, float]:
    """Run one part of the benchmark in a process of its own; what it measured."""
    command = [sys.executable, "-m", "benchmarks.stream", name, *more]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=folder, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def latency(folder: Path, boot: str, topic: str, rate: int, segments: int, seconds: float) -> dict[str, list[dict[str, float]]]:
    """What was found of the full (`visible`) and of the bare way by segment, in turns."""
    measured: dict[str, list[dict[str, float]]] = {"visible": [], "bare": []}
    for _ in range(segments):
        for name in ("visible", "bare"):
            producer = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.stream", "produce-at", boot, topic, str(rate), "600"],
                cwd=folder, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )  # fmt: skip
            time.sleep(1)
            measured[name].append(part(name, folder, boot, topic, str(seconds)))
            producer.terminate()
            producer.wait()
    return measured


def main(arguments: list[str] | None = None, on: Broker | None = None) -> dict[str, float]:
    """Run everything on a broker, one of its own where none is given, and print the tables; returns the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=3_000_000)
    parser.add_argument("--keys", type=int, default=86_000)
    parser.add_argument("--segments", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--window-messages", type=int, default=30_000)
    chosen = parser.parse_args(arguments)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch, contextlib.nullcontext(on) if on else Broker(heap_mb=1024, java=AS_SHIPPED) as broker:
        folder = Path(scratch)
        topic = broker.topic(PARTITIONS, "events", **{"retention.ms": -1})
        make_repository(folder, broker.bootstrap, topic)
        part("produce", folder, broker.bootstrap, topic, str(chosen.messages), str(chosen.keys))
        shares = part("live", folder, broker.bootstrap, topic, str(chosen.messages))
        figures["live"] = shares.pop("rate")
        for name in ("decode", "archive", "replay", "bootstrap", "window"):
            messages = min(chosen.messages, chosen.window_messages) if name == "window" else chosen.messages
            figures[name] = part(name, folder, broker.bootstrap, topic, str(messages))["rate"]
        print(f"{chosen.messages:,} messages, {chosen.keys:,} keys, {PARTITIONS} partitions, {len(os.sched_getaffinity(0))} cores\n")
        print("| one process | messages/s | the live flow is | target |\n|---|---|---|---|")
        told = {
            "live": "live: three exact windows, to the store",
            "decode": "consume and decode alone",
            "archive": "archive",
            "replay": "replay of that archive, a row for each event",
            "bootstrap": "the state of a run made of that archive, and the store",
            "window": "Bytewax's own window, 1 h / 5 min",
        }
        for name, text in told.items():
            target = f"≥ {TARGETS[name]:,}" if name in TARGETS else ""
            print(f"| {text} | {figures[name]:,.0f} | {figures['live'] / figures[name]:.2f} × | {target} |")
        print("\n| where the time goes | µs an event |\n|---|---|")
        for name, value in shares.items():
            print(f"| {name} | {value:.2f} |")
        if chosen.segments:
            slow = broker.topic(PARTITIONS, "slow")
            make_repository(folder / "slow", broker.bootstrap, slow)
            found = latency(folder / "slow", broker.bootstrap, slow, chosen.rate, chosen.segments, chosen.seconds)
            figures |= {f"{name} p99 ms": statistics.median(each["p99_ms"] for each in its) for name, its in found.items()}
            medians, tenths = ([each[name] for each in found["visible"]] for name in ("p50_ms", "tenth_ms"))
            ratio = figures["visible p99 ms"] / figures["bare p99 ms"]
            print(f"\nevent → visible online at {chosen.rate:,}/s, medians of {chosen.segments} segments")
            print(f"p50 {statistics.median(medians):.0f} ms, p99 {figures['visible p99 ms']:.0f} ms")
            print(f"the slowest of a tenth of a second: {statistics.median(tenths):.0f} ms in half of them")
            print(f"bare produce → consume p99 {figures['bare p99 ms']:.0f} ms: {ratio:.2f} × (target ≤ 2)")
            for name, text in (("visible", "p99 of the segments"), ("bare", "of the bare ones")):
                print(f"{text}, ms: {' '.join(format(each['p99_ms'], '.0f') for each in found[name])}")
    return figures


if __name__ == "__main__":
    main()

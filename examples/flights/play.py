"""Plays the flights of 2013 into Kafka, much faster than they flew.

    play.py BROKERS --topics      makes the topics
    play.py BROKERS               sends departures, arrivals and weather as JSON, in the order in which they happened
    play.py --wait PORT           returns when the run whose metrics stand at PORT has read everything that is there

A message's timestamp is the time of its event: that is its arrival in the log, as if Kafka had run in 2013, and the topics keep it
(`retention.ms=-1`). Partitions go by the flight's number, not by any key of the features. "playing" is said when every partition has begun:
one that is empty is taken to be silent up to the present, and what came from 2013 afterwards would be far behind the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).parent / "data"
PARTITIONS = {"departures": 2, "arrivals": 2, "weather": 1}
DAY_US = 86_400_000_000
YEAR_US = 1_356_998_400_000_000   # 2013-01-01, UTC
BATCH = 200
BEGIN = 2_000


def make_topics(brokers: str) -> None:
    """The topics, each with its partitions."""
    import confluent_kafka.admin

    kafka: Any = confluent_kafka.admin
    config = {"retention.ms": "-1", "message.timestamp.after.max.ms": "9223372036854775807"}
    topics = [kafka.NewTopic(name, count, 1, config=config) for name, count in PARTITIONS.items()]
    client = kafka.AdminClient({"bootstrap.servers": brokers})
    for made in client.create_topics(topics).values():
        made.result(30)


def events(name: str, days: int) -> tuple[Any, list[dict[str, Any]]]:
    """The instants (µs) and the rows of the first days of a stream, in their order."""
    table = pq.read_table(DATA / f"{name}.parquet")
    times = table["time"].cast(pa.int64()).to_numpy()
    upto = int(np.searchsorted(times, YEAR_US + days * DAY_US))
    table, times = table.slice(0, upto), times[:upto]
    # JSON has no instants: they go as ISO 8601
    texts = [f"{text}Z" for text in np.datetime_as_string(times.astype("datetime64[us]"), unit="s").tolist()]
    rows = table.drop_columns(["time"]).to_pylist()
    for row, text in zip(rows, texts, strict=True):
        row["time"] = text
    return times, rows


def play(brokers: str, days: int, seconds: float) -> None:
    """Send the first days of the year, in so many seconds."""
    from confluent_kafka import Producer

    streams = {name: events(name, days) for name in PARTITIONS}
    names = list(streams)
    times = np.concatenate([found[0] for found in streams.values()])
    stream = np.concatenate([np.full(len(found[0]), at) for at, found in enumerate(streams.values())])
    rows = [row for found in streams.values() for row in found[1]]
    order = np.lexsort((stream, times))
    first, last = int(times.min()), int(times.max())
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 5, "compression.type": "lz4"})
    failed: list[str] = []

    def delivered(error: Any, _message: Any) -> None:
        if error is not None:
            failed.append(str(error))

    began = time.monotonic()
    for sent, at in enumerate(order.tolist()):
        name, row, instant = names[stream[at]], rows[at], int(times[at])
        if sent == BEGIN:
            producer.flush()
            print("playing", flush=True)
        if sent % BATCH == 0:
            producer.poll(0)
            ahead = (instant - first) / (last - first) * seconds - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)
        partition = row.get("flight", 0) % PARTITIONS[name]
        value = json.dumps(row, separators=(",", ":"))
        while True:
            try:
                producer.produce(name, value, partition=partition, timestamp=instant // 1000, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()
    if failed:
        sys.exit(f"{len(failed)} messages were not delivered: {failed[0]}")
    print(f"played {len(order):,} events of {len(names)} streams in {time.monotonic() - began:.0f} s")


def wait(port: int, longest_s: float = 90.0) -> None:
    """Return when nothing waits in Kafka any more for the run that serves its metrics there."""
    until = time.monotonic() + longest_s
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            lines = []
        waiting = [float(line.rpartition(" ")[2]) for line in lines if line.startswith("headrace_lag_messages{")]
        if "headrace_caught_up 1.0" in lines and waiting and not sum(waiting):
            return
        time.sleep(0.5)
    sys.exit(f"the run at port {port} has not come to the end of its topics within {longest_s:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Plays the flights of 2013 into Kafka.")
    parser.add_argument("brokers", nargs="?")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they take (60)")
    parser.add_argument("--days", type=int, default=28, help="the first days of the year (28)")
    parser.add_argument("--topics", action="store_true", help="make the topics, and nothing else")
    parser.add_argument("--wait", type=int, metavar="PORT")
    given = parser.parse_args()
    if given.wait is not None:
        wait(given.wait)
    elif given.brokers is None:
        parser.error("BROKERS is missing")
    elif given.topics:
        make_topics(given.brokers)
    else:
        play(given.brokers, given.days, given.seconds)

"""The parts of the live benchmark, each a process of its own: `python -m benchmarks.stream PART …` prints what it measured as JSON."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.running.job import RunWorker

SPAN_S = 8.2 * 86_400
DEFINITIONS = """
import headrace as hr
user = hr.Key("user_id", hr.Dimension("user"), "int64")
events = hr.Source("events", schema={{"user_id": "int64", "amount": "float64", "ts": "timestamp[us]"}}, time="ts", topic="{topic}")
windows = ["1h", "1d", "7d"]
activity = hr.FeatureGroup("activity", key=user, features={{
    "n": events.count().over(windows), "total": events["amount"].sum().over(windows), "top": events["amount"].max().over(windows),
    "share": (events.count().over("1h") / events.count().over("1d")),
}})
"""
SETTINGS = """
[project]
name = "bench"
[kafka]
brokers = "{brokers}"
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
"""


def make_repository(folder: Path, brokers: str, topic: str) -> None:
    """The repository that is measured."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.py").write_text(DEFINITIONS.format(topic=topic))
    (folder / "headrace.toml").write_text(SETTINGS.format(brokers=brokers))


def _producer(brokers: str) -> Any:
    from confluent_kafka import Producer

    settings = {"bootstrap.servers": brokers, "linger.ms": 1, "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000}
    return Producer(settings)


def _send(producer: Any, topic: str, user: int, amount: float, at_s: float) -> None:
    value = b'{"user_id": %d, "amount": %.2f, "ts": %d}' % (user, amount, int(at_s * 1e6))
    while True:
        try:
            producer.produce(topic, value, b"%d" % user, timestamp=int(at_s * 1000))
        except BufferError:
            producer.poll(0.05)
        else:
            return


def produce(brokers: str, topic: str, count: str, keys: str) -> dict[str, float]:
    """Messages whose event times span more than eight days up to now, zipf over the keys."""
    users = (np.random.default_rng(7).zipf(1.2, int(count)) % int(keys)).tolist()
    rng = random.Random(7)
    producer, first = _producer(brokers), time.time() - SPAN_S
    for i, user in enumerate(users):
        _send(producer, topic, user, rng.random() * 100, first + SPAN_S * i / len(users))
        if not i % 1000:
            producer.poll(0)
    producer.flush()
    return {"messages": len(users)}


def produce_at(brokers: str, topic: str, rate: str, seconds: str) -> dict[str, float]:
    """So many messages a second, stamped as they are produced."""
    rng = random.Random(time.time_ns())
    producer, begun, sent = _producer(brokers), time.time(), 0
    while time.time() < begun + float(seconds):
        while sent < (time.time() - begun) * int(rate):
            _send(producer, topic, rng.randrange(86_000), rng.random() * 100, time.time())
            sent += 1
            if not sent % 100:
                producer.poll(0)
        time.sleep(0.001)
    producer.flush()
    return {"messages": sent}


class _Clocks:
    """Seconds spent in methods."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def around(self, owner: Any, method: str, name: str) -> None:
        """Measure a method of a class."""
        inner: Callable[..., Any] = getattr(owner, method)

        def measured(*arguments: Any, **more: Any) -> Any:
            begun = time.perf_counter()
            try:
                return inner(*arguments, **more)
            finally:
                self.seconds[name] += time.perf_counter() - begun

        setattr(owner, method, measured)


def _run(until: Callable[[Any], bool], clocks: _Clocks | None = None, look_s: float = 0.02) -> Any:
    """Run the repository here until a worker is far enough, to be looked at every `look_s`; the worker."""
    from headrace.repository import Repository
    from headrace.running.run import run
    from sources.live import LivePart

    if clocks is not None:
        from headrace.running.keeper import FileKeeper
        from operators.decode import Decoder
        from operators.finish import Finish
        from operators.live import LiveSequence
        from operators.rollup import Rollup
        from operators.shard import Sharder
        from sinks.stores import StoreStep
        from sources.consumer import Consumer

        for owner, method, name in (
            (Consumer, "take", "consume (and wait for messages)"), (Decoder, "decode", "decode"), (Sharder, "accept", "judge"),
            (Sharder, "split", "derive and split by shard"), (LiveSequence, "on_batch", "clock"), (Rollup, "on_batch", "roll up"),
            (Finish, "__call__", "finish"), (StoreStep, "on_batch", "write to the store"), (FileKeeper, "keep", "checkpoint"),
        ):  # fmt: skip
            clocks.around(owner, method, name)
    found: list[Any] = []
    first: list[float] = []
    given = LivePart.next_batch

    def next_batch(self: LivePart) -> Any:
        items = given(self)
        if items and not first:
            first.append(time.time())
        return items

    LivePart.next_batch = next_batch  # type: ignore[method-assign]

    def began(_: Any, worker: RunWorker) -> None:
        found.append(worker)

        def watch() -> None:
            while not until(worker):
                time.sleep(look_s)
            found.append(time.time() - first[0])
            worker.desk.stop("the end")

        threading.Thread(target=watch, daemon=True).start()

    run(Repository("."), ["activity"], began=began)
    return found[0], found[1]


def live(_brokers: str, _topic: str, count: str) -> dict[str, float]:
    """Everything that is in the topic, into the store."""
    clocks = _Clocks()

    def done(worker: Any) -> bool:
        return bool(worker.watch.rows >= int(count) and worker.watch.caught_up)

    _, seconds = _run(done, clocks)
    return {"rate": int(count) / seconds} | {name: 1e6 * spent / int(count) for name, spent in clocks.seconds.items()}


def visible(_brokers: str, _topic: str, seconds: str) -> dict[str, float]:
    """How long from the stamp of a message until its step can be read, over some seconds behind the first three."""
    from headrace.running.watch import Delays

    seen: list[tuple[float, Any]] = []
    add = Delays.add

    def added(self: Delays, delays_s: Any) -> None:
        seen.append((time.time(), delays_s))
        add(self, delays_s)

    Delays.add = added  # type: ignore[method-assign]
    # who looks takes the interpreter from what is measured
    _run(lambda _: bool(seen) and time.time() > seen[0][0] + float(seconds) + 3, look_s=0.25)
    measured = [(at, delays) for at, delays in seen if at > seen[0][0] + 3]
    tenths: dict[int, float] = defaultdict(float)
    for at, delays in measured:
        tenths[int(at * 10)] = max(tenths[int(at * 10)], float(delays.max()) * 1000)
    return _percentiles([delays for _, delays in measured]) | {"tenth_ms": float(np.median(list(tenths.values())))}


def bare(brokers: str, topic: str, seconds: str) -> dict[str, float]:
    """How long from the stamp of a message until a consumer has it."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bare", "fetch.wait.max.ms": 10})
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(4)]
    consumer.assign([TopicPartition(topic, p, end) for p, end in enumerate(ends)])
    begun, seen = time.time(), []
    while time.time() < begun + float(seconds) + 3:
        messages = consumer.consume(5_000, 0.005)
        now = time.time()
        if now > begun + 3:
            seen.append(np.array([now - m.timestamp()[1] / 1000 for m in messages if m.error() is None]))
    consumer.close()
    return _percentiles(seen)


def _percentiles(delays_s: list[Any]) -> dict[str, float]:
    found = np.percentile(np.concatenate(delays_s) * 1000, [50, 90, 99])
    return {"p50_ms": float(found[0]), "p90_ms": float(found[1]), "p99_ms": float(found[2])}


def decode(brokers: str, topic: str, count: str) -> dict[str, float]:
    """Consume and decode, with nothing behind."""
    from headrace.archive import Layout
    from headrace.repository import Repository
    from operators.decode import Decoder
    from sources.consumer import Consumer

    source = Repository(".").sources["events"]
    decoder = Decoder(Layout.of(source), "json")
    consumer = Consumer({"bootstrap.servers": brokers}, {(topic, p): 0 for p in range(4)})
    rows, begun = 0, 0.0
    while rows < int(count):
        for raw in consumer.take(0.05):
            begun = begun or time.time()
            rows += decoder.decode(raw, -(2**63)).batch.num_rows
    seconds = time.time() - begun
    consumer.close()
    return {"rate": rows / seconds}


def archive(_brokers: str, _topic: str, count: str) -> dict[str, float]:
    """The topic into its log, from the first message taken until its last file stands."""
    from headrace.archiving import archive as run_archive
    from headrace.repository import Repository
    from sources.consumer import Consumer

    first: list[float] = []
    take = Consumer.take

    def taken(self: Consumer, *arguments: Any) -> Any:
        found = take(self, *arguments)
        if found and not first:
            first.append(time.time())
        return found

    Consumer.take = taken  # type: ignore[assignment, method-assign]
    run_archive(Repository("."), "events", once=True)
    return {"rate": int(count) / (time.time() - first[0])}


def replay(_brokers: str, _topic: str, count: str) -> dict[str, float]:
    """The log into a row for each of its events."""
    from headrace.repository import Repository
    from replay.files import replay_files

    repository, begun = Repository("."), 0.0
    for out in ("warm", "replayed"):
        begun = time.time()
        replay_files(repository, repository.resolve(["activity"]), out)
    return {"rate": int(count) / (time.time() - begun)}


def bootstrap(_brokers: str, _topic: str, count: str) -> dict[str, float]:
    """A run whose state is made of the log, until it has its first checkpoint and the stores, and until it has caught up with Kafka."""
    from headrace.repository import Repository
    from headrace.running.run import run

    begun, at = 0.0, dict[str, float]()

    def began(_: Any, worker: RunWorker) -> None:
        at["began"] = time.time()

        def watch() -> None:
            while not worker.watch.caught_up:
                time.sleep(0.01)
            at["caught up"] = time.time()
            worker.desk.stop("the end")

        threading.Thread(target=watch, daemon=True).start()

    for _ in ("warm", "measured"):
        begun = time.time()
        run(Repository("."), ["activity"], fresh=True, began=began)
    return {"rate": int(count) / (at["began"] - begun), "until_caught_up_s": at["caught up"] - at["began"]}


def window(brokers: str, topic: str, count: str) -> dict[str, float]:
    """Bytewax's own window over the first messages: 1 h every 5 min, count and sum."""
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.operators.windowing import EventClock, SlidingWindower, fold_window
    from bytewax.testing import TestingSink, TestingSource, run_main

    from sources.consumer import Consumer

    consumer = Consumer({"bootstrap.servers": brokers}, {(topic, p): 0 for p in range(4)})
    events: list[Any] = []
    while len(events) < int(count):
        events += [json.loads(value or b"{}") for raw in consumer.take(0.05) for value in raw.values]
    consumer.close()
    clock = EventClock(lambda e: datetime.fromtimestamp(e["ts"] / 1e6, UTC), timedelta(hours=1))
    windower = SlidingWindower(timedelta(hours=1), timedelta(minutes=5), datetime(2020, 1, 1, tzinfo=UTC))
    flow = Dataflow("window")
    keyed = op.key_on("key", op.input("read", flow, TestingSource(events[: int(count)], 1000)), lambda e: str(e["user_id"]))
    folded = fold_window(
        "fold", keyed, clock, windower, lambda: (0, 0.0), lambda a, e: (a[0] + 1, a[1] + e["amount"]),
        lambda a, b: (a[0] + b[0], a[1] + b[1]),
    )  # fmt: skip
    out: list[Any] = []
    op.output("out", folded.down, TestingSink(out))
    begun = time.time()
    run_main(flow)
    return {"rate": int(count) / (time.time() - begun)}


PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "produce": produce, "produce-at": produce_at, "live": live, "visible": visible, "bare": bare, "decode": decode, "archive": archive,
    "replay": replay, "bootstrap": bootstrap, "window": window,
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))

"""The numbers of one process of a run for Prometheus: an endpoint that reads them when it is asked.

Promises names and units by Prometheus' conventions, each told in its help; nothing is kept here, so that a scrape costs the flow nothing
but a copy of some counts. Of several processes each tells its own part, at the port behind that of the one before. It relies on the extra
`metrics`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidValue
from operators.kernels.tables import MIN64

from .telling import LATE, lag_of, trouble_of
from .watch import DELAY_BOUNDS_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from headrace.running.going import GoingRun
    from headrace.running.job import RunWorker

Labelled = dict[tuple[str, ...], float]
DEAD = ("undecodable", *LATE)
"""What makes a dead letter, by the beginning of the count's name; the source follows."""
ADDRESS = "0.0.0.0"   # noqa: S104  # Prometheus asks from another machine


@contextmanager
def serving(worker: RunWorker | GoingRun, port: int | None) -> Iterator[None]:
    """While it is entered, the metrics of a process stand at `http://…:port/metrics`; None serves nothing.

    Raises `InvalidValue` where the port is taken or the extra `metrics` is not installed.
    """
    if port is None:
        yield
        return
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        raise InvalidValue("--metrics-port needs prometheus-client: pip install 'headrace[metrics]'", port=port) from None
    registry = CollectorRegistry()
    registry.register(Metrics(worker))
    try:
        server, thread = start_http_server(port, ADDRESS, registry)
    except OSError as error:
        raise InvalidValue(f"metrics cannot be served at port {port}: {error.strerror}; --metrics-port takes another", port=port) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Metrics:
    """A collector of prometheus-client: `collect` makes the metrics of one worker."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker

    def describe(self) -> list[Any]:
        """Nothing is told before the first scrape."""
        return []

    def collect(self) -> Iterable[Any]:
        """All metrics, as they stand."""
        watch = self.worker.watch
        counts = watch.counted_by_now()
        yield from _events(counts)
        yield _counter("headrace_steps", "Steps that came to the online stores, by group.", ["group"], _one_label(watch.steps))
        told = "Of these, the newest of each entity in a batch: written to every store, by group."
        yield _counter("headrace_store_writes", told, ["group"], _one_label(watch.stored))
        yield from _values(counts)
        yield from self._lag()
        yield self._delays()
        yield from self._checkpoints()
        yield _gauge("headrace_state_entities", "Entities in the state, over all keys.", watch.entities)
        yield _gauge("headrace_state_bytes", "Bytes of the state in memory.", watch.state_bytes)
        yield _gauge("headrace_caught_up", "1 once every partition was read to its end.", int(watch.caught_up))
        yield _gauge("headrace_in_trouble", "1 while something goes wrong that is tried again.", int(trouble_of(self.worker) is not None))

    def _lag(self) -> Iterable[Any]:
        now, messages = time.time(), lag_of(self.worker)
        seconds: dict[tuple[str, int], float] = {}
        for reader in list(self.worker.readers):
            for (source, p), each in reader.partitions.items():
                name = reader.topics[source], p
                arrival = each.place.arrival_us
                behind = messages.get(name, 0) and arrival != MIN64
                seconds[name] = max(0.0, now - arrival / 1e6) if behind else 0.0
        labels = ["topic", "partition"]
        kinds: list[tuple[str, str, Mapping[tuple[str, int], float]]] = [
            ("headrace_lag_messages", "Messages that wait in Kafka.", messages),
            ("headrace_lag_seconds", "Age of the last message that was read; 0 at the end of the log.", seconds),
        ]
        for what, told, values in kinds:
            yield _labelled_gauge(what, told, labels, {(topic, str(p)): value for (topic, p), value in values.items()})

    def _delays(self) -> Any:
        from prometheus_client.core import HistogramMetricFamily

        delays = self.worker.watch.delays
        buckets, total = [], 0
        for bound, n in zip([*map(str, DELAY_BOUNDS_S), "+Inf"], list(delays.buckets), strict=True):
            total += n
            buckets.append((bound, total))
        told = "From a message's arrival until its step could be read, of messages that came while the flow was caught up."
        return HistogramMetricFamily("headrace_event_to_online_seconds", told, buckets=buckets, sum_value=delays.sum_s)

    def _checkpoints(self) -> Iterable[Any]:
        yield _counter("headrace_checkpoint_bytes", "Bytes written into checkpoints.", [], {(): self.worker.keeper.written_bytes})
        keeper = self.worker.keeper
        yield _gauge("headrace_checkpoint_journal_rows", "Rows that a start would apply behind the whole states.", keeper.journal_rows)
        compaction = keeper.compaction
        if compaction is not None:
            for what, told, value in (
                ("states", "Whole states of a shard that were made beside the flow.", compaction.states),
                ("states_seconds", "Seconds that making them took, and joining rows.", compaction.seconds),
                ("states_bytes", "Bytes that were written for both.", compaction.written_bytes),
            ):
                yield _counter(f"headrace_checkpoint_{what}", told, [], {(): value})
        found = self.worker.watch.checkpoint
        if found is not None:
            yield _gauge("headrace_checkpoint_number", "The newest checkpoint that counts.", found["number"])
            yield _gauge("headrace_checkpoint_duration_seconds", "From the end of its epoch until it counted.", found["seconds"])
            yield _gauge("headrace_checkpoint_age_seconds", "Since the newest checkpoint counted.", time.time() - found["at"])


def _events(counts: Mapping[str, int]) -> Iterable[Any]:
    for name, told, prefix in (
        ("headrace_messages", "Messages read from Kafka, by source.", "messages "),
        ("headrace_events", "Events that were accepted, by source.", "rows "),
        ("headrace_duplicate_events", "Events whose identity came before, by source.", "duplicate "),
        ("headrace_tombstone_messages", "Messages without a value, by source.", "tombstone "),
        ("headrace_loaded_messages", "Messages left out because they were loaded before, by source.", "loaded already "),
    ):
        yield _counter(name, told, ["source"], _one_label(_behind(counts, prefix)))
    for name, told, reasons in (
        ("headrace_late_events", "Events that their partition's log refuses, by source and reason.", LATE),
        ("headrace_dead_letters", "Messages that went to the dead letters, by source and reason.", DEAD),
    ):
        found: Labelled = {(source, why): n for why in reasons for source, n in _behind(counts, f"{why} ").items()}
        yield _counter(name, told, ["source", "reason"], found)


def _values(counts: Mapping[str, int]) -> Iterable[Any]:
    for name, told, prefix in (
        ("headrace_failed_values", "Values whose expression failed, by feature (group.feature) or expression.", "failed "),
        ("headrace_null_values", "Values that are null in a step, by feature (group.feature).", "null "),
    ):
        others = {key: n for key, n in counts.items() if not key.startswith("null key")}
        yield _counter(name, told, ["feature"], _one_label(_behind(others, prefix)))
    null_keys: dict[str, int] = {}
    for key, n in counts.items():
        if key.startswith("null key"):
            source = key.rpartition(" ")[2]
            null_keys[source] = null_keys.get(source, 0) + n
    yield _counter("headrace_null_key_events", "Events without a value in a key column, by source.", ["source"], _one_label(null_keys))
    told = "Values that their type cannot hold, and that are null."
    yield _counter("headrace_overflowed_values", told, [], {(): counts.get("overflow", 0)})


def _behind(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    """The counts whose names begin so, by the rest of the name."""
    return {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}


def _one_label(values: Mapping[str, int]) -> Labelled:
    return {(name,): n for name, n in dict(values).items()}


def _counter(name: str, told: str, labels: list[str], values: Labelled) -> Any:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, told, labels=labels)
    for label, value in sorted(values.items()):
        family.add_metric(list(label), value)
    return family


def _labelled_gauge(name: str, told: str, labels: list[str], values: Labelled) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, told, labels=labels)
    for label, value in sorted(values.items()):
        family.add_metric(list(label), value)
    return family


def _gauge(name: str, told: str, value: float) -> Any:
    return _labelled_gauge(name, told, [], {(): value})

"""The proof that nothing has drifted: steps of an online store against a replay of the log, at the same place. What `headrace verify` does.

It promises that every cell of a stored step is compared, what is finished at the look-up by what it is finished from; that an entity whose
step has seen more than is archived is told apart and not counted. The place is the step's (arrival, n, time): a replay stands there in its
last step that is not behind it. Entities of the log are taken too, and looked up in the store, since what a store has lost or never had
stands at no place in it. It relies on the archive, and on Kafka to say whether more has come than is archived.
"""

from __future__ import annotations

import math
import random
import struct
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import ConfigError
from headrace.plan import build
from headrace.running.staleness import basis, behind, newest_checkpoints
from operators.kernels.tables import MIN64
from operators.keys import words_of
from operators.live_clock import MAX64
from sinks.online import ARRIVAL, N

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headrace.archive import FileLog, Log
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from headrace.running.staleness import Behind
    from replay.run import Run
    from sinks.online import OnlineStore, StepTable
    from sinks.sampled import Sampled
    from sinks.standing import Standing

CLOSE = 1e-9
"""By how much, relatively, a long-running sum may differ from a fresh one where magnitudes are far apart."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that differs: `feature` is a feature, what one is finished from, or `events` where another number of events is in the step.

    `arrival_us` and `n` are the place; `replay` is None where the log has no step there at all.
    """

    entity: dict[str, Any]
    feature: str
    online: Any
    replay: Any
    arrival_us: int
    n: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What a comparison has come to.

    `entities` were compared, in `cells` cells, of which `equal` are equal: `close` of them not to the last bit, but within 1e-9.
    `sampled` entities of the log were looked up in the store, which is `behind` with some: it has not seen the newest event that the log
    had of them at `checkpoint`, the newest of the run; `not_looked_up` says why where none is to go by.
    `not_archived` entities were chosen too, and their steps have seen what the log does not hold yet. `begins_us` is the arrival at which
    the archive begins, where something came before that it does not hold: None where it holds the whole log. The same `seed` chooses the
    same entities of the same store.
    """

    group: str
    store: str
    seed: int
    stored: int
    entities: int
    not_archived: int
    cells: int
    equal: int
    close: int
    begins_us: int | None
    differences: tuple[Difference, ...]
    checkpoint: int | None = None
    sampled: int = 0
    behind: tuple[Behind, ...] = ()
    not_looked_up: str | None = None

    @property
    def share(self) -> float | None:
        """The share of the cells that are equal; None where none was compared."""
        return self.equal / self.cells if self.cells else None


def verify(
    repository: Repository,
    group: str,
    n: int = 100,
    seed: int | None = None,
    store: str | None = None,
    watch: Callable[[Run], None] | None = None,
) -> Verified:
    """Compare entities of an online store with a replay of the log.

    Args:
        repository: where the group, its stores and the archive are.
        group: its name.
        n: how many entities are taken at random, of the store and of the log; all where there are fewer.
        seed: chooses them; another one each time where None.
        store: the name of the store, the first of `[online] stores` where None.
        watch: is told of the replay before it starts.

    Raises `ConfigError` without such a store, `StorageError` where it holds nothing of the group or another version of it,
    `DataError` where the archive has no events of one of its sources; where there is a Kafka, `OtherTopic` where it has those of another.
    """
    from headrace.archive import Listed, begins
    from headrace.getting import check_table
    from replay.tables import archive_logs
    from sinks.online import open_store
    from sinks.sampled import Sampled
    from sinks.stores import step_table

    found = repository.groups[group]
    name = _store_name(repository, store)
    plan = build([found])
    table = step_table(plan.keys[0], plan.groups[0])
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    # what a checkpoint stands for is in the store that is looked at behind it
    checkpoints = newest_checkpoints(repository, found)
    with closing(open_store(repository.config.store_url(name), read_only=True)) as opened:
        check_table(opened, table, name)
        stored, chosen = _chosen(opened, table, n, seed)
    # the log is looked at behind the store: what the store has seen is there, if it was archived by then
    logs = {source: Listed(log) for source, log in archive_logs(repository, [found]).items()}
    ends = known_upto(repository, plan, logs)
    compared = chosen.filter(pa.array(words_of(chosen.column(ARRIVAL)) <= ends))
    asked = basis(checkpoints, logs)
    sampled = Sampled(table, 0, asked.before_us, n, seed)
    standing = _replayed(plan, logs, table, compared, sampled, watch)
    with closing(open_store(repository.config.store_url(name), read_only=True)) as opened:
        late = behind(opened, table, sampled.newest)
    cells = [_compare(standing, step) for step in compared.to_pylist()]
    differences = tuple(each for _, _, found in cells for each in found)
    width = 1 + len(table.values)
    equal = sum(same for same, _, _ in cells)
    close = sum(near for _, near, _ in cells)
    entities = compared.num_rows
    begins_us, apart = begins(logs), chosen.num_rows - entities
    return Verified(
        group, name, seed, stored, entities, apart, width * entities, equal, close, begins_us, differences,
        asked.number, len(sampled.newest), tuple(late), asked.reason,
    )  # fmt: skip


def _store_name(repository: Repository, store: str | None) -> str:
    from headrace.errors import unknown

    names = repository.config.online.stores
    if store is not None and store not in names:
        raise unknown("store", store, "[online] stores", names)
    if not names:
        settings = '[stores.local] url = "lmdb://online" and [online] stores = ["local"]'
        raise ConfigError(f"there is no online store to verify: write {settings} into headrace.toml")
    return store or names[0]


def _chosen(store: OnlineStore, table: StepTable, n: int, seed: int) -> tuple[int, pa.RecordBatch]:
    """How many entities there are, and the steps of some of them."""
    batches = list(store.scan(table))
    whole = pa.Table.from_batches(batches, table.schema)
    numbers = pa.array(sorted(random.Random(seed).sample(range(whole.num_rows), min(n, whole.num_rows))), pa.int64())
    taken = [pa.concat_arrays(whole.column(name).take(numbers).chunks or [pa.array([], type_)]) for name, type_ in _types(table)]
    return whole.num_rows, pa.RecordBatch.from_arrays(taken, schema=table.schema)


def _types(table: StepTable) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in table.schema]


def known_upto(repository: Repository, plan: Plan, logs: Mapping[str, FileLog]) -> int:
    """The arrival up to which the archive holds everything that has come; the largest int64 where that is all there is."""
    from headrace.archive import archived_ends, begun, check_topic, last_loaded_arrival
    from headrace.running.starting import kafka_settings
    from sources.topics import TopicError, TopicMissing, watermarks

    upto, kafka = MAX64, repository.config.kafka
    if not kafka.brokers and "bootstrap.servers" not in kafka.client:
        return upto
    for source in plan.sources:
        log = logs[source.name]
        topic, ends = repository.sources[source.name].topic, archived_ends(log)
        check_topic(log, topic)
        try:
            bounds = watermarks(kafka_settings(repository), topic)
        except TopicMissing:
            continue
        except TopicError:
            # nobody says what has come since
            upto = min([upto, *(end.arrival_us for end in ends.values())])
            continue
        loaded, noted = last_loaded_arrival(log), begun(log) or {}
        for partition, (_, high) in bounds.items():
            end = ends.get(partition)
            if end is None and high > noted.get(partition, 0):
                upto = min(upto, MIN64 if loaded is None else loaded)
            elif end is not None and end.offset < high:
                upto = min(upto, end.arrival_us)
    return upto


def _replayed(
    plan: Plan, logs: Mapping[str, Log], table: StepTable, wanted: pa.RecordBatch, sampled: Sampled, watch: Callable[[Run], None] | None
) -> Standing:
    """Where the replay of the log stands at the places of the wanted steps; entities of it are `sampled`."""
    import os

    from operators.kernels import tables as t
    from replay.run import Options, Run
    from sinks.standing import Standing, places_of

    standing = Standing(table, 0, wanted)
    # the instant of a step may lie behind its arrival
    ends = [max(arrival, time) for arrival, _, time in places_of(wanted)]
    if sampled.before_us > MIN64:
        ends += [min(sampled.before_us, group.max_arrival_us) for log in logs.values() for group in log.row_groups()]
    if not ends:
        return standing
    workers = max(1, min(4, len(os.sched_getaffinity(0))))
    run = Run(plan, logs, t.STEPS, bounds=(None, 1 + max(ends)), options=Options(workers=workers), silent=True)
    if watch is not None:
        watch(run)
    run.execute(run.flow([("standing", standing.step), ("sampled", sampled.step)]))
    return standing


def _compare(standing: Standing, step: dict[str, Any]) -> tuple[int, int, list[Difference]]:
    """Of one stored step: how many cells are equal, how many of these nearly, and the differences."""
    table = standing.table
    entity = {name: step[name] for name in table.keys.names}
    key = tuple(entity.values())
    arrival, n, _ = standing.places[key]
    found = standing.steps.get(key)
    if found is None:
        return 0, 0, [Difference(entity, "events", n, None, arrival, n)]
    equal = close = 0
    differences = []
    for name, told in [(N, "events"), *((name, name) for name in table.values.names)]:
        online, replayed = step[name], found[name]
        if same(online, replayed):
            equal += 1
        elif nearly(online, replayed):
            equal, close = equal + 1, close + 1
        else:
            differences.append(Difference(entity, told, online, replayed, arrival, n))
    return equal, close, differences


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, floats to the last bit.

    >>> same(0.1 + 0.2, 0.3), same(float("nan"), float("nan")), same([1, None], [1, None]), same(0.0, -0.0), same(1, 1.0)
    (False, True, True, False, False)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return bool(one == other)


def nearly(one: Any, other: Any) -> bool:
    """Whether two values differ by no more than a long-running sum may.

    >>> nearly(0.1 + 0.2, 0.3), nearly(1.0, 1.000001), nearly(None, 0.0), nearly([0.1 + 0.2], [0.3])
    (True, False, False, True)
    """
    if isinstance(one, float) and isinstance(other, float):
        return same(one, other) or math.isclose(one, other, rel_tol=CLOSE)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(nearly, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(nearly(value, other[name]) for name, value in one.items())
    return same(one, other)

"""The values of entities, now or at an instant: what `headrace get` prints.

It promises what a scoring request would be told: the newest step of the online store, completed at the asker's instant by the function that
completes it everywhere; or, at an instant in the past, the step that stood then, looked up in the log. An unknown entity has counts 0, the
rest null, and no step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.entities import parse_entity, parse_value
from headrace.errors import ConfigError, InvalidValue, StorageError, unknown
from headrace.plan import build
from headrace.times import now_us, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.groups import FeatureGroup
    from headrace.plan.model import GroupPlan, Plan
    from headrace.repository import Repository
    from replay.run import Run
    from sinks.online import OnlineStore, StepTable

STAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Values:
    """What was told of one entity.

    `asked_us` is the asker's instant; `step_us` the instant at which the step's windows were evaluated, `arrival_us` the newest arrival in
    it, `events` how many events: None where there is no step, or where the values were looked up in the log.
    """

    entity: dict[str, Any]
    values: dict[str, Any]
    known: bool
    asked_us: int
    step_us: int | None = None
    arrival_us: int | None = None
    events: int | None = None

    @property
    def age_us(self) -> int | None:
        """How long before the asker's instant the step's windows were evaluated."""
        return None if self.step_us is None else self.asked_us - self.step_us


def get(
    repository: Repository,
    group: str,
    entities: Sequence[str | Mapping[str, Any]],
    at: Any = None,
    requests: Mapping[str, Any] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> list[Values]:
    """The features of some entities of a group.

    Args:
        repository: where the group, its stores and the archive are.
        group: its name.
        entities: each a text as `headrace.entities.parse_entity` reads it, or the values by the names of the group's Keys.
        at: the asker's instant: ISO text, `-1d`, a datetime; the values come from the log then. Without it: now, from the first store.
        requests: what the asker brings for the group's request columns; null for those that are left out.
        watch: is told of the run that looks into the log before it starts.

    Raises `ConfigError` where there is no online store, `StorageError` where it holds nothing of the group or another version of it.
    """
    found = repository.groups[group]
    where = f"group '{group}'"
    wanted = [parse_entity(found.keys, each, where) if isinstance(each, str) else complete(found, each) for each in entities]
    brought = request_values(found, requests or {})
    if at is not None:
        return _at(repository, found, wanted, parse_time(at, "at"), brought, watch)
    return _now(repository, found, wanted, brought)


def request_values(group: FeatureGroup, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each request column of a group: texts read as its type, None where none is given."""
    from headrace.types import parse_type

    for name in given:
        if name not in group.requests:
            raise unknown("request column", name, f"group '{group.name}'", group.requests)
    found = {}
    for name, declared in group.requests.items():
        value = given.get(name)
        found[name] = parse_value(value, parse_type(declared), f"request column '{name}'") if isinstance(value, str) else value
    return found


def spine_of(plan: Plan, entities: Sequence[Mapping[str, Any]], at_us: int, requests: Mapping[str, Any]) -> pa.Table:
    """A spine that asks the one group of `plan` for these entities at one instant; its column of instants is `_at`."""
    key, (group,) = plan.keys[0], plan.groups
    columns = {name: pa.array([each[name] for each in entities], kind) for name, kind in zip(key.names, key.types, strict=True)}
    columns |= {name: pa.array([requests.get(name)] * len(entities), kind) for name, kind in group.requests}
    return pa.table(columns | {"_at": pa.array([at_us] * len(entities), pa.int64()).cast(STAMP)})


def _now(repository: Repository, group: FeatureGroup, entities: list[dict[str, Any]], requests: dict[str, Any]) -> list[Values]:
    from operators.finish import finish_lookup
    from sinks.online import ARRIVAL, TIME, N, open_store
    from sinks.stores import step_table

    names = repository.config.online.stores
    if not names:
        settings = '[stores.local] url = "lmdb://online" and [online] stores = ["local"]'
        raise ConfigError(f"there is no online store: write {settings} into headrace.toml; --at T asks the log")
    plan = build([group])
    key, (grouped,) = plan.keys[0], plan.groups
    table = step_table(key, grouped)
    store = open_store(repository.config.store_url(names[0]), read_only=True)
    try:
        check_table(store, table, names[0])
        asked = pa.RecordBatch.from_arrays([pa.array([e[f.name] for e in entities], f.type) for f in table.keys], schema=table.keys)
        steps = store.read(table, asked)
    finally:
        store.close()
    now = now_us()
    instants = pa.array([now] * len(entities), pa.int64()).cast(STAMP)
    brought = {name: pa.array([requests[name]] * len(entities), kind) for name, kind in grouped.requests}
    values = finish_lookup(grouped, steps, instants, brought).to_pylist()
    nothing = _nothing(grouped, instants.slice(0, 1), {name: column.slice(0, 1) for name, column in brought.items()})
    place = {name: steps.column(name).cast(pa.int64()).to_pylist() for name in (TIME, ARRIVAL, N)}
    found = []
    for entity, row, step, arrival, n in zip(entities, values, place[TIME], place[ARRIVAL], place[N], strict=True):
        known = step is not None
        found.append(Values(entity, row if known else nothing, known, now, step, arrival, n))
    return found


def check_table(store: OnlineStore, table: StepTable, name: str) -> None:
    """Raises where the store holds nothing of this version of the group."""
    standing = [each for each in store.tables() if each.group == table.group]
    if any(each.digest == table.digest for each in standing):
        return
    fill = f"headrace replay {table.group} --online fills it, headrace run {table.group} keeps it filled"
    if standing:
        text = f"store '{name}' holds another version of group '{table.group}', whose definition has changed since: {fill}"
    else:
        text = f"store '{name}' holds nothing of group '{table.group}' yet: {fill}"
    raise StorageError(text, group=table.group, store=name)


def _nothing(group: GroupPlan, now: Any, requests: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of an entity that nothing is known of."""
    from operators.evaluate import compile_finish

    zeros = [pa.array([zero_of(cell.kind)], cell.type) for cell in group.cells]
    cells = pa.RecordBatch.from_arrays(zeros, [cell.id for cell in group.cells])
    columns, _ = compile_finish(group.features, cells.schema, group.requests)(cells, now, requests)
    return {feature.name: column[0].as_py() for feature, column in zip(group.features, columns, strict=True)}


def zero_of(kind: str) -> int | None:
    """The value of an aggregate over nothing."""
    return 0 if kind == "count" else None


def _at(
    repository: Repository,
    group: FeatureGroup,
    entities: list[dict[str, Any]],
    at_us: int,
    requests: dict[str, Any],
    watch: Callable[[Any], None] | None,
) -> list[Values]:
    from headrace.tracing.events import events_of
    from replay.run import MODES, Run
    from replay.spine import Spine
    from replay.tables import archive_logs

    plan = build([group])
    spine = spine_of(plan, entities, at_us, requests)
    run = Run(plan, archive_logs(repository, [group]), MODES["probes"], Spine(spine, "_at", plan, before=False), bounds=(None, at_us + 1))
    if watch is not None:
        watch(run)
    rows = look_up(run)
    known = [any(not event.rejected for event in events_of(run, entity, at_us)) for entity in entities]
    return [Values(entity, row, there, at_us) for entity, row, there in zip(entities, rows, known, strict=True)]


def look_up(run: Run) -> list[dict[str, Any]]:
    """Runs a replay of probes of one group: the features of each row of its spine."""
    from replay.run import in_memory

    return in_memory(run).tables[run.plan.groups[0].name].to_pylist()


def complete(group: FeatureGroup, entity: Mapping[str, Any]) -> dict[str, Any]:
    """An entity's values in the order of the group's Keys; raises where one is missing or none of them."""
    names = [key.name for key in group.keys]
    for name in entity:
        if name not in names:
            raise unknown("Key", name, f"group '{group.name}'", names)
    missing = [name for name in names if name not in entity]
    if missing:
        text = f"an entity of group '{group.name}' has {', '.join(names)}, and {', '.join(missing)} is missing"
        raise InvalidValue(text, group=group.name, missing=missing)
    return {name: entity[name] for name in names}

"""Replays of the implementation beside the oracle's answers, and where they differ.

It promises one text for every difference, with the feature, the place and both values; an empty list where the two agree. Sums of floats
agree within 1e-9, what is exact agrees exactly.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from headrace.archive import events_log
from replay.run import Options
from replay.tables import replay_table
from tests.oracle.compare import same
from tests.oracle.lookups import lookups
from tests.oracle.rows import rows_of_events
from tests.oracle.steps import steps
from tests.semantics.adapter import cells_of, group_of, instants, keys_of, spine_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tests.oracle.lookups import Probe
    from tests.oracle.model import Feature, Group, Log

ROUNDED = {"sum", "mean", "var", "std", "decay_sum", "decay_count", "time_since_last"}


def rows_differ(log: Log, group: Group, **options: Any) -> list[str]:
    """Rows of events."""
    table = replayed(log, group, numbered=True, rows="events", **options)
    expected = rows_of_events(log, group)
    topics = table.column("_source").to_pylist() if "_source" in table.column_names else list(group.sources) * table.num_rows
    numbers = [table.column(f"id_{topic}")[i].as_py() for i, topic in enumerate(topics)]
    ordered = [log.records.index(row.event) for row in expected]
    if numbers != ordered:
        return [f"rows stand for the records {numbers}, expected {ordered}"]
    found = []
    if instants(table, "time") != [row.event.at for row in expected]:
        found.append("a row's time is not its event's")
    for row, cells in zip(expected, cells_of(table, group), strict=True):
        found += _cells_differ(group, f"row of {row.event}", row.values, cells)
    return found


def steps_differ(log: Log, group: Group, **options: Any) -> list[str]:
    """Steps, entity by entity."""
    table = replayed(log, group, rows="steps", **options)
    theirs = defaultdict(list)
    heads = zip(instants(table, "time"), instants(table, "arrival"), table.column("n").to_pylist(), strict=True)
    for key, head, cells in zip(keys_of(table), heads, cells_of(table, group), strict=True):
        theirs[key].append((head, cells))
    ours = defaultdict(list)
    for step in steps(log, group):
        ours[step.key].append(((step.time, step.arrival, step.n), step.values))
    found = []
    for key in sorted({*ours, *theirs}, key=repr):
        expected_heads, heads_found = [head for head, _ in ours[key]], [head for head, _ in theirs[key]]
        if expected_heads != heads_found:
            found.append(f"entity {key}: (time, arrival, n) expected {expected_heads}, found {heads_found}")
            continue
        for (head, expected), (_, cells) in zip(ours[key], theirs[key], strict=True):
            found += _cells_differ(group, f"entity {key}, step {head}", expected, cells)
    return found


def lookups_differ(log: Log, group: Group, probes: Sequence[Probe], *, before: bool, **options: Any) -> list[str]:
    """Look-ups of a spine."""
    spine = spine_of(probes)
    table = replayed(log, group, spine=spine, before=before, **options)
    if table.column("k").to_pylist() != spine.column("k").to_pylist() or instants(table, "at") != instants(spine, "at"):
        return ["the spine's own columns are not kept in its order"]
    found = []
    answers = lookups(log, group, probes, before=before)
    for probe, answer, cells in zip(probes, answers, cells_of(table, group), strict=True):
        found += _cells_differ(group, f"{probe} ({answer.status}, before={before})", answer.values, cells)
    return found


def replayed(
    log: Log,
    group: Group,
    *,
    numbered: bool = False,
    keyed: str = "a number",
    cut: int | None = None,
    rows: str = "events",
    spine: pa.Table | None = None,
    before: bool = False,
    from_: Any = None,
    to: Any = None,
    **options: Any,
) -> pa.Table:
    """One replay; `cut`: in slices of row groups of so many rows, where all of it would be one."""
    definition = group_of(log, group, numbered=numbered, keyed=keyed)
    size = 1_000_000 if cut is None else cut
    tables = tables_of(log, group.sources)
    logs = {source.name: events_log(source, tables[source.name], size) for source in definition.sources}
    time = None if spine is None else "at"
    table, _ = replay_table([definition], logs, rows, spine, time, before, from_, to, Options(slice_rows=size, **options))
    return table


def _cells_differ(group: Group, where: str, expected: Sequence[Any], found: Sequence[Any]) -> list[str]:
    return [
        f"{where}: {feature} expected {a!r}, found {b!r}"
        for feature, a, b in zip(group.features, expected, found, strict=True)
        if not _agree(feature, a, b)
    ]


def _agree(feature: Feature, a: Any, b: Any) -> bool:
    if feature.kind not in ROUNDED:
        return same(a, b)
    return same(a, b, relative=1e-9, absolute=1e-9)

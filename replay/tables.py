"""A replay of groups or a service into one table in memory: what `hr.replay` and `Repository.replay` share.

Promises the rows of a group's events or steps in the order of their places, and for a spine its rows in their order with the features
behind. Where the logs come from is the caller's.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.archive import FileLog, Folder, Layout
from headrace.errors import DataError, DuplicateName, HeadraceWarning, InvalidValue
from headrace.groups import FeatureGroup
from headrace.plan import build
from headrace.services import FeatureService
from headrace.times import parse_time
from operators.kernels import tables as t
from replay.run import MODES, Options, Run, in_memory
from replay.spine import Spine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.archive import Log
    from headrace.repository import Repository

Target = FeatureGroup | FeatureService


def groups_of(targets: Sequence[Target]) -> list[FeatureGroup]:
    """The groups behind groups and services, each once, in order."""
    found: dict[str, FeatureGroup] = {}
    for target in targets:
        for group in target.groups if isinstance(target, FeatureService) else [target]:
            known = found.setdefault(group.name, group)
            if known != group:
                raise DuplicateName(f"two different groups are named '{group.name}'", group=group.name)
    return list(found.values())


def columns_of(targets: Sequence[Target]) -> list[tuple[str, str, str]]:
    """(name outside, group, feature) of every feature of the targets, in order; raises where a name comes twice."""
    found: dict[str, tuple[str, str, str]] = {}
    for target in targets:
        if isinstance(target, FeatureService):
            named = [(output, group.name, feature) for output, group, feature in target.features]
        else:
            named = [(feature, target.name, feature) for feature in target.features]
        for output, group, feature in named:
            if output in found and found[output] != (output, group, feature):
                text = (
                    f"feature '{output}' comes from group '{found[output][1]}' and from group '{group}'; "
                    f'make a FeatureService and rename one: {group}["{feature}"].prefix("{group}_")'
                )
                raise DuplicateName(text, feature=output, groups=[found[output][1], group])
            found[output] = (output, group, feature)
    return list(found.values())


def archive_logs(repository: Repository, targets: Sequence[Target]) -> dict[str, FileLog]:
    """The archived logs of the sources that the targets read; raises where one has no event at all."""
    logs: dict[str, FileLog] = {}
    uri = repository.config.archive_uri
    archive = Folder(uri, repository.config.archive.options)
    for source in {s.name: s for group in groups_of(targets) for s in group.sources}.values():
        log = FileLog(archive, Layout.of(source.base))
        if not log.row_groups():
            do = f"headrace load {source.name} FILE adds some, headrace archive {source.name} those of its topic"
            text = f"the archive {uri} holds no events of source '{source.name}'; {do}"
            raise DataError(text, source=source.name, archive=uri)
        logs[source.name] = log
    return logs


def replay_table(
    targets: Sequence[Target],
    logs: Mapping[str, Log],
    rows: str = "events",
    spine: Any = None,
    time: str | None = None,
    before: bool = False,
    start: Any = None,
    stop: Any = None,
    options: Options | None = None,
) -> tuple[pa.Table, dict[str, int]]:
    """The table of a replay, and what it counted; see `hr.replay` for the arguments."""
    if rows not in ("events", "steps"):
        raise InvalidValue(f"rows={rows!r} is not known; it is 'events' or 'steps', or give a spine", rows=rows)
    groups = groups_of(targets)
    bounds = (None if start is None else parse_time(start, "from_"), None if stop is None else parse_time(stop, "to"))
    if spine is not None:
        if time is None:
            raise InvalidValue("a spine needs time=, the name of the column with the instant of each row")
        return _spine_table(targets, groups, logs, spine, time, before, bounds, options)
    if len(groups) > 1:
        names = ", ".join(f"'{g.name}'" for g in groups)
        text = f"rows of {rows} are those of one group, found {len(groups)}: {names}; replay them one by one, or give a spine"
        raise InvalidValue(text, groups=[g.name for g in groups])
    columns = columns_of(targets)
    run = Run(build(groups), logs, MODES[rows], bounds=bounds, options=options, with_place=True)
    result = in_memory(run)
    table = result.tables[groups[0].name]
    features = set(groups[0].features)
    kept = [name for name in table.column_names if name not in features]
    return (
        pa.Table.from_arrays(
            [*(table.column(n) for n in kept), *(table.column(f) for _, _, f in columns)], names=[*kept, *(o for o, _, _ in columns)]
        ),
        result.counts,
    )


def _spine_table(
    targets: Sequence[Target],
    groups: list[FeatureGroup],
    logs: Mapping[str, Log],
    spine: Any,
    time: str,
    before: bool,
    bounds: tuple[int | None, int | None],
    options: Options | None,
) -> tuple[pa.Table, dict[str, int]]:
    from headrace.frames import any_table

    table = any_table(spine)
    columns = columns_of(targets)
    for output, group, _ in columns:
        if output in table.column_names:
            text = f"the spine has a column '{output}', and so has group '{group}'; rename the column, or use .prefix() in a FeatureService"
            raise DuplicateName(text, feature=output, group=group)
    plan = build(groups)
    result = in_memory(Run(plan, logs, t.PROBES, spine=Spine(table, time, plan, before), bounds=(None, bounds[1]), options=options))
    for output, group, feature in columns:
        table = table.append_column(output, result.tables[group].column(feature))
    warn_of_coincidence(result.counts, table.num_rows, before)
    return table, result.counts


def warn_of_coincidence(counts: Mapping[str, int], rows: int, before: bool) -> None:
    """Warn where many rows of a spine fall on the instant of an event of their own entity."""
    n = max((n for name, n in counts.items() if name.startswith("coincide ")), default=0)
    if not before and rows and n * 10 >= rows and n >= 2:
        text = (
            f"{n} of {rows} rows of the spine fall on the instant of an event of their own entity and see that event; "
            "if the event is what you predict, ask for what stood before it: --before (before=True)"
        )
        # told at the call of `replay` or `replay_files`, which stands four functions away
        warnings.warn(text, HeadraceWarning, stacklevel=5)

"""`hr.replay`: a group or service over events in memory, without files, settings or a working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from headrace.errors import InvalidValue, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from headrace.groups import FeatureGroup
    from headrace.services import FeatureService
    from replay.run import Options


@overload
def replay(
    target: FeatureGroup | FeatureService | Sequence[FeatureGroup | FeatureService],
    events: Mapping[str, Any],
    *,
    rows: str = "events",
    spine: Any = None,
    time: str | None = None,
    before: bool = False,
    from_: Any = None,
    to: Any = None,
    stream: Literal[False] = False,
    options: Options | None = None,
) -> pa.Table: ...


@overload
def replay(
    target: FeatureGroup | FeatureService | Sequence[FeatureGroup | FeatureService],
    events: Mapping[str, Any],
    *,
    rows: str = "events",
    spine: Any = None,
    time: str | None = None,
    before: bool = False,
    from_: Any = None,
    to: Any = None,
    stream: Literal[True],
    options: Options | None = None,
) -> pa.RecordBatchReader: ...


def replay(
    target: FeatureGroup | FeatureService | Sequence[FeatureGroup | FeatureService],
    events: Mapping[str, Any],
    *,
    rows: str = "events",
    spine: Any = None,
    time: str | None = None,
    before: bool = False,
    from_: Any = None,
    to: Any = None,
    stream: bool = False,
    options: Options | None = None,
) -> pa.Table | pa.RecordBatchReader:
    """Compute features of events that are held in memory, with the dataflow that computes them live.

    Args:
        target: a group, a service, or with a spine several of them.
        events: for each source by its name a pyarrow Table, batch or reader, a pandas or polars frame, a list of dicts, or the path of a
            Parquet, CSV or JSON lines file. Columns `_arrival` (when the log received it; else the event time), `_partition` and
            `_offset` are honoured.
        rows: "events", a row for every event as of its own instant, itself included; or "steps", the history of the values of each entity.
        spine: a table of (entities, instant): one row for each of its rows instead, in its order, its columns first, then the features.
        time: the spine's column with the instants.
        before: what stood just before the instant, not at it.
        from_: the first instant of the rows that come out: ISO text, `-1d`, `yesterday` or a datetime. What their windows need before is
            read without being asked.
        to: the instant behind the last of them.
        stream: a RecordBatchReader instead of a Table.
        options: what does not change a value: sizes of slices, readers, workers.

    Returns:
        rows of events: key columns, `time`, `_source` if there are several, the features in the order of the definition;
        steps: key columns, `time`, `arrival`, `n`, the features; a spine: see above. Instants are timestamp[us, UTC].

    Raises:
        UnknownName: events of a source that the target does not read.
        InvalidValue: a source without events, or arguments that contradict each other.
        DataError: a value that does not fit the source's schema.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> spending = hr.FeatureGroup("spending", key=buyer, features={"spend": clicks["price"].sum().over("1h")})
    >>> out = hr.replay(spending, events={"clicks": [
    ...     {"buyer_id": 7, "price": 2.0, "ts": "2024-01-01T10:00:00Z"},
    ...     {"buyer_id": 7, "price": 3.0, "ts": "2024-01-01T10:59:00Z"},
    ...     {"buyer_id": 7, "price": 4.0, "ts": "2024-01-01T11:00:00Z"},
    ... ]})
    >>> out["spend"].to_pylist()
    [2.0, 5.0, 7.0]
    """
    from headrace.archive import events_log
    from headrace.groups import FeatureGroup
    from headrace.guard import check_names
    from headrace.services import FeatureService

    check_names()   # `python -m pytest` puts the user's folder in front, where a file of theirs could stand for one of ours
    from replay.tables import groups_of, replay_table

    targets = [target] if isinstance(target, FeatureGroup | FeatureService) else list(target)
    sources = {source.name: source for group in groups_of(targets) for source in group.sources}
    for name in events:
        if name not in sources:
            raise unknown("source", name, "the groups that are replayed", sources)
    for name in sources:
        if name not in events:
            text = f"there are no events for source '{name}': events={{'{name}': …}}; a table without rows will do"
            raise InvalidValue(text, source=name)
    logs = {name: events_log(source.base, events[name]) for name, source in sources.items()}
    table, _ = replay_table(targets, logs, rows, spine, time, before, from_, to, options)
    return table.to_reader() if stream else table

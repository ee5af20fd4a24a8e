"""The plan: what a set of feature groups needs, together, in the form that the flow's operators read.

It promises plain immutable data: each source decoded once, each stored variable kept once. It holds no kernels and no files;
`headrace.plan.build` makes it, `operators` run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

Closed = Literal["right", "left", "both", "none"]
Exclude = Literal["", "row", "instant"]


@dataclass(frozen=True, slots=True)
class Window:
    """A window `(t - delay - size, t - delay]`, of the newest `rows` events, or both; neither bound is `ever`."""

    size_us: int | None
    rows: int | None
    delay_us: int = 0
    closed: Closed = "right"
    exclude: Exclude = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """A row-level expression of one source, evaluated once an event.

    `expr` is a canonical tree whose columns are the source's; `type` what it gives. Its column in a derived batch is `id`.
    """

    id: str
    expr: exp.Expression
    type: pa.DataType


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source: the columns that are read, and what is derived of them."""

    name: str
    time: str
    columns: tuple[str, ...]
    derived: tuple[Derived, ...]
    lateness_us: int
    max_ahead_us: int
    idle_us: int
    unique: str | None


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """The key columns of a group, by the names they have outside; `columns[source]` are the same in that source."""

    names: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    columns: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Track:
    """The stored variables of one (source, key, filter): its events, once, with every input that a window reads.

    `key` is an index into `Plan.keys`, `where` the id of a derived bool or None, `inputs` ids of derived columns.
    """

    source: str
    key: int
    where: str | None
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One aggregate over one window of one track.

    `id` is unique in its group; `track` an index into `Plan.tracks`, `input` the id of a derived column in that track's inputs
    or None. `own` marks a column outside an aggregate: kind last, over the group's longest window; in a row of an event of that
    source it is the event's own value.
    """

    id: str
    kind: str
    track: int
    input: str | None
    window: Window
    type: pa.DataType
    n: int = 0
    half_life_us: int = 0
    ignore_nulls: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """One feature: `expr` is a canonical tree over cells (`exp.Column` named by the cell's id, without a table) and `RequestColumn`s.

    `static`: its value stands in the step already; otherwise it depends on the asker's instant or values and is finished at
    the look-up. `cells` are the ids it reads.
    """

    name: str
    expr: exp.Expression
    type: pa.DataType
    static: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group: its key (index into `Plan.keys`), sources, cells and features in the order of the definition.

    `longest_us` is the longest size + delay of its windows, None when one of them is not bounded by time.
    `requests` are the names and types of its request columns.
    """

    name: str
    digest: str
    key: int
    sources: tuple[str, ...]
    cells: tuple[Cell, ...]
    features: tuple[FeaturePlan, ...]
    refresh_us: int
    longest_us: int | None
    requests: tuple[tuple[str, pa.DataType], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a deployment runs."""

    sources: tuple[SourcePlan, ...]
    keys: tuple[KeyPlan, ...]
    tracks: tuple[Track, ...]
    groups: tuple[GroupPlan, ...]

    def source(self, name: str) -> SourcePlan:
        """The plan of the source called `name`."""
        return next(source for source in self.sources if source.name == name)

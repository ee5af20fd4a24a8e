"""What flows between the operators: pieces of record batches for a shard, and the marks that end a slice.

A slice of a batch that is pickled carries the whole batch with it; a piece writes the Arrow IPC bytes of its rows instead. Owner of a
batch is whoever holds the piece last; nothing changes its buffers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from operators.clock import Pieces


def _bytes(batch: pa.RecordBatch) -> bytes:
    """The batch's rows as an IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _batch(data: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()


def _piece(data: bytes, slice_: int, key: int, source: int, order: tuple[int, int]) -> Piece:
    return Piece(slice_, key, source, order, _batch(data))


def _rows(data: bytes, slice_: int, group: int, counts: dict[str, int]) -> Rows:
    return Rows(slice_, group, _batch(data), counts)


@dataclass(slots=True)
class Piece:
    """Rows of one source, or of a spine (source -1), for one key of one shard, in the order of their places.

    Columns: `_t` event time, `_a` arrival (int64 µs), `_h` key hash, `k0…` the key, then the derived columns by id. `order` places pieces
    of one slice before they are merged by arrival: (partition's place in the order of topics, first row).
    """

    slice: int
    key: int
    source: int
    order: tuple[int, int]
    batch: pa.RecordBatch

    def __reduce__(self) -> tuple[Any, ...]:
        return _piece, (_bytes(self.batch), self.slice, self.key, self.source, self.order)


@dataclass(slots=True)
class Mark:
    """A reader's word that it has sent everything of a slice; one reader adds the slice's facts, each tells one shard what it counted."""

    slice: int
    reader: int
    shard: int
    facts: Facts | None = None
    counts: dict[str, int] | None = None


@dataclass(slots=True)
class Rows:
    """Finished rows of one group from one shard: `kind` is events, steps or probes; `batch` has the columns of the output."""

    slice: int
    group: int
    batch: pa.RecordBatch
    counts: dict[str, int] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rows, (_bytes(self.batch), self.slice, self.group, self.counts)


@dataclass(slots=True)
class End:
    """The end of a slice, behind its rows; `counts` are what was counted in it, by reason. `checkpoint`: the state behind it is kept."""

    slice: int
    shard: int
    checkpoint: bool
    last: bool
    counts: dict[str, int]


def add_counts(into: dict[str, int], more: dict[str, int]) -> None:
    """Add counts by name."""
    for name, n in more.items():
        into[name] = into.get(name, 0) + n


@dataclass(slots=True)
class Facts:
    """What is known of a slice as a whole, the same for every shard.

    `clocks` has one for each distinct (sources, refresh) of the plan's groups, in the order of `operators.clock.clock_sets`; it is empty
    where nothing asks for a clock. `keep_clock` is an instant that every clock has passed before the slice, or the smallest int64. `tick`
    is the log time at which the slice ends; `checkpoint` says that the state is to be kept behind it, `last` that no slice follows.
    `floor` is the arrival of the newest refresh step: where readers are not in step, an event of an earlier arrival is told with this one.
    `silent`: the slice brings back a state that was told already.
    """

    clocks: list[Pieces]
    keep_clock: int
    tick: int
    checkpoint: bool
    last: bool
    floor: int = -(2**63)
    silent: bool = False


@dataclass(slots=True)
class Slice:
    """A slice in one shard: its pieces in the order of partitions and rows, its facts, and what the readers counted, told to one shard."""

    slice: int
    shard: int
    pieces: list[Piece]
    facts: Facts
    counts: dict[str, int]


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of an output; a step's own `_arrival` and `_n` lose their line where no feature has the name."""
    known = set(batch.schema.names)
    return pa.RecordBatch.from_arrays([batch.column(n if n in known else f"_{n}") for n in schema.names], schema.names)

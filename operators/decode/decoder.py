"""A batch of messages as a batch of rows, whatever their format.

Promises that each message becomes a row, a tombstone or a dead letter, and that which of them depends on its bytes alone (and in Avro on
the registry). Rows are in the order of their offsets. Arrival is the running maximum of the timestamps of all messages, the dead and the
tombstones among them: it goes on from the arrival that is told and never back. It raises nothing for what is in a message; a registry that
does not answer is a `RegistryError`. A decoder keeps no state between batches but schemas, and may be used by one thread at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from headrace.archive.layout import PLACE_FIELDS, TIMESTAMP
from headrace.archive.objects import Objects
from headrace.arrow import array
from headrace.errors import unknown
from headrace.source import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.archive import Layout
    from headrace.archive.objects import Rows
    from headrace.source import Source
    from operators.decode.registry import Registry
    from sources.consumer import RawBatch

JSON, AVRO = FORMATS
EMPTY = "an empty message"


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that is no row: `field` is the column that it fails at, if it is one, `index` its number in the batch."""

    offset: int
    reason: str
    field: str | None
    index: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of messages held.

    `batch` has the source's columns as `Layout.schema` types them, then `_offset` int64 and `_arrival` timestamp[us, UTC]; `arrival_us` is
    the arrival of the last message, row or not.
    """

    batch: pa.RecordBatch
    dead: list[Dead]
    tombstones: int
    arrival_us: int


class Reading(Protocol):
    """What a format has to do: the rows of messages, and which of them are none."""

    def read(self, texts: Sequence[bytes]) -> Rows:
        """The rows of `texts`, one a message."""
        ...


class Decoder:
    """Decodes the messages of one source; `registry` has the schemas of Avro."""

    def __init__(self, layout: Layout, format: str = JSON, registry: Registry | None = None) -> None:  # noqa: A002  # as users write it
        self.schema = pa.schema([*layout.schema, *PLACE_FIELDS[1:]])
        self._reading = _reading(layout, format, registry)

    @classmethod
    def of(cls, source: Source, registry: str | None = None) -> Decoder:
        """The decoder of a source; `registry` is the URL that `[kafka] registry` has."""
        from headrace.archive import Layout
        from operators.decode.registry import HttpRegistry

        return cls(Layout.of(source.base), source.format, HttpRegistry(registry) if registry and source.format == AVRO else None)

    def decode(self, raw: RawBatch, arrival_us: int) -> Decoded:
        """The rows of `raw`; `arrival_us` is the arrival of the message before it."""
        return self.decode_all([raw], [arrival_us])[0]

    def decode_all(self, raws: Sequence[RawBatch], arrivals_us: Sequence[int]) -> list[Decoded]:
        """The same of several partitions at once, which costs less where each has few messages."""
        values = raws[0].values if len(raws) == 1 else [value for raw in raws for value in raw.values]
        numbers = [number for number, value in enumerate(values) if value is not None and value.strip()]
        texts: list[Any] = values if len(numbers) == len(values) else [values[number] for number in numbers]
        rows = self._reading.read(texts)
        given = np.array(numbers, np.int64)
        good = given[rows.good]
        dead = [(numbers[bad.index], bad.reason, bad.column) for bad in rows.bad]
        if len(numbers) < len(values):
            blank = np.setdiff1d(np.arange(len(values)), given)
            dead += [(number, EMPTY, None) for number in blank.tolist() if values[number] is not None]
            dead.sort(key=lambda each: each[0])
        found = []
        first = 0
        for raw, arrival_us in zip(raws, arrivals_us, strict=True):
            behind = first + len(raw.values)
            start, stop = (int(n) for n in np.searchsorted(good, (first, behind)))
            mine = [(number - first, reason, column) for number, reason, column in dead if first <= number < behind]
            found.append(self._decoded(raw, arrival_us, rows.batch.slice(start, stop - start), good[start:stop] - first, mine))
            first = behind
        return found

    def _decoded(
        self, raw: RawBatch, arrival_us: int, rows: pa.RecordBatch, good: Any, dead: Sequence[tuple[int, str, str | None]]
    ) -> Decoded:
        """`rows` are those of the messages number `good`."""
        arrivals = np.maximum(np.maximum.accumulate(raw.timestamps_us), arrival_us) if len(raw.values) else raw.timestamps_us
        columns = [*rows.columns, array(raw.offsets[good]), array(arrivals[good]).view(TIMESTAMP)]
        told = [Dead(int(raw.offsets[number]), reason, column, number) for number, reason, column in dead]
        last = int(arrivals[-1]) if len(arrivals) else arrival_us
        tombstones = raw.values.count(None) if len(good) + len(dead) < len(raw.values) else 0
        return Decoded(pa.RecordBatch.from_arrays(columns, schema=self.schema), told, tombstones, last)


def _reading(layout: Layout, format: str, registry: Registry | None) -> Reading:  # noqa: A002
    if format == JSON:
        return Objects(layout.schema, layout.units)
    if format == AVRO:
        from operators.decode.avro import AvroRows

        return AvroRows(layout, registry)
    raise unknown("format", format, f"source '{layout.name}'", FORMATS)

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
        count = len(raw.values)
        arrivals = np.maximum(np.maximum.accumulate(raw.timestamps_us), arrival_us) if count else raw.timestamps_us
        numbers = [number for number, value in enumerate(raw.values) if value is not None and value.strip()]
        whole = len(numbers) == count
        texts: list[Any] = raw.values if whole else [raw.values[number] for number in numbers]
        rows = self._reading.read(texts)
        given = np.array(numbers, np.int64)
        good = given[rows.good]
        dead = [Dead(int(raw.offsets[number]), bad.reason, bad.column, number) for bad in rows.bad for number in (numbers[bad.index],)]
        tombstones = 0
        if not whole:
            tombstones = raw.values.count(None)
            blank = np.setdiff1d(np.arange(count), given)
            dead += [Dead(int(raw.offsets[i]), EMPTY, None, int(i)) for i in blank if raw.values[i] is not None]
            dead.sort(key=lambda each: each.index)
        columns = [*rows.batch.columns, array(raw.offsets[good]), array(arrivals[good]).view(TIMESTAMP)]
        last = int(arrivals[-1]) if count else arrival_us
        return Decoded(pa.RecordBatch.from_arrays(columns, schema=self.schema), dead, tombstones, last)


def _reading(layout: Layout, format: str, registry: Registry | None) -> Reading:  # noqa: A002
    if format == JSON:
        return Objects(layout.schema, layout.units)
    if format == AVRO:
        from operators.decode.avro import AvroRows

        return AvroRows(layout, registry)
    raise unknown("format", format, f"source '{layout.name}'", FORMATS)

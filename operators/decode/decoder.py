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


@dataclass(frozen=True, slots=True)
class DecodedAll:
    """What the batches of several partitions held, behind one another: rows of number i end at `ends[i]`; the others are lists by it."""

    batch: pa.RecordBatch
    ends: Any
    dead: list[list[Dead]]
    tombstones: list[int]
    arrivals_us: list[int]


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
        found = self.decode_all([raw], [arrival_us])
        return Decoded(found.batch, found.dead[0], found.tombstones[0], found.arrivals_us[0])

    def decode_all(self, raws: Sequence[RawBatch], arrivals_us: Sequence[int]) -> DecodedAll:
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
        arrivals = [
            np.maximum(np.maximum.accumulate(raw.timestamps_us), arrival_us) if len(raw.values) else raw.timestamps_us
            for raw, arrival_us in zip(raws, arrivals_us, strict=True)
        ]
        offsets = [raw.offsets for raw in raws]
        behind = np.cumsum([len(raw.values) for raw in raws])
        places = [np.concatenate(column)[good] for column in (offsets, arrivals)]
        batch = pa.RecordBatch.from_arrays([*rows.batch.columns, array(places[0]), array(places[1]).view(TIMESTAMP)], schema=self.schema)
        told: list[list[Dead]] = [[] for _ in raws]
        for number, reason, column in dead:
            at = int(np.searchsorted(behind, number, side="right"))
            index = number - int(behind[at]) + len(raws[at].values)
            told[at].append(Dead(int(raws[at].offsets[index]), reason, column, index))
        last = [int(mine[-1]) if len(mine) else before for mine, before in zip(arrivals, arrivals_us, strict=True)]
        some = len(good) + len(dead) < len(values)
        tombstones = [raw.values.count(None) if some else 0 for raw in raws]
        return DecodedAll(batch, np.searchsorted(good, behind).astype(np.int64), told, tombstones, last)


def _reading(layout: Layout, format: str, registry: Registry | None) -> Reading:  # noqa: A002
    if format == JSON:
        return Objects(layout.schema, layout.units)
    if format == AVRO:
        from operators.decode.avro import AvroRows

        return AvroRows(layout, registry)
    raise unknown("format", format, f"source '{layout.name}'", FORMATS)

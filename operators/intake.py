"""intake: the messages of a partition, as they come from Kafka, become what an archive takes.

Promises that each message is a row, a tombstone or a dead letter, or is left out because it was loaded; that a chunk is of one hour of
arrival; that a row which the partition's judge rejects is a row all the same and has a letter that says why. Arrival and the newest event
time go on from where the archive ended. It relies on the decoder for what is in a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from headrace.archive.layout import HOUR_US
from headrace.archive.letters import Letter, letter_of
from headrace.arrow import pc
from sources.consumer import RawBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from headrace.archive.ends import End
    from headrace.source import Source
    from operators.decode import Decoder

    Integers = np.ndarray[Any, np.dtype[np.int64]]

MIN64 = -(2**63)
NO_TIME, TOO_LATE, TOO_FAR_AHEAD = "no event time", "too late", "too far ahead of its arrival"


@dataclass(slots=True)
class Chunk:
    """Consecutive messages of one partition that arrived in one hour.

    `first_offset` to `next_offset` is what they account for, `first_arrival_us` and `arrival_us` are those of the first and last message,
    `newest_us` is the newest accepted event time behind them, None for none. `batch` has the source's columns, `_offset` and `_arrival`.
    """

    partition: int
    first_offset: int
    next_offset: int
    first_arrival_us: int
    arrival_us: int
    newest_us: int | None
    batch: pa.RecordBatch
    letters: list[Letter]
    messages: int
    tombstones: int


class Intake(StatefulBatchLogic[RawBatch, Chunk, None]):
    """The intake of one partition, which the first batch tells; `ends` is where the archive ended."""

    def __init__(self, source: Source, decoder: Decoder, ends: Mapping[int, End], skip_upto_us: int | None, skipped: Skipped) -> None:
        """`skip_upto_us` is the arrival of the last loaded row; `skipped` is told how many messages it leaves out."""
        self.source, self.decoder, self.ends = source, decoder, ends
        self.skip_upto_us = MIN64 if skip_upto_us is None else skip_upto_us
        self.skipped = skipped
        self.arrival_us: int | None = None
        self.newest_us = MIN64

    def on_batch(self, values: list[RawBatch]) -> tuple[Iterable[Chunk], bool]:
        """Chunks of what came."""
        return [chunk for raw in values for chunk in self._chunks(raw)], False

    def snapshot(self) -> None:
        """Nothing: the archive says where it ended."""

    def _chunks(self, raw: RawBatch) -> Iterator[Chunk]:
        if self.arrival_us is None:
            end = self.ends.get(raw.partition)
            self.arrival_us = MIN64 if end is None else end.arrival_us
            self.newest_us = MIN64 if end is None or end.newest_us is None else end.newest_us
        arrivals = np.maximum(np.maximum.accumulate(raw.timestamps_us), self.arrival_us)
        known = int(np.searchsorted(arrivals, self.skip_upto_us, side="right"))
        if known:
            self.skipped.skip(known)
            self.arrival_us = int(arrivals[known - 1])
        hours = arrivals[known:] // HOUR_US
        cuts = [known, *(np.flatnonzero(np.diff(hours)) + known + 1).tolist(), len(arrivals)]
        for first, behind in pairwise(cuts):
            if behind > first:
                yield self._chunk(_part(raw, first, behind), arrivals[first:behind])

    def _chunk(self, raw: RawBatch, arrivals: Integers) -> Chunk:
        decoded = self.decoder.decode(raw, int(arrivals[0]))
        letters = [letter_of(raw, dead.index, dead.reason, dead.field, int(arrivals[dead.index])) for dead in decoded.dead]
        rejected, self.newest_us = judged(self.source, decoded.batch, self.newest_us)
        if rejected:
            index_of = {int(offset): index for index, offset in enumerate(raw.offsets)}
            offsets = decoded.batch.column("_offset")
            for row, reason in rejected:
                index = index_of[offsets[row].as_py()]
                letters.append(letter_of(raw, index, reason, None, int(arrivals[index])))
        self.arrival_us = int(arrivals[-1])
        newest = None if self.newest_us == MIN64 else self.newest_us
        bounds = int(raw.offsets[0]), int(raw.offsets[-1]) + 1
        return Chunk(
            raw.partition, *bounds, int(arrivals[0]), self.arrival_us, newest, decoded.batch, letters, len(raw.values), decoded.tombstones
        )


class Skipped:
    """How many messages were left out because their rows were loaded."""

    messages = 0

    def skip(self, messages: int) -> None:
        """So many more."""
        self.messages += messages


def judged(source: Source, batch: pa.RecordBatch, newest_us: int) -> tuple[list[tuple[int, str]], int]:
    """The rows that the partition's judge rejects, with the reason, and the newest accepted event time behind the batch.

    The verdicts are those of `operators.kernels.judge`. A row that is too late cannot raise the newest event time, so that the running
    maximum over all others is that of the accepted ones, and no row has to wait for the verdict on the one before.
    """
    column = batch.column(source.time)
    times = column.cast(pa.int64()).fill_null(0).to_numpy()
    arrivals = batch.column("_arrival").cast(pa.int64()).to_numpy()
    missing = pc.is_null(column).to_numpy(zero_copy_only=False) if column.null_count else np.zeros(len(times), bool)
    ahead = ~missing & (times > arrivals + source.max_ahead_us)
    usable = ~missing & ~ahead
    newest = np.maximum.accumulate(np.concatenate([[newest_us], np.where(usable, times, MIN64)]))
    # the first event has nothing to be late against
    bound = np.maximum(newest[:-1], MIN64 + source.lateness_us) - source.lateness_us
    late = usable & (newest[:-1] != MIN64) & (times < bound)
    verdicts = ((missing, NO_TIME), (ahead, TOO_FAR_AHEAD), (late, TOO_LATE))
    return sorted((int(row), reason) for rows, reason in verdicts for row in np.flatnonzero(rows)), int(newest[-1])


def _part(raw: RawBatch, first: int, behind: int) -> RawBatch:
    if first == 0 and behind == len(raw.offsets):
        return raw
    at = slice(first, behind)
    return RawBatch(raw.topic, raw.partition, raw.offsets[at], raw.timestamps_us[at], raw.values[at], raw.keys[at], raw.received_s)

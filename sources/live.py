"""Kafka as the input of the live flow: one part for each worker, epochs, checkpoints, the stop.

A part counts its epochs; each `every`-th is a checkpoint, the same in the whole cluster, since an epoch begins nowhere before the one
before is through everywhere. Promises that the places a part notes for a checkpoint are those behind the last batch that it gave in that
epoch. It relies on Bytewax to call `snapshot` at the end of every epoch of a part, and on `Reader` for everything that is read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from headrace.errors import HeadraceError
from operators.shard import shard_keys
from operators.shares import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sources.identities import Entry
    from sources.partition import Place
    from sources.reader import Reader, Ready

Item = tuple[str, Share]
AWAKE_S = 0.001


class Desk(Protocol):
    """What the parts of a process report to, and ask."""

    def epoch(self, part: int) -> int | None:
        """A new epoch of a part begins: the number of its checkpoint, None where it is none."""
        ...

    def ends(self, part: int) -> bool:
        """Whether the epoch that has just ended is the part's last."""
        ...

    def ends_with(self, error: Exception) -> bool:
        """Reading has failed: whether the flow may come to its end and the error be raised behind it, without a panic of Bytewax's."""
        ...

    def gave(self, ready: Ready) -> None:
        """A batch goes into the flow."""
        ...

    def through(self, part: int) -> None:
        """A part that reads in the flow's thread is about to: what it gave is through, and can be written."""
        ...

    def noted(self, number: int, part: int, places: dict[tuple[str, int], Place], identities: list[Entry]) -> None:
        """A part has come to the end of a checkpoint, having seen `identities` since the one before."""
        ...


class LiveInput(FixedPartitionedSource[Item, int]):
    """The live input of `parts` workers; `open_reader(part)` gives the reader of one."""

    def __init__(self, parts: int, open_reader: Callable[[int], Reader], desk: Desk) -> None:
        self.parts, self.open_reader, self.desk = parts, open_reader, desk

    def list_parts(self) -> list[str]:
        """One a worker."""
        return [f"{part:02d}" for part in range(self.parts)]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> LivePart:  # noqa: ARG002  # Bytewax's signature
        """The part; where it goes on is the checkpoint's knowledge, not Bytewax's."""
        return LivePart(int(for_part), self.open_reader(int(for_part)), self.desk, together=self.parts == 1)


class LivePart(StatefulSourcePartition[Item, int]):
    """One worker's input."""

    def __init__(self, number: int, reader: Reader, desk: Desk, *, together: bool = False) -> None:
        """All shards may go `together` where there is one worker: what is done for all of them at once costs less then."""
        self.number, self.reader, self.desk = number, reader, desk
        self.places = {name: each.place for name, each in reader.partitions.items()}
        self.identities: list[Entry] = []
        self.checkpoint = desk.epoch(number)
        keys = shard_keys(reader.sharder.shards)
        self.keys = keys[:1] * len(keys) if together else keys
        self.asked = False
        self.ended = False
        self.empty = self.gave = False
        self.caught_up = False
        reader.start()

    def next_batch(self) -> Iterable[Item]:
        """The shares of the next batch; in an epoch that is a checkpoint every shard is told so once."""
        if self.ended:
            raise StopIteration
        try:
            ready = self._waiting()
        except HeadraceError as error:
            if not self.desk.ends_with(error):
                raise
            self.ended = True
            raise StopIteration from None
        self.empty, self.gave = ready is None, ready is not None
        number = None
        if self.checkpoint is not None and not self.asked:
            number, self.asked = self.checkpoint, True
        if ready is None:
            if number is None:
                return []
            caught_up = self.caught_up
            return [(key, Share(shard, self.number, checkpoint=number, caught_up=caught_up)) for shard, key in enumerate(self.keys)]
        self.places |= ready.places
        self.identities += ready.identities
        self.caught_up = ready.caught_up
        self.desk.gave(ready)
        items = []
        for shard, key in enumerate(self.keys):
            pieces = ready.pieces.get(shard, [])
            if pieces or ready.told is not None or number is not None:
                items.append((key, Share(shard, self.number, pieces, ready.told, number, ready.caught_up)))
        return items

    def _waiting(self) -> Ready | None:
        """All batches that wait, as one."""
        if self.reader.reads_here:
            self.desk.through(self.number)
        ready = self.reader.take(wait=not self.gave)
        while ready is not None and (more := self.reader.queued()) is not None:
            ready.add(more)
        return ready

    def next_awake(self) -> datetime | None:
        """Soon, where nothing waits."""
        return datetime.now(UTC) + timedelta(seconds=AWAKE_S) if self.empty else None

    def snapshot(self) -> int:
        """The end of an epoch."""
        if self.checkpoint is not None and self.asked:
            self.desk.noted(self.checkpoint, self.number, dict(self.places), self.identities)
            self.identities = []
        if not self.ended:
            self.ended = self.desk.ends(self.number)
            self.checkpoint, self.asked = self.desk.epoch(self.number), False
        return 0

    def close(self) -> Any:
        """End the reading."""
        self.reader.stop()

"""The archived log as a step of the flow: one for each partition, which writes what the intake gives.

Promises that nothing is published but whole files, by rows, bytes and age; that what was read is published when the flow ends. The files
are `headrace.archive.append`'s; the log keeps its own place, so that the step gives Bytewax nothing to recover.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from bytewax.operators import StatefulBatchLogic

from operators.intake import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.archive.append import Appender


class Shelf(Protocol):
    """Who has the ends of the log, and is told of what was taken and published."""

    def appender(self, partition: int) -> Appender:
        """The end of a partition's log."""
        ...

    def took(self, chunk: Chunk) -> None:
        """A chunk is in an open file."""
        ...

    def published(self, appender: Appender, offset: int) -> None:
        """A file was published; the log of its partition goes on at `offset`."""
        ...


class LogStep(StatefulBatchLogic[Chunk, Any, None]):
    """Writes one partition, which the first chunk tells."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.appender: Appender | None = None

    def on_batch(self, values: list[Chunk]) -> tuple[Iterable[Any], bool]:
        """Take chunks; blocks while a row group is encoded or a file published."""
        if self.appender is None:
            self.appender = self.shelf.appender(values[0].partition)
        for chunk in values:
            files = self.appender.files
            self.appender.append(chunk)
            if self.appender.files != files:
                # where the chunk began the next file, the log goes on before it
                pending = self.appender.pending
                self.shelf.published(self.appender, chunk.next_offset if pending is None else pending.first_offset)
            self.shelf.took(chunk)
        return [], False

    def on_notify(self) -> tuple[Iterable[Any], bool]:
        """The open file is old enough."""
        self._publish()
        return [], False

    def on_eof(self) -> tuple[Iterable[Any], bool]:
        """The flow ends: what was read is published."""
        self._publish()
        return [], False

    def notify_at(self) -> datetime | None:
        """When the open file ends by its age."""
        due_s = self.appender.due_s if self.appender is not None else None
        return None if due_s is None else datetime.fromtimestamp(due_s, UTC)

    def snapshot(self) -> None:
        """Nothing: the log says where it ends."""

    def _publish(self) -> None:
        if self.appender is not None and self.appender.publish() is not None:
            self.shelf.published(self.appender, self.appender.next_offset or 0)

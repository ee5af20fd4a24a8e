"""The dead letters of a live run: messages that cannot be decoded, or that their partition's log makes nothing of.

Promises that they are safe before a checkpoint behind them counts; that the archive's flow may write the same ones is no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.archive.letters import Letter, LetterBox

from .starting import log_of

if TYPE_CHECKING:
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from sources.consumer import RawBatch


class DeadLetters:
    """The letter boxes of a plan's sources; used by the threads of a process."""

    def __init__(self, repository: Repository, plan: Plan) -> None:
        self.boxes = {source.name: LetterBox(log_of(repository, source.name).folder) for source in plan.sources}

    def add(self, source: str, raw: RawBatch, index: int, reason: str, column: str | None) -> None:
        """One message is a dead letter."""
        at = int(raw.offsets[index])
        letter = Letter(raw.topic, raw.partition, at, reason, column, raw.keys[index], raw.values[index], int(raw.timestamps_us[index]))
        self.boxes[source].add([letter])

    def flush(self) -> None:
        """Make all of them safe; raises `StorageError`."""
        for box in self.boxes.values():
            box.flush()

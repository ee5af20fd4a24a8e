"""When the flow's thread reads its next batch: some milliseconds behind the beginning of the one before, more while few rows come.

Shorter turns cost processors and bring nothing sooner. A single small batch is chance on a busy topic, and what comes behind it is not to
wait for that: so what counts is how many rows there were lately.
"""

from __future__ import annotations

TURN_S, LONG_TURN_S, FEW_ROWS = 0.004, 0.01, 40
"""How far batches begin apart, and how far while they have fewer rows."""
LATELY = 1 / 8
"""How much one batch counts."""


class Turns:
    """The turns of one reader, by a clock of seconds."""

    def __init__(self) -> None:
        self.due_s = 0.0
        self.rows_lately = 0.0

    def early_s(self, now_s: float) -> float:
        """How long it is until the next batch may begin, negative where it may."""
        return self.due_s - now_s

    def began(self, now_s: float, rows: int) -> None:
        """A batch of so many rows, at least one, has begun then."""
        self.rows_lately += LATELY * (rows - self.rows_lately)
        self.due_s = now_s + (TURN_S if self.rows_lately >= FEW_ROWS else LONG_TURN_S)

"""A run as who began it sees it: one, however often its flow starts over.

Promises that a stop which is asked for while nothing runs, between two starts, holds for the next one.
"""

from __future__ import annotations

from typing import Any

from headrace.running.packing import Damaged


class GoingRun:
    """What a caller may ask of a run: `numbers()`, `desk.stop(reason)`, and whatever its `worker` of now has, or the last one had."""

    def __init__(self) -> None:
        self.worker: Any = None
        self.desk = self
        self.asked = self.anew = ""

    def goes_on(self, worker: Any) -> None:
        """This one computes from now on: the worker of this process, or a cluster."""
        self.worker, self.anew = worker, ""
        if self.asked:
            worker.desk.stop(self.asked)

    def stop(self, reason: str) -> None:
        """Have it end with a checkpoint; may be called by a signal handler."""
        self.asked = reason
        if self.worker is not None:
            self.worker.desk.stop(reason)

    @property
    def reason(self) -> str:
        """Why it ends, or has ended."""
        return self.asked or str(self.worker.desk.reason)

    @property
    def last_number(self) -> int:
        """The newest checkpoint that counts."""
        try:
            return int(self.worker.last_number)
        except Damaged:
            return 0

    def numbers(self) -> dict[str, Any]:
        """The numbers of its worker; in trouble while the state is made `anew`."""
        found: dict[str, Any] = self.worker.numbers()
        return found | {"trouble": self.anew} if self.anew else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self.__dict__.get("worker") is None:
            raise AttributeError(name)
        return getattr(self.worker, name)

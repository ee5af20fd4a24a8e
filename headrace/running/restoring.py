"""sequence, live, of a shard whose state may not be readable: what is damaged is told, and nothing is computed without it.

Promises that a shard whose state could not be read gives nothing, so that no store hears of a step that lacks what was before; the flow
comes to its end then, and no checkpoint of it counts.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError
from headrace.running.packing import Damaged
from operators.live import LiveSequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from headrace.running.desk import RunDesk
    from operators.messages import Slice
    from operators.shares import Share


@contextmanager
def damage_of(desk: RunDesk) -> Iterator[None]:
    """While it is entered, a flow that breaks over a damaged checkpoint ends with what was damaged, not with what Bytewax says of it."""
    try:
        yield
    # Bytewax's own, of whatever kind
    except Exception:
        if isinstance(desk.failure, Damaged):
            raise desk.failure from None
        raise


class RestoringSequence(LiveSequence):
    """The sequence of one shard; `ends_with` is told of what cannot be read, and says whether the flow may come to its end by itself."""

    def __init__(self, ends_with: Callable[[Exception], bool], *sequence: Any, **more: Any) -> None:
        super().__init__(*sequence, **more)
        self.ends_with = ends_with
        self.is_lost = False

    def on_batch(self, values: list[Share]) -> tuple[Iterable[Slice], bool]:
        """As `LiveSequence`; nothing where the state could not be read."""
        if self.is_lost:
            return [], False
        try:
            return super().on_batch(values)
        except HeadraceError as error:
            if not self.ends_with(error):
                raise
            self.is_lost = True
            return [], False

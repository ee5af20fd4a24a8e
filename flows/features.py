"""The one dataflow: from events to steps, rows and stores, live and in a replay.

`build` is called by every command that computes features; they differ in inputs and sinks alone. It relies on its input to send pieces
that were derived and split by shard, and marks behind them; on its sinks to be steps that keep their promise at `snapshot`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from operators.finish import Finish
from operators.rollup import KeyRollup, Rollup
from operators.sequence import Sequence as Sequenced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bytewax.inputs import Source
    from bytewax.operators import StatefulBatchLogic

    from headrace.plan.model import Plan
    from operators.layout import Layout
    from operators.live import Keeper
    from operators.state import KeyState


class _Nothing(StatelessSinkPartition[Any]):
    def write_batch(self, items: list[Any]) -> None:
        """Everything was written by the steps before."""


class Nowhere(DynamicSink[Any]):
    """The end of a flow whose sinks are steps."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Nothing:  # noqa: ARG002  # Bytewax's signature
        """One for each worker."""
        return _Nothing()


def build(
    plan: Plan,
    layouts: Sequence[Layout],
    inputs: Source[Any],
    sinks: Sequence[tuple[str, Callable[[Any], StatefulBatchLogic[Any, Any, Any]]]],
    *,
    readers: int = 0,
    sequence: Callable[[], StatefulBatchLogic[Any, Any, Any]] | None = None,
    bounds: tuple[int | None, int | None] = (None, None),
    checkpoint: Callable[[int, int, list[KeyRollup]], None] | None = None,
    restore: Callable[[int, Layout], KeyState | None] | None = None,
    keeper: Keeper | None = None,
    newest_only: bool = False,
) -> Dataflow:
    """The dataflow of a plan.

    Args:
        plan: what is computed.
        layouts: the layout of each key, all of one mode (rows of events, steps or probes).
        inputs: gives `(shard key, Piece | Mark)`, live `(shard key, Share)`.
        sinks: names and builders of steps that take `Rows` and `End` by shard and give nothing.
        readers: how many marks end a slice of a replay.
        sequence: makes the sequence of a shard in place of the replay's, which waits for the marks of all readers.
        bounds: the first instant (µs) of the rows that come out and the one behind the last, None for open.
        checkpoint: keeps the state of a shard behind a slice that asks for it.
        restore: the state that a shard starts from, by shard and layout; None for an empty one.
        keeper: keeps the state of a shard at the ends of epochs.
        newest_only: whether the sinks want no more of a slice than the newest step of each entity.
    """
    mode = layouts[0].mode

    def keys(shard: int) -> list[KeyRollup]:
        restored = [restore(shard, layout) if restore else None for layout in layouts]
        return [KeyRollup(plan, layout, bounds, state, newest_only=newest_only) for layout, state in zip(layouts, restored, strict=True)]

    flow = Dataflow("features")
    pieces = op.input("read", flow, inputs)
    slices = op.stateful_batch("sequence", pieces, lambda _: sequence() if sequence else Sequenced(readers))
    cells = op.stateful_batch("rollup", slices, lambda _: Rollup(keys, checkpoint, keeper))
    rows = op.flat_map_batch("finish", cells, Finish(plan, mode).all)
    for name, sink in sinks:
        op.output(f"{name}_done", op.stateful_batch(name, rows, sink), Nowhere())
    return flow

"""The flow that archives a topic: read, take in, write, keyed by the partition.

It has the shape of the flow of features: an input that reads with a thread of its own, operators, a sink that is a step. One item is a
batch of messages. It needs no recovery: the archive says where it ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.features import Nowhere

if TYPE_CHECKING:
    from collections.abc import Callable

    from bytewax.inputs import Source
    from bytewax.operators import StatefulBatchLogic


def build(
    inputs: Source[Any],
    intake: Callable[[], StatefulBatchLogic[Any, Any, Any]],
    writer: Callable[[], StatefulBatchLogic[Any, Any, Any]],
) -> Dataflow:
    """The dataflow.

    Args:
        inputs: gives `(partition, RawBatch)`.
        intake: makes the step that turns the messages of a partition into chunks.
        writer: makes the step that writes the chunks of a partition.
    """
    flow = Dataflow("archive")
    messages = op.input("read", flow, inputs)
    chunks = op.stateful_batch("intake", messages, lambda _: intake())
    op.output("write_done", op.stateful_batch("write", chunks, lambda _: writer()), Nowhere())
    return flow

"""Messages of a partition that have one stamp keep their order, whatever batches they come in."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from operators.kernels import tables as t
from operators.layout import build_layout
from operators.live import LiveSequence
from operators.messages import Rows
from operators.rollup import KeyRollup, Rollup
from operators.shares import Share
from sources.partition import Place
from tests.running.scripted import PARTITIONS, SOURCES, Scripted, make_reader


class Nobody:
    """Keeps nothing."""

    def restore(self, _: int) -> tuple[None, None, list[Any]]:
        """From the beginning."""
        return None, None, []

    def applied(self, _: Any) -> None:
        """It is not kept."""


@given(st.lists(st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 1)), max_size=4), min_size=1, max_size=5))
def test_rows_of_one_stamp(batches: list[list[tuple[str, int]]]) -> None:
    """The second partition of each source brings one entity, the first another; batches that wait go into the flow as one."""
    stamp_us, consumer, numbers = int(time.time()) * 1_000_000, Scripted(), dict.fromkeys(SOURCES, 0)
    reader = make_reader(consumer, dict.fromkeys(PARTITIONS, Place(5)))
    whole = None
    for batch in batches:
        for source, partition in batch:
            numbers[source] += partition
            consumer.come(source, partition, stamp_us, numbers[source], "ba"[partition])
        ready = reader._read(0.0)
        if whole is None:
            whole = ready
        elif ready is not None:
            whole.add(ready)
    assert whole is not None
    keeper: Any = Nobody()
    layouts = [build_layout(reader.plan, 0, t.STEPS)]
    rollup = Rollup(lambda _: [KeyRollup(reader.plan, layout, (None, None)) for layout in layouts], None)
    sequence = LiveSequence(reader.plan, PARTITIONS, keeper)
    slices, _ = sequence.on_batch([Share(shard, 0, pieces) for shard, pieces in whole.pieces.items()])
    steps = [step for item in rollup.on_batch(list(slices))[0] if isinstance(item, Rows) for step in item.batch.to_pylist() if step["k"] == "a"]
    cells = [cell.id for cell in reader.plan.groups[0].cells]
    seen = [[step[cell] for step in steps if step[cell] is not None] for cell in cells]
    assert all(values == sorted(values) for values in seen)
    assert sorted(max(values, default=0) for values in seen) == sorted(numbers.values())

"""Of what a call of the kernels writes, the last row of each entity is kept, whole and in its place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.state import Written, newest_of


@given(st.lists(st.integers(0, 9), max_size=40))
def test_the_last_row_of_each_entity(entities: list[int]) -> None:
    rows = len(entities)
    row = np.arange(rows)
    words, valid = np.stack([row, row * 2]), (np.stack([row, row + 1]) % 2).astype(np.uint8)
    written = Written(3, [rows], words, valid, np.array(entities, np.int64), row + 10, row + 20, row + 30, row - 1)
    kept = sorted({entity: at for at, entity in enumerate(entities)}.values())
    found = newest_of(written)
    assert (found.group, found.ends) == (3, [len(kept)])
    assert found.entity.tolist() == [entities[at] for at in kept]
    assert (found.words.tolist(), found.valid.tolist()) == (words[:, kept].tolist(), valid[:, kept].tolist())
    columns = [found.time, found.arrival, found.n, found.row]
    assert [column.tolist() for column in columns] == [[at + shift for at in kept] for shift in (10, 20, 30, -1)]

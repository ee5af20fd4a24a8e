"""Every aggregate over every shape of window: the brute-force loop and DuckDB agree."""

from __future__ import annotations

import pytest

from tests.oracle.compare import same
from tests.oracle.duck import duckdb_rows
from tests.oracle.every import SHAPES, every_feature, long_log
from tests.oracle.model import Group
from tests.oracle.rows import rows_of_events
from tests.oracle.strategies import COLUMNS


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("where", [None, "b"])
def test_every_aggregate_agrees_with_duckdb(shape: str, where: str | None) -> None:
    log = long_log(7, 10, partitions=2)
    group = Group(every_feature(SHAPES[shape], "a", where))
    mine = rows_of_events(log, group)
    assert len(mine) > 15
    for row, cells in zip(mine, duckdb_rows(log, group, COLUMNS), strict=True):
        for feature, ours, other in zip(group.features, row.values, cells, strict=True):
            assert same(ours, other, relative=1e-9, absolute=1e-9), (feature, row.event, ours, other)

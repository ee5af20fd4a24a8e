"""The names of the shards through Bytewax itself: who gets which, over several numbers of workers."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import pytest
from bytewax._bytewax import cluster_main
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import TestingSource

from flows.features import Nowhere
from operators.shard import FEW_SHARD_KEYS, FEW_SHARDS, SHARD_KEYS, SHARDS

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Seen(StatefulBatchLogic[Any, Any, None]):
    """Notes on which worker's thread a key is."""

    def __init__(self, where: dict[str, int]) -> None:
        self.where = where

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        self.where.update(dict.fromkeys(values, threading.get_ident()))
        return [], False

    def snapshot(self) -> None:
        return


def shards_by_worker(workers: int, names: tuple[str, ...] = SHARD_KEYS) -> list[int]:
    """How many shards each worker has, the fewest first."""
    where: dict[str, int] = {}
    flow = Dataflow("shards")
    keys = op.input("keys", flow, TestingSource([(key, key) for key in names]))
    op.output("end", op.stateful_batch("seen", keys, lambda _: _Seen(where)), Nowhere())
    cluster_main(flow, [], 0, epoch_interval=timedelta(0), worker_count_per_proc=workers)
    assert len(where) == len(names)
    found = Counter(where.values())
    return sorted([*found.values(), *[0] * (workers - len(found))])


@pytest.mark.parametrize("workers", [2, 4, 8, 16])
def test_shards_split_evenly_over_powers_of_two(workers: int) -> None:
    assert shards_by_worker(workers) == [SHARDS // workers] * workers


@pytest.mark.parametrize("workers", [3, 5, 6, 7, 12])
def test_shards_split_within_one_of_even_over_other_numbers(workers: int) -> None:
    fewest, *_, most = shards_by_worker(workers)
    assert most - fewest <= 1


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_few_shards_split_as_evenly(workers: int) -> None:
    fewest, *_, most = shards_by_worker(workers, FEW_SHARD_KEYS)
    assert most - fewest <= (0 if FEW_SHARDS % workers == 0 else 1)


def test_shards_have_different_names_in_the_order_of_their_numbers() -> None:
    assert len(set(SHARD_KEYS)) == SHARDS
    assert [int(key[:2]) for key in SHARD_KEYS] == list(range(SHARDS))

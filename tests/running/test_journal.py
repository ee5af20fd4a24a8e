"""The rows of a journal come back in their order, however they were packed, and what could not be written comes first the next time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.running.journal import MOST_ROWS, MOST_SHARES, Journal, Portion, read, written
from operators.messages import Piece
from operators.shares import Share

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


def share(first: int, rows: int) -> Share:
    """Rows numbered from `first`."""
    return Share(2, pieces=[Piece(0, 0, 0, (0, 0), pa.record_batch({"n": pa.array(range(first, first + rows), pa.int64())}))])


def numbers(portions: Sequence[Portion]) -> list[int]:
    """The numbers of the rows as a start reads them."""
    found = read([bytes(part.raw()) for part in written(portions)], "state-1")
    return [int(n.as_py()) for share in found for piece in share.pieces for n in piece.batch.column("n")]


@given(st.integers(0, 7), st.lists(st.integers(0, 40), max_size=300), st.data())
def test_rows_come_back_in_their_order(shard: int, sizes: list[int], data: st.DataObject) -> None:
    """Whenever the thread comes to pack, and wherever a checkpoint ends."""
    waiting: list[Portion] = []
    journal, wanted, got = Journal(shard, waiting.append), list[int](), list[int]()
    for size in sizes:
        journal.add(share(len(wanted), size), size)
        wanted += range(len(wanted), len(wanted) + size)
        what = data.draw(st.sampled_from(["nothing"] * 8 + ["pack", "checkpoint", "failure"]))
        if what == "pack" and waiting:
            waiting.pop(0).pack()
        elif what == "checkpoint":
            got += numbers(journal.take())
        elif what == "failure":
            portions = journal.take()
            written(portions)
            journal.put_back(portions)
    portions = journal.take()
    assert sum(portion.rows for portion in portions) == len(wanted) - len(got)
    assert got + numbers(portions) == wanted
    assert numbers(journal.take()) == []


def test_portions_are_packed_before_a_checkpoint_and_not_all_at_once() -> None:
    """Few shares of many rows, many of few; shards that get the same have theirs full in turns."""
    for count, size in ((MOST_SHARES, 1), (2, MOST_ROWS // 2)):
        packed_at = [packed_after(shard, 4 * count, size) for shard in range(4)]
        assert all(len(times) >= 4 for times in packed_at)
        if size == 1:
            assert not set.intersection(*map(set, packed_at))


@pytest.mark.parametrize("together", ["checkpoint", "many rows"])
def test_they_are_in_turns_again_when_all_were_cut_at_once(together: str) -> None:
    many = dict.fromkeys(range(MOST_SHARES), MOST_ROWS) if together == "many rows" else {}
    taken = {2 * MOST_SHARES} if together == "checkpoint" else set()
    packed_at = [[n for n in packed_after(shard, 6 * MOST_SHARES, 1, many, taken) if n > 2 * MOST_SHARES] for shard in range(4)]
    assert all(len(times) >= 3 for times in packed_at)
    assert len({n for times in packed_at for n in times}) == sum(map(len, packed_at))


def packed_after(shard: int, shares: int, rows: int, others: Mapping[int, int] | None = None, taken: Collection[int] = ()) -> list[int]:
    """Behind which of so many shares of so many rows a portion is packed; `others` have other rows, behind those `taken` is a checkpoint."""
    waiting: list[Portion] = []
    journal, found = Journal(shard, waiting.append), []
    for number in range(shares):
        count = (others or {}).get(number, rows)
        journal.add(share(number, 1), count)
        if number in taken:
            journal.take()
        if waiting:
            waiting.clear()
            found.append(number)
    return found


def test_the_thread_and_a_checkpoint_do_not_pack_a_portion_twice() -> None:
    """A portion that is packed has given its shares back."""
    with ThreadPoolExecutor(1) as pool:
        hold = threading.Event()
        pool.submit(hold.wait)
        journal = Journal(0, lambda portion: pool.submit(portion.pack))
        for n in range(3 * MOST_SHARES):
            journal.add(share(n, 1), 1)
        portions = journal.take()
        assert [len(portion.shares) for portion in portions] == [MOST_SHARES] * 3
        hold.set()
        pool.submit(int).result()
        assert [len(portion.shares) for portion in portions] == [0, 0, 0]
        before: Any = [portion.data for portion in portions]
        assert numbers(portions) == list(range(3 * MOST_SHARES))
        assert all(portion.data is data for portion, data in zip(portions, before, strict=True))

"""The flow waits for no file, no row is in a chain twice or missing from it, and what is made beside the flow stays until it counts."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from headrace.errors import StorageError
from headrace.running.checkpoints import Checkpoints, Complete, Link
from headrace.running.compaction import MOST_LINKS, SHORTEST_ROWS, Compaction, tail
from headrace.running.journal import MOST_SHARES
from headrace.running.keeper import MOST_FULL, FileKeeper
from headrace.running.making import rows_at
from headrace.running.packing import Damaged, packed, unpacked
from operators.messages import Piece
from operators.shares import Share

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.running.making import Order




class Nothing:
    """A state of a key without an entity."""

    entities = size_bytes = 0

    @property
    def state(self) -> Nothing:
        """Itself."""
        return self


def share(*numbers: int) -> Share:
    """Rows with these numbers, of shard 0."""
    return Share(0, pieces=[Piece(0, 0, 0, (0, 0), pa.record_batch({"n": list(numbers)}))])


def sealed(keeper: FileKeeper, number: int) -> None:
    """A checkpoint of shard 0, as the operators report it."""
    keeper.seal(number, 0, lambda: {"held": []})
    keeper.keep(0, [Nothing()])   # type: ignore[list-item]


def rows(checkpoints: Checkpoints, chain: list[Link]) -> list[list[int]]:
    """The numbers in each link of a chain."""
    found = [rows_at(checkpoints, link, ())[0] for link in chain]
    return [[] if each is None else [int(n.as_py()) for piece in each.pieces for n in piece.batch.column("n")] for each in found]


def make_keeper(checkpoints: Checkpoints, compaction: Compaction | None = None) -> FileKeeper:
    """A keeper of shard 0."""
    return FileKeeper(checkpoints, [], [], [], None, compaction=compaction)


def test_a_slow_disk_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    keeper = make_keeper(checkpoints)
    goes_on = threading.Event()
    write = Checkpoints.write_parts

    def slow(self: Checkpoints, *arguments: Any) -> Any:
        assert goes_on.wait(10)
        return write(self, *arguments)

    monkeypatch.setattr(Checkpoints, "write_parts", slow)
    begun = time.monotonic()
    for number in (1, 2, 3):
        keeper.applied(share(number))
        sealed(keeper, number)
    assert time.monotonic() - begun < 5
    assert keeper.shards[0].links == []
    threading.Timer(0.05, goes_on.set).start()
    keeper.is_last = lambda number: number == 4
    keeper.applied(share(4))
    sealed(keeper, 4)
    keeper.close()
    assert rows(checkpoints, keeper.shards[0].links) == [[1], [2, 3, 4]]
    assert sorted(name for name in checkpoints.folder.names() if name.startswith("note")) == [
        "note-000000000001-shards-0.json", "note-000000000004-shards-0.json",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["write_parts", "note_shards"])
def test_what_could_not_be_noted_is_in_the_next_one_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    keeper = make_keeper(checkpoints)
    inner, failures = getattr(Checkpoints, method), iter([OSError(28, "No space left on device"), ValueError("what nobody thought of")])

    def fails(self: Checkpoints, *arguments: Any) -> Any:
        for error in failures:
            raise error
        return inner(self, *arguments)

    monkeypatch.setattr(Checkpoints, method, fails)
    said = []
    for number in (1, 2, 3, 4):
        keeper.applied(share(number))
        sealed(keeper, number)
        keeper.settle()
        said.append(keeper.trouble)
    keeper.close()
    assert said == ["[Errno 28] No space left on device", "what nobody thought of", None, None]
    assert rows(checkpoints, keeper.shards[0].links) == [[1, 2, 3], [4]]


def test_a_flow_with_time_packs_its_journal_itself_and_never_what_is_being_written(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    keeper = make_keeper(checkpoints)
    hold = threading.Event()
    keeper._pool.submit(hold.wait, 10)

    def packed_yet() -> list[bool]:
        return [not portion.shares for portion in keeper.shards[0].journal.portions]

    for n in range(2 * MOST_SHARES):
        keeper.applied(share(n))
    assert packed_yet() == [False, False]
    keeper.pack_one()
    assert packed_yet() == [True, False]
    sealed(keeper, 1)
    taken = keeper._round.kept[0][0]   # type: ignore[union-attr]
    keeper.pack_one()
    assert [not portion.shares for portion in taken] == [True, False]
    # without the flow's help somebody else does it, when many wait
    for n in range((MOST_FULL + 2) * MOST_SHARES):
        keeper.applied(share(n))
    hold.set()
    keeper.settle()
    assert packed_yet() == [True, True] + [False] * MOST_FULL
    sealed(keeper, 2)
    keeper.close()
    wanted = [list(range(2 * MOST_SHARES)), list(range((MOST_FULL + 2) * MOST_SHARES))]
    assert rows(checkpoints, keeper.shards[0].links) == wanted


class Slow:
    """Makes nothing but a file, when it is told to; may fail first."""

    def __init__(self, checkpoints: Checkpoints, *failures: Exception) -> None:
        self.checkpoints, self.failures = checkpoints, list(failures)
        self.orders: list[Order] = []
        self.begun = 0
        self.goes_on = threading.Semaphore(0)

    def begin(self) -> None:
        """Nothing is to be started."""
        self.begun += 1

    def hurry(self, much: bool) -> None:
        """It is as fast as it is."""

    def make(self, order: Order) -> Link:
        """The link to it."""
        self.orders.append(order)
        assert self.goes_on.acquire(timeout=10)
        if self.failures:
            raise self.failures.pop(0)
        data = packed(("made of", order.links))
        self.checkpoints.write(order.name, data)
        return Link(order.name, 0, data.size, order.whole)

    def close(self) -> None:
        """Whatever it does is over."""
        self.goes_on.release()


def test_what_is_made_waits_for_the_next_checkpoint_and_stays_until_it_counts(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    maker = Slow(checkpoints, StorageError("the disk is full"))
    compaction = Compaction(checkpoints, maker)
    keeper = make_keeper(checkpoints, compaction)

    def checkpoint(number: int, *numbers: int) -> Complete:
        keeper.applied(share(*numbers))
        sealed(keeper, number)
        keeper.settle()
        complete = Complete(number, {}, [], {0: list(keeper.shards[0].links)})
        checkpoints.tidy(complete)
        return complete

    def made() -> None:
        maker.goes_on.release()
        compaction.settle()

    checkpoint(1, *range(SHORTEST_ROWS))
    checkpoint(2, 1, 2, 3)
    assert [(order.whole, len(order.links)) for order in maker.orders] == [(True, 1)]
    made()
    said = [keeper.trouble]
    checkpoint(3, 4)
    assert [(order.whole, len(order.links)) for order in maker.orders[1:]] == [(True, 3)]
    made()
    assert [*said, keeper.trouble] == ["a whole state cannot be made beside the flow: the disk is full", None]
    name = maker.orders[1].name
    # a checkpoint that was noted before counts now
    checkpoints.tidy(Complete(3, {}, [], {0: list(maker.orders[1].links)}))
    assert {name, *(link.file for link in maker.orders[1].links)} <= set(checkpoints.folder.names())
    complete = checkpoint(4, 5)
    assert [link.file for link in complete.shards[0]] == [name, "state-000000000004-00"]
    assert {n for n in checkpoints.folder.names() if not n.startswith("note")} == {name, "state-000000000004-00"}
    assert (compaction.states, keeper.journal_rows) == (1, 1)
    checkpoints.write(checkpoints.made_name(4, 0), b"left over")
    (tmp_path / "state" / ".draft.part").write_bytes(b"left over")
    checkpoints.tidy(complete, all_others=True)
    assert {path.name for path in (tmp_path / "state").iterdir()} == {name, "state-000000000004-00"}
    keeper.close()


def test_a_start_has_made_what_is_half_due(tmp_path: Path) -> None:
    """At once and without rests, and only then: what is due later is made beside the flow, with rests."""
    checkpoints = Checkpoints(str(tmp_path / "state"))
    half = SHORTEST_ROWS // 2
    parts = {shard: packed(([], [], ())) for shard in (0, 1, 2)}
    chains = {shard: [replace(link, rows=half + shard - 1)] for shard, link in checkpoints.write_parts(1, 0, parts, dict.fromkeys(parts, 0)).items()}

    def begun(last: int) -> tuple[Slow, FileKeeper]:
        maker = Slow(checkpoints)
        start = Complete(1, {}, [], {shard: chains[shard] for shard in range(last + 1)})
        keeper = FileKeeper(checkpoints, [], [], [], start, compaction=Compaction(checkpoints, maker))
        for shard in start.shards:
            keeper.restore(shard)
        for shard in start.shards:
            assert maker.orders == []
            keeper.keep(shard, [Something()])   # type: ignore[list-item]
        keeper.settle()
        maker.goes_on.release()
        keeper.compaction.settle()   # type: ignore[union-attr]
        return maker, keeper

    maker, keeper = begun(0)
    assert (maker.begun, maker.orders) == (1, [])
    keeper.close()
    maker, keeper = begun(2)
    assert [(order.shard, order.whole, order.hurries) for order in maker.orders] == [(2, True, True)]
    keeper.applied(Share(1, pieces=share(7).pieces))
    keeper.seal(2, 1, lambda: {"held": []})
    for shard in (0, 1, 2):
        keeper.keep(shard, [Something()])   # type: ignore[list-item]
    keeper.settle()
    assert len(maker.orders) == 1
    keeper.close()


class Something(Nothing):
    """A state with some."""

    entities = size_bytes = 1000


def test_many_short_links_become_one(tmp_path: Path) -> None:
    """No link is written over and over: each row some ten times at most in a thousand checkpoints."""
    checkpoints = Checkpoints(str(tmp_path / "state"))
    chain = [Link("state-000000000000-00", 0, 10_000_000, True)]
    moved = longest = 0
    for number in range(1, 1001):
        chain.append(Link(f"state-{number:012d}-00", 0, 100, False, 2))
        if len(chain) > MOST_LINKS:
            links = tail(chain)
            assert chain[-len(links) :] == links
            moved += sum(link.size for link in links)
            size, count = sum(link.size for link in links), sum(link.rows for link in links)
            chain[-len(links) :] = [Link(checkpoints.made_name(number, 0), 0, size, False, count)]
        longest = max(longest, len(chain))
    assert longest <= MOST_LINKS + 1
    assert moved <= 10 * 1000 * 100
    assert sum(link.rows for link in chain) == 2000


def test_falling_behind_is_said(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path / "state"))
    maker = Slow(checkpoints)
    compaction = Compaction(checkpoints, maker)
    chains = {0: [Link("state-000000000001-00", 0, 10, False, 9 * SHORTEST_ROWS)], 1: [Link("state-000000000001-00", 10, 10, False, 7)]}
    compaction.consider(chains, {0: 0, 1: 0})
    said = [compaction.trouble]
    assert maker.orders[0].shard == 0
    compaction.consider(chains, {0: 128 * 9 * SHORTEST_ROWS, 1: 0})
    assert [*said, compaction.trouble] == [f"whole states are made too slowly: a start would have {9 * SHORTEST_ROWS + 7:,} rows to apply", None]
    compaction.close()


def test_damage_is_told() -> None:
    whole = b"".join(buffer.to_pybytes() for buffer in packed({"rows": share(1, 2), "text": "x" * 1000}).buffers)
    assert unpacked(whole)["rows"].pieces[0].batch.column("n").to_pylist() == [1, 2]
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 8, 30, len(whole) // 2, len(whole) - 1)]
    for bad in (b"", whole[:7], whole[:8], whole[:50], whole[:-1], whole + b"!", *flipped):
        with pytest.raises(Damaged, match=r"^the checkpoint file s3://b/made-1 is damaged: ") as told:
            unpacked(bad, "s3://b/made-1")
        assert told.value.path == "s3://b/made-1"

"""Pages of a mapped file that are made ready: writes to them are no faults, and a store asks for it where it pays."""

from __future__ import annotations

import mmap
import resource
import sys
from typing import TYPE_CHECKING

import pytest

from sinks import environment
from sinks.environment import Environment
from sinks.pages import make_writable

if TYPE_CHECKING:
    from pathlib import Path

PAGES = 2_000

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes pages ready to be written")


def faults_of_writing(file: Path, ready: int) -> tuple[int, bytes]:
    """How many faults it takes to write to every page of a file that was synced, of which so many bytes are made ready; and the file."""
    file.write_bytes(bytes(PAGES * mmap.PAGESIZE))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped:
        mapped[:] = b"\x07" * len(mapped)
        mapped.flush()
        if ready:
            assert make_writable(file, ready)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for page in range(0, PAGES * mmap.PAGESIZE, mmap.PAGESIZE):
            mapped[page] = 1
        faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
    return faults, file.read_bytes()


@linux
def test_pages_that_are_ready_take_no_faults(tmp_path: Path) -> None:
    whole, after = faults_of_writing(tmp_path / "a", PAGES * mmap.PAGESIZE)
    half, _ = faults_of_writing(tmp_path / "b", PAGES // 2 * mmap.PAGESIZE)
    none, _ = faults_of_writing(tmp_path / "c", 0)
    assert whole <= PAGES // 100
    # a file system in memory protects nothing, and others large pages as one
    assert whole < half < 0.7 * none or none <= PAGES // 100
    assert after == (b"\x01" + b"\x07" * (mmap.PAGESIZE - 1)) * PAGES


def test_a_file_that_is_not_mapped_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\x07" * mmap.PAGESIZE)
    assert not make_writable(file, mmap.PAGESIZE)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ):
        assert not make_writable(file, mmap.PAGESIZE)


def test_a_store_has_its_pages_ready_where_most_are_written_to_between_two_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def made(file: Path, size: int) -> bool:
        asked.append(size)
        return make_writable(file, size)

    monkeypatch.setattr(environment, "make_writable", made)
    store = Environment.of(tmp_path / "store", read_only=False)
    try:
        keys = [f"{at:06d}".encode() for at in range(5_000)]

        def write(some: list[bytes], value: bytes) -> None:
            store.change(lambda transaction: [transaction.put(key, value) for key in some], len(some))
            store.sync()

        write(keys, b"one")
        size = (tmp_path / "store" / "data.mdb").stat().st_size
        assert [0 < each <= size for each in asked] == [True]
        write(keys[:10], b"two")
        assert len(asked) == 1, "few of the pages are written to"
        monkeypatch.setattr(environment, "HOT_BYTES", 4 * mmap.PAGESIZE)
        write(keys, b"three")
        assert len(asked) == 1, "the store is too large"
        assert store.look(lambda transaction: [transaction.get(key) for key in keys]) == [b"three"] * len(keys)
        monkeypatch.undo()
        (tmp_path / "store" / "data.mdb").unlink()
        # who removes the file of a store that is open does not end the flow
        store.change(lambda transaction: transaction.put(keys[0], b"four"), 1_000_000)
        store.sync()
    finally:
        store.release()

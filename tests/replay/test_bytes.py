"""The same data files, byte for byte, for any number of threads and processes and any size of batches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from replay.files import replay_files
from tests.replay.shop import OPTIONS, digests, labels

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.repository import Repository

# what is asked, and what is more than one source, key or group of it
QUESTIONS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "events of one group": (["activity"], {"rows": "events"}),
    "events of several groups": (["money", "popular", "pair"], {"rows": "events"}),
    "steps of several groups": (["activity", "money", "popular"], {"rows": "steps"}),
    "a spine through a service": (["ranking"], {"spine": labels(), "time": "at"}),
    "a spine that asks before": (["ranking"], {"spine": labels(), "time": "at", "before": True}),
}
WAYS: dict[str, dict[str, Any]] = {
    "four threads": {"options": replace(OPTIONS, workers=4)},
    "batches of one row": {"options": replace(OPTIONS, batch_rows=1)},
    "batches of seven rows": {"options": replace(OPTIONS, batch_rows=7, threads=1)},
    "batches of 65,536 rows": {"options": replace(OPTIONS, batch_rows=65_536, threads=5)},
}


def write(shop: Repository, question: str, out: Path, **how: Any) -> dict[str, str]:
    """Replay into `out`; the digests of all files there."""
    names, what = QUESTIONS[question]
    arguments: dict[str, Any] = {"options": OPTIONS, **what, **how}
    summary = replay_files(shop, shop.resolve(names), str(out), **arguments)
    assert not summary.complete_before
    assert summary.rows > 250
    return digests(out)


@pytest.fixture(scope="module")
def written(shop: Repository, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The files that one thread writes, by question."""
    return {question: write(shop, question, tmp_path_factory.mktemp("one") / "out") for question in QUESTIONS}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("question", list(QUESTIONS)[:4])
def test_files_have_the_same_bytes(shop: Repository, written: dict[str, dict[str, str]], tmp_path: Path, question: str, way: str) -> None:
    assert write(shop, question, tmp_path / "out", **WAYS[way]) == written[question]


@pytest.mark.parametrize("question", list(QUESTIONS)[1:])
def test_two_processes_write_the_same_bytes(shop: Repository, written: dict[str, dict[str, str]], tmp_path: Path, question: str) -> None:
    assert write(shop, question, tmp_path / "out", processes=2) == written[question]


def test_more_processes_than_have_anything_to_do_write_the_same_bytes(
    shop: Repository, written: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    question = "events of one group"
    assert write(shop, question, tmp_path / "out", processes=3, options=replace(OPTIONS, workers=2)) == written[question]


@pytest.mark.parametrize("rows", ["events", "steps"])
def test_the_rows_of_other_slices_and_readers_are_the_same(shop: Repository, tmp_path: Path, rows: str) -> None:
    """How a replay is cut decides which file a row is in, never the row."""

    def rows_of(**options: Any) -> list[Any]:
        out = tmp_path / "-".join(f"{k}{v}" for k, v in options.items())
        replay_files(shop, shop.resolve(["activity"]), str(out), rows=rows, options=replace(OPTIONS, **options))
        table = pq.read_table(out)
        return sorted(table.to_pylist(), key=repr)

    expected = rows_of(slice_rows=10_000_000)
    assert len(expected) > 900
    assert rows_of(slice_rows=1, checkpoint_slices=3) == expected
    assert rows_of(slice_rows=250, readers=11, checkpoint_slices=1) == expected

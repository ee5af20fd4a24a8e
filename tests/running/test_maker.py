"""A process makes whole states beside the flow: it may die, it tells what it cannot do, and it ends with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import headrace.running.compaction as compacting
from headrace.errors import StorageError
from headrace.running.checkpoints import Checkpoints
from headrace.running.maker import MakerDied, MakerProcess
from headrace.running.making import Order
from replay.tables import archive_logs
from tests.replay.shop import make_shop
from tests.running.line import played
from tests.running.live import replayed, run_live
from tests.running.test_live import NAMES, same_ends
from tests.running.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.running.making import Making


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Groups and their logs."""
    repository = make_shop(tmp_path_factory.mktemp("shop"), rows=600, unique_clicks=True)
    groups = [repository.groups[name] for name in NAMES]
    return groups, archive_logs(repository, groups)


@pytest.fixture
def maker(logs: Any, tmp_path: Path) -> Iterator[tuple[MakerProcess, Making, Order]]:
    """A process, what it does, and something to do."""
    groups, found = logs
    checkpoints = Checkpoints(str(tmp_path / "state"))
    whole = played(groups, Topics(found), checkpoints, 3, 20)
    process = MakerProcess(lambda: whole.shards.making)
    chain = tuple(whole.chains[-1][0])
    yield process, whole.shards.making, Order(0, chain, True, checkpoints.made_name(chain[-1].number, 0))
    process.close()


def test_it_makes_what_is_made_here(maker: Any) -> None:
    process, making, order = maker
    link = process.make(order)
    there, here = making.state((link,)), making.state(order.links)
    for one, other in zip(there["keys"], here["keys"], strict=True):
        assert {name: array.shape for name, array in one.items()} == {name: array.shape for name, array in other.items()}
        assert all((one[name] == other[name]).all() for name in ("scalars", "slots", "alive", "record", "text_data"))


def test_it_dies_and_another_begins(maker: Any) -> None:
    process, _, order = maker
    process.make(order)
    process._process.kill()
    with pytest.raises(MakerDied, match="its process ended with -9: it said nothing"):
        process.make(order)
    assert process.make(order).file == order.name


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system knows no work that waits for idle processors")
def test_it_takes_what_processors_are_left_over_unless_it_falls_behind(maker: Any) -> None:
    process, _, order = maker
    process.begin()
    assert os.sched_getscheduler(process._process.pid) == os.SCHED_IDLE
    process.hurry(True)
    assert os.sched_getscheduler(process._process.pid) == os.SCHED_OTHER
    assert process.make(order).file == order.name
    process._process.kill()
    with pytest.raises(MakerDied):
        process.make(order)
    process.begin()
    assert os.sched_getscheduler(process._process.pid) == os.SCHED_OTHER
    process.hurry(False)
    assert os.sched_getscheduler(process._process.pid) == os.SCHED_IDLE


def test_it_says_what_it_cannot_do(maker: Any) -> None:
    process, making, order = maker
    Path(making.checkpoints.folder.path(order.links[0].file)).unlink()
    with pytest.raises(StorageError, match=r"cannot read .*state-000000000001-00"):
        process.make(order)
    Path(making.checkpoints.folder.path(order.links[1].file)).write_bytes(b"nonsense")
    with pytest.raises(StorageError, match=r"damaged|cannot read"):
        process.make(Order(0, order.links[1:], False, order.name))


def test_a_run_goes_on_from_what_a_process_has_made(logs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups, found = logs
    monkeypatch.setattr(compacting, "SHORTEST_ROWS", 10)
    state, topics = Checkpoints(str(tmp_path / "state")), Topics(found)
    ran = run_live(groups, topics, state, every=5, idle_s=4.0, maker=lambda making: MakerProcess(lambda: making))
    assert ran.compaction.states > 0
    complete = state.newest()
    assert complete is not None
    assert any(chain[0].is_base for chain in complete.shards.values())
    again = run_live(groups, topics, state, every=5)
    same_ends(groups, {name: ran.steps[name] + again.steps[name] for name in NAMES}, replayed(groups, found))


PARENT = """
import os, pickle, sys, threading, time
from headrace.running.maker import MakerProcess
making, order = pickle.loads(open(sys.argv[1], "rb").read())
process = MakerProcess(lambda: making)
process.make(order)
print(process._process.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_its_parent(maker: Any, tmp_path: Path) -> None:
    import pickle

    _, making, order = maker
    (tmp_path / "told").write_bytes(pickle.dumps((making, order)))
    command = [sys.executable, "-c", PARENT, str(tmp_path / "told")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_there(pid)
        parent.kill()
    until = time.monotonic() + 10
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_there(pid)


def is_there(pid: int) -> bool:
    """Whether a process lives; one that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

"""A checkpoint that somebody has damaged is known for one, by the name of the file, before a step is told that lacks what was in it."""

from __future__ import annotations

import io
import json
import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import headrace.running.compaction as compacting
from headrace.archive import Folder
from headrace.errors import Unreachable
from headrace.running.checkpoints import Checkpoints
from headrace.running.kept import checkpoint_of, what_is_kept
from headrace.running.packing import Damaged
from operators.keys import words_of
from replay.tables import archive_logs
from tests.replay.shop import make_shop
from tests.running.live import replayed, run_live
from tests.running.topics import Topics
from tests.storage.conftest import bucket, s3_server

if TYPE_CHECKING:
    from headrace.groups import FeatureGroup

__all__ = ["bucket", "s3_server"]

NAMES = ("activity", "money")
HOWS = ("gone", "empty", "cut", "longer", "flipped", "other")


class Stopped:
    """A run in the middle of its logs: its folder, and what a test needs to go on with it."""

    def __init__(self, folder: Path) -> None:
        shop = make_shop(folder / "shop", rows=600, unique_clicks=True)
        self.groups: list[FeatureGroup] = [shop.groups[name] for name in NAMES]
        logs = archive_logs(shop, self.groups)
        self.topics = Topics(logs)
        self.path = folder / "state"
        arrivals = {name: words_of(table.column("_arrival")) for name, table in self.topics.tables.items()}
        first, end = min(int(each[0]) for each in arrivals.values()), self.topics.end_us
        self.topics.end_us = (first + end) // 2
        upto = {name: int(np.searchsorted(each, self.topics.end_us, side="right")) for name, each in arrivals.items()}
        run_live(self.groups, self.topics, Checkpoints(str(self.path)), every=3, upto=upto, portion=20)
        self.topics.end_us = end
        self.steps = {name: [cells(step) for step in steps] for name, steps in replayed(self.groups, logs).items()}

    def go_on(self, checkpoints: Checkpoints, workers: int = 1) -> None:
        """Read the rest of the logs."""
        run_live(self.groups, self.topics, checkpoints, workers=workers)


def cells(step: dict[str, Any]) -> dict[str, Any]:
    """A step as a live run and a replay alike write it."""
    return {name: step[name] for name in step if not name.startswith(("cell:", "_")) and name not in {"arrival", "n"}}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """A run that was stopped, with whole states, rows behind them and identities in its checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compacting, "SHORTEST_ROWS", 10)
        return Stopped(tmp_path_factory.mktemp("stopped"))


@pytest.fixture
def state(stopped: Stopped, tmp_path: Path) -> Checkpoints:
    """A copy of its checkpoint."""
    return Checkpoints(str(shutil.copytree(stopped.path, tmp_path / "state")))


def needed(checkpoints: Checkpoints, kind: str) -> str:
    """A file of a kind that the newest checkpoint needs."""
    complete = checkpoints.newest()
    assert complete is not None
    files = {link.file for links in complete.shards.values() for link in links} | {name for names in complete.identities for name in names}
    return max(name for name in files | {complete.file, "format.json"} if name.startswith(kind))


def damage(checkpoints: Checkpoints, name: str, how: str) -> None:
    """Do so to a file."""
    path = Path(checkpoints.folder.path(name))
    whole = path.read_bytes()
    at = len(whole) * 2 // 3
    path.unlink()
    if how != "gone":
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        path.write_bytes({"empty": b"", "cut": whole[:-1], "longer": whole + b"!", "flipped": flipped, "other": b"x" * len(whole)}[how])


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("kind", ["state", "made", "ids", "complete", "format"])
def test_damage_is_found_and_named(stopped: Stopped, state: Checkpoints, kind: str, how: str) -> None:
    name = needed(state, kind)
    damage(state, name, how)
    if (kind, how) in {("complete", "gone"), ("state", "longer"), ("made", "longer")}:
        # it never counted; what is behind the last link is nobody's
        assert checkpoint_of(state, what_is_kept(stopped.groups))[1] is None
        return
    found, reason = checkpoint_of(state, what_is_kept(stopped.groups))
    early = how in {"gone", "empty"} or kind in {"complete", "format"} or (how == "cut" and kind != "ids")
    assert (found is None) == early
    if found is None:
        assert reason is not None
        assert (f"{state.folder.uri}/{name} is damaged: " in reason) or (kind, how) == ("format", "flipped")
        return
    with pytest.raises(Damaged) as told:
        stopped.go_on(state)
    assert str(told.value).startswith(f"the checkpoint file {state.folder.uri}/{name} is damaged: ")
    assert state.newest() == found


@pytest.mark.parametrize("gone", ["complete", "state"])
def test_a_checkpoint_that_a_run_beside_replaces_is_not_damaged(state: Checkpoints, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the folder and the reading a newer one counts, and files of the old one are taken away."""
    old = state.newest()
    assert old is not None
    name, missing = f"complete-{old.number + 1:012d}-00000bed.json", needed(state, gone)
    read, replaced = Checkpoints.read, list[str]()

    def beside(self: Checkpoints, of: str, *rest: Any) -> bytes:
        if not replaced and of == old.file:
            replaced.append(of)
            newer = Path(state.folder.path(name))
            if gone == "complete":
                Path(state.folder.path(of)).rename(newer)
            else:
                shutil.copy(state.folder.path(of), newer)
                moved = json.loads(newer.read_bytes())
                moved.pop("crc32")
                for links in moved["shards"].values():
                    links[:] = [["moved", *link[1:]] if link[0] == missing else link for link in links]
                newer.write_text(json.dumps(moved | {"crc32": zlib.crc32(json.dumps(moved).encode())}))
                Path(state.folder.path(missing)).rename(state.folder.path("moved"))
        return read(self, of, *rest)

    monkeypatch.setattr(Checkpoints, "read", beside)
    found = state.newest(with_files=True)
    assert found is not None
    assert (found.file, found.places, replaced) == (name, old.places, [old.file])


@pytest.mark.parametrize("how", ["flipped", "other"])
@pytest.mark.parametrize("kind", ["state", "made"])
def test_no_step_is_told_without_what_was_before(stopped: Stopped, state: Checkpoints, kind: str, how: str) -> None:
    damage(state, needed(state, kind), how)
    with pytest.raises(Damaged) as told:
        stopped.go_on(state)
    for index, name in enumerate(NAMES):
        steps = [cells(row) for batch in told.value.told.batches.get(index, []) for row in batch.to_pylist()]
        assert [step for step in steps if step not in stopped.steps[name]] == []


def test_one_of_several_workers_finds_it(stopped: Stopped, state: Checkpoints) -> None:
    """The flow breaks, and what is told is the damage all the same."""
    name = needed(state, "state")
    damage(state, name, "flipped")
    with pytest.raises(Damaged, match=name):
        stopped.go_on(state, workers=2)


def test_a_note_that_does_not_count_is_nobodys(stopped: Stopped, state: Checkpoints) -> None:
    state.write("note-000000000999-shards-0.json", b"{")
    stopped.go_on(state)


def test_a_store_that_does_not_answer_is_not_damaged(stopped: Stopped, state: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise Unreachable("the store does not answer")

    before = state.newest()
    monkeypatch.setattr(Checkpoints, "read_part", fails)
    with pytest.raises(Unreachable):
        stopped.go_on(state)
    assert state.newest() == before


def test_a_store_that_answers_in_part_is_not_damaged(state: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size)[:5]

    complete = state.newest()
    assert complete is not None
    link = complete.shards[0][0]
    whole = Path(state.folder.path(link.file)).read_bytes()
    state.folder.local = False
    monkeypatch.setattr(Folder, "open", lambda *_: pa.PythonFile(Short(whole), mode="r"))
    with pytest.raises(Unreachable, match=f"cannot read .*: 5 bytes came, of {link.size:,}"):
        state.read_part(link)


def test_a_folder_that_is_gone_is_not_damaged(state: Checkpoints) -> None:
    """Its disk may be away."""
    complete = state.newest()
    assert complete is not None
    shutil.rmtree(state.folder.uri)
    with pytest.raises(Exception, match="cannot read") as told:
        state.read_part(complete.shards[0][0])
    assert not isinstance(told.value, Damaged)


@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_damage_in_a_bucket(stopped: Stopped, bucket: str, how: str) -> None:
    """All files are looked at by one listing; a server that says that one is not there has answered."""
    import fsspec

    fs = fsspec.filesystem("s3", use_listings_cache=False)
    for path in stopped.path.glob("[!.]*"):
        fs.put_file(str(path), f"{bucket}/{path.name}")
    state = Checkpoints(bucket)
    complete, reason = checkpoint_of(state, what_is_kept(stopped.groups))
    assert (reason, state.folder.sizes()) == (None, {name: (stopped.path / name).stat().st_size for name in state.folder.names()})
    assert complete is not None
    name = needed(state, "made")
    link = next(link for links in complete.shards.values() for link in links if link.file == name)
    whole = fs.cat_file(f"{bucket}/{name}")
    fs.rm_file(f"{bucket}/{name}")
    if how != "gone":
        fs.pipe_file(f"{bucket}/{name}", whole[:-1] if how == "cut" else whole[:-1] + bytes([whole[-1] ^ 1]))
    found, reason = checkpoint_of(state, what_is_kept(stopped.groups))
    assert (found is None, f"{bucket}/{name} is damaged: " in str(reason)) == ((False, False) if how == "flipped" else (True, True))
    with pytest.raises(Damaged, match=f"^the checkpoint file {bucket}/{name} is damaged: "):
        state.read_part(link)

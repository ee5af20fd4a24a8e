"""`headrace verify` finds every cell that differs from the log, and counts only what the log can know."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import sources.topics
from headrace.archive import FileLog, Folder, Layout, write
from headrace.cli.verifying import percent
from headrace.plan import build
from headrace.repository import Repository
from headrace.running.kept import what_is_kept
from headrace.running.starting import checkpoints_of
from headrace.times import format_time
from headrace.verifying import verify
from operators.keys import words_of
from sinks.online import ARRIVAL, TIME, N, open_store
from sinks.stores import step_table
from tests.replay.shop import make_shop
from tests.storage.samples import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUPS = ("activity", "money", "popular", "pair")


@pytest.fixture
def filled(tmp_path: Path, headrace: Any) -> Path:
    """A shop whose store a replay has filled."""
    folder = tmp_path / "shop"
    make_shop(folder, rows=900)
    assert headrace("-C", folder, "replay", *GROUPS, "--online").code == 0
    return folder


def change(folder: Path, group: str, how: Callable[[dict[str, Any]], None], entities: int = 1) -> list[dict[str, Any]]:
    """Write some steps of the store anew, changed at their place; what they were."""
    repository = Repository(folder)
    plan = build([repository.groups[group]])
    table = step_table(plan.keys[0], plan.groups[0])
    store = open_store(repository.config.store_url("local"))
    try:
        rows = pa.Table.from_batches(store.scan(table)).to_pylist()[:entities]
        before = [dict(row) for row in rows]
        for row in rows:
            how(row)
        assert store.write(table, pa.RecordBatch.from_pylist(rows, table.schema)) == entities
    finally:
        store.close()
    return before


@pytest.mark.parametrize("group", GROUPS)
def test_a_store_that_a_replay_has_filled_is_equal(filled: Path, group: str, headrace: Any) -> None:
    found = verify(Repository(filled), group, n=1000)
    assert found.entities == found.stored > 5
    assert (found.equal, found.close, found.not_archived) == (found.cells, 0, 0)
    ran = headrace("-C", filled, "verify", group, "-n", 1000)
    assert ran.code == 0
    assert ran.out == f"{group}: 100 %, {found.cells:,} cells of {found.cells:,} equal, in {found.entities:,} of {found.stored:,} entities\n"


def test_a_changed_cell_is_found(filled: Path, headrace: Any) -> None:
    def worse(row: dict[str, Any]) -> None:
        row["dearest_2h"] = 12345.5

    (before,) = change(filled, "activity", worse)
    found = verify(Repository(filled), "activity", n=1000)
    assert found.equal == found.cells - 1
    (one,) = found.differences
    assert (one.entity, one.feature, one.online, one.replay) == ({"buyer_id": before["buyer_id"]}, "dearest_2h", 12345.5, before["dearest_2h"])
    ran = headrace("-C", filled, "verify", "activity", "-n", 1000, "--seed", 5)
    assert ran.code == 1
    assert ran.out.startswith(f"activity: {percent(found.equal, found.cells)} %, {found.equal:,} cells of {found.cells:,} equal, in ")
    assert "12345.5" in ran.out
    assert ran.err.endswith("headrace: --seed 5 compares the same entities once more\n")


def test_what_is_finished_at_the_look_up_is_compared_by_its_anchor(filled: Path) -> None:
    def worse(row: dict[str, Any]) -> None:
        for name in row:
            if name.startswith("_cell:"):
                row[name] = None

    change(filled, "activity", worse, entities=2)
    found = verify(Repository(filled), "activity", n=1000)
    assert {one.feature.startswith("_cell:") for one in found.differences} == {True}
    assert len(found.differences) >= 2


def test_an_event_too_many_is_found(filled: Path, headrace: Any) -> None:
    def worse(row: dict[str, Any]) -> None:
        row[N] += 1

    (before,) = change(filled, "popular", worse)
    ran = headrace("-C", filled, "verify", "popular", "-n", 1000, "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    (one,) = told["differences"]
    assert (one["feature"], one["online"], one["replay"]) == ("events", before[N] + 1, before[N])
    assert 0.9 < told["share"] < 1


def test_an_entity_that_the_log_does_not_know_is_found(filled: Path) -> None:
    def other(row: dict[str, Any]) -> None:
        row["buyer_id"] = 4711

    change(filled, "money", other)
    found = verify(Repository(filled), "money", n=1000)
    (one,) = found.differences
    assert (one.entity, one.feature, one.replay) == ({"buyer_id": 4711}, "events", None)
    assert found.equal < found.cells - 1


def test_a_sum_may_differ_in_its_last_bits(filled: Path, headrace: Any) -> None:
    def nearly(row: dict[str, Any]) -> None:
        row["spend"] = (row["spend"] or 1e15) * (1 + 1e-13)

    before = change(filled, "activity", nearly, entities=3)
    near = sum(row["spend"] is not None and row["spend"] != 0 for row in before)
    found = verify(Repository(filled), "activity", n=1000)
    assert found.close == near
    assert found.equal == found.cells - (3 - near)


def test_a_seed_chooses_the_same_entities(filled: Path) -> None:
    def worse(row: dict[str, Any]) -> None:
        row["views_10m"] = -1

    change(filled, "activity", worse, entities=40)
    repository = Repository(filled)
    one, same, other = (verify(repository, "activity", n=5, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert (one.entities, len(one.differences)) == (5, 5)
    assert {str(d.entity) for d in one.differences} != {str(d.entity) for d in other.differences}


def test_what_is_not_archived_yet_is_told_apart(filled: Path, headrace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka has a message behind what was loaded: a step that may have seen it cannot be compared."""

    def later(row: dict[str, Any]) -> None:
        row[ARRIVAL] += timedelta(hours=1)
        row["views"] = -1

    change(filled, "popular", later)
    monkeypatch.setenv("HEADRACE_KAFKA__BROKERS", "nowhere:1")
    monkeypatch.setattr(sources.topics, "watermarks", lambda *_: {7: (0, 1)})
    ran = headrace("-C", filled, "verify", "popular", "-n", 1000)
    assert ran.code == 0
    assert ran.out == "popular: 100 %, 24 cells of 24 equal, in 8 of 9 entities\n1 entity more not archived yet, and not counted\n"
    # nothing compared proves nothing
    change(filled, "popular", later, entities=9)
    ran = headrace("-C", filled, "verify", "popular", "-n", 1000, "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["entities"], told["not_archived"], told["cells"], told["share"]) == (1, 0, 9, 0, None)
    ran = headrace("-C", filled, "verify", "popular", "-n", 1000)
    assert ran.code == 1
    assert ran.out == "popular: nothing was compared\n9 entities more not archived yet, and not counted\n"
    monkeypatch.setattr(sources.topics, "watermarks", lambda *_: {7: (0, 0)})
    assert headrace("-C", filled, "verify", "popular", "-n", 1000).code == 1


def test_where_the_archive_begins_is_told(filled: Path, headrace: Any) -> None:
    """What is removed from the beginning of the log is in the store alone."""
    repository = Repository(filled)
    archive, layout = Folder(repository.config.archive_uri), Layout.of(repository.sources["clicks"].base)
    log = FileLog(archive, layout)
    rows = rows_of(log, layout.log_schema.names)
    assert verify(repository, "popular").begins_us is None
    left = []
    for file in log.files():
        log.folder.remove(file.name)
        mine = rows.filter(pc.equal(rows.column("_partition"), pa.scalar(file.partition, pa.int32())))
        left.append(mine.slice(mine.num_rows // 2).combine_chunks())
        write(archive, layout, left[-1], partition=file.partition)
    found = verify(repository, "popular", n=1000)
    begins = max(words_of(each.column("_arrival").combine_chunks())[0] for each in left)
    assert (found.begins_us, found.equal < found.cells) == (begins, True)
    ran = headrace("-C", filled, "verify", "popular", "--seed", 3)
    assert ran.code == 1
    assert ran.err == (
        "headrace: entities of the log were not looked up in the store: there is no checkpoint of a run of it in "
        f"{repository.config.state_uri}\nheadrace: the archive begins at {format_time(begins)}: what happened before is in the store, and not in the replay\n"
        "headrace: --seed 3 compares the same entities once more\n"
    )


def test_a_silence_behind_the_log_is_a_part_of_it(filled: Path) -> None:
    """Live, windows empty when nothing comes any more; the replay goes on as far as the store has come."""

    def later(row: dict[str, Any]) -> None:
        row[ARRIVAL] += timedelta(hours=12)
        row[TIME] += timedelta(hours=12)
        row["views"], row["mean"] = 0, None

    change(filled, "popular", later, entities=9)
    found = verify(Repository(filled), "popular")
    assert (found.entities, found.equal) == (9, found.cells)


SHORT = """
import headrace as hr

uid = hr.Key("uid", hr.Dimension("user"), "int64")
clicks = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts")
short = hr.FeatureGroup("short", key=uid, features={"clicks": clicks.count().over("1h")})
"""
SETTINGS = """
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
"""


def test_an_entity_that_counts_from_1_anew_is_not_behind(tmp_path: Path, headrace: Any) -> None:
    """Its state was freed meanwhile; what the store must have seen goes by arrivals."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "definitions.py").write_text(SHORT)
    (folder / "headrace.toml").write_text(SETTINGS)
    events = [(1, f"2024-03-01T10:0{n}:00Z") for n in range(5)] + [(2, "2024-03-03T10:00:00Z"), (1, "2024-03-03T10:00:00Z")]
    (folder / "clicks.jsonl").write_text("".join(json.dumps({"uid": uid, "ts": at}) + "\n" for uid, at in events))
    assert headrace("-C", folder, "load", "clicks", folder / "clicks.jsonl").code == 0
    assert headrace("-C", folder, "replay", "short", "--online").code == 0
    repository = Repository(folder)
    group = repository.groups["short"]
    state = checkpoints_of(repository, [group])
    state.begin(what_is_kept([group]))
    state.note_shards(1, 0, {0: []})
    state.note_part(1, 0, {}, [])
    assert state.complete(1, 1, 1) is not None
    found = verify(repository, "short")
    assert (found.checkpoint, found.sampled, found.behind, found.equal, found.entities) == (1, 2, (), found.cells, 2)

    def older(row: dict[str, Any]) -> None:
        row[ARRIVAL] -= timedelta(hours=47)
        row[N] = 5

    table = step_table(build([group]).keys[0], build([group]).groups[0])
    with closing(open_store(repository.config.store_url("local"))) as store:
        rows = pa.Table.from_batches(store.scan(table)).to_pylist()
    (folder / "online").rename(folder / "away")
    for row in rows:
        older(row)
    with closing(open_store(repository.config.store_url("local"))) as store:
        store.write(table, pa.RecordBatch.from_pylist(rows[:1], table.schema))
    ran = headrace("-C", folder, "verify", "short", "--json")
    told = json.loads(ran.out)
    assert ran.code == 1
    assert sorted((each["entity"]["uid"], each["online_n"], each["log_n"]) for each in told["behind"]) == [(1, 5, 1), (2, None, 1)]
    ran = headrace("-C", folder, "verify", "short")
    assert "uid=2   no step                  2024-03-03T10:00:00Z, 1\n" in ran.out
    assert "the store has lost steps, or never had them: its run, stopped and started with --fresh, fills it\n" in ran.err


@pytest.mark.parametrize(
    "arguments,text",
    [
        (("verify", "activty"), "unknown group 'activty' in the repository shop (did you mean 'activity'?)"),
        (("verify", "activity", "--store", "locl"), "unknown store 'locl' in [online] stores (did you mean 'local'?); it has: local"),
    ],
)
def test_what_is_not_there_is_named(filled: Path, headrace: Any, arguments: tuple[str, ...], text: str) -> None:
    ran = headrace("-C", filled, *arguments)
    assert ran.code == 2
    assert text in ran.err


def test_a_store_without_the_group_is_told(tmp_path: Path, headrace: Any) -> None:
    make_shop(tmp_path / "shop", rows=100)
    repository = Repository(tmp_path / "shop")
    open_store(repository.config.store_url("local")).close()
    ran = headrace("-C", tmp_path / "shop", "verify", "money")
    assert ran.code == 1
    assert "store 'local' holds nothing of group 'money' yet" in ran.err

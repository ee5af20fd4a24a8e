"""One suite for every online store: the newest step of each entity, whatever came in which order."""

from __future__ import annotations

import datetime as dt
import math
import random
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import ConfigError, StorageError
from headrace.types import parse_type
from sinks.lmdb import LmdbStore
from sinks.online import SCHEMES, NoStore, OnlineStore, StepTable, open_store
from tests.storage.samples import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SIMPLE = StepTable("buyers", "d1", schema(uid="int64"), schema(views="int64", spend="float64"))


def steps(table: StepTable, *rows: tuple[Any, ...]) -> pa.RecordBatch:
    """A batch of (keys…, time, arrival, n, values…)."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(table.schema)
    arrays: list[Any] = [pa.array(column, field.type) for column, field in zip(columns, table.schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def keys(table: StepTable, *rows: tuple[Any, ...]) -> pa.RecordBatch:
    arrays: list[Any] = [pa.array([row[at] for row in rows], field.type) for at, field in enumerate(table.keys)]
    return pa.RecordBatch.from_arrays(arrays, schema=table.keys)


def read(store: OnlineStore, table: StepTable, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What stands, times as integers."""
    found = store.read(table, keys(table, *rows))
    assert found.schema == table.schema
    columns = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in found.columns]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@pytest.fixture(params=SCHEMES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store of each kind."""
    return {"lmdb": f"lmdb://{tmp_path}/online"}[request.param]


@pytest.fixture
def store(url: str) -> Iterator[OnlineStore]:
    found = open_store(url)
    yield found
    found.close()


def test_what_is_written_is_read(store: OnlineStore) -> None:
    assert store.write(SIMPLE, steps(SIMPLE, (1, 10, 11, 1, 5, 0.5), (2, 20, 20, 3, None, None))) == 2
    assert read(store, SIMPLE, (2,), (7,), (1,), (2,)) == [
        (2, 20, 20, 3, None, None),
        (7, None, None, None, None, None),
        (1, 10, 11, 1, 5, 0.5),
        (2, 20, 20, 3, None, None),
    ]
    store.flush()
    assert read(store, SIMPLE) == []


def test_an_older_step_never_replaces_a_newer(store: OnlineStore) -> None:
    assert store.write(SIMPLE, steps(SIMPLE, (1, 10, 20, 5, 1, 1.0))) == 1
    assert store.write(SIMPLE, steps(SIMPLE, (1, 99, 19, 9, 2, 2.0))) == 0
    assert store.write(SIMPLE, steps(SIMPLE, (1, 99, 20, 4, 3, 3.0))) == 0
    assert read(store, SIMPLE, (1,)) == [(1, 10, 20, 5, 1, 1.0)]
    assert store.write(SIMPLE, steps(SIMPLE, (1, 10, 20, 5, 4, 4.0))) == 1, "a repeated step is the same step: writing it again is harmless"
    assert store.write(SIMPLE, steps(SIMPLE, (1, 5, 20, 6, 5, 5.0), (1, 5, 20, 4, 6, 6.0), (1, 5, 18, 8, 7, 7.0))) == 1
    assert read(store, SIMPLE, (1,)) == [(1, 5, 20, 6, 5, 5.0)]


def test_arrivals_before_1970_are_older(store: OnlineStore) -> None:
    store.write(SIMPLE, steps(SIMPLE, (1, 0, -5, 1, 1, 1.0), (1, 0, 3, 2, 2, 2.0)))
    assert store.write(SIMPLE, steps(SIMPLE, (1, 0, -1, 9, 3, 3.0))) == 0
    assert read(store, SIMPLE, (1,))[0][2] == 3


def test_a_refresh_at_one_arrival_is_newer_by_its_time(store: OnlineStore) -> None:
    """An expiry step has the arrival of the record that moved the clock, and no event more than the step before it."""
    event, refresh = (1, 10, 20, 5, 1, 1.0), (1, 60, 20, 5, 0, 0.0)
    for batch in ((event,), (refresh,), (event,), (refresh, event)):
        store.write(SIMPLE, steps(SIMPLE, *batch))
    assert read(store, SIMPLE, (1,)) == [refresh]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 5), st.integers(0, 3)), max_size=6),
        max_size=6,
    )
)
def test_the_newest_stands_for_any_order(tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int, int]]]) -> None:
    """Of equal steps the one that was written last."""
    newest: dict[int, tuple[int, int, int]] = {}
    number = 0
    opened = open_store(f"lmdb://{tmp_path_factory.mktemp('store')}")
    for batch in batches:
        rows = []
        for uid, arrival, n in batch:
            number += 1
            rows.append((uid, 0, arrival, n, number, 0.0))
            if uid not in newest or newest[uid][:2] <= (arrival, n):
                newest[uid] = (arrival, n, number)
        opened.write(SIMPLE, steps(SIMPLE, *rows))
    found = {row[0]: (row[2], row[3], row[4]) for row in read(opened, SIMPLE, *((uid,) for uid in range(4))) if row[3] is not None}
    scanned = [row for part in opened.scan(SIMPLE, batch_rows=2) for row in part.to_pylist()]
    opened.close()
    assert found == newest
    assert {row["uid"]: row["views"] for row in scanned} == {uid: step[2] for uid, step in newest.items()}


EVERY = StepTable(
    "every",
    "d1",
    schema(i8="int8", text="string", raw="binary", flag="bool", day="date"),
    pa.schema(
        [
            pa.field(f"v{at}", parse_type(declared))
            for at, declared in enumerate(
                ["int8", "int64", "float32", "float64", "bool", "string", "binary", "date", "timestamp", "duration", "list<timestamp>",
                 "list<struct<item: string, at: timestamp, span: duration>>", "struct<a: list<int64>, b: float64>"]
            )
        ]
    ),
)  # fmt: skip
NOW = dt.datetime(2024, 1, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
FULL = (
    -3, 2**62, 0.1, -0.0, True, "ä\0", b"\xff", dt.date(1969, 1, 1), NOW, dt.timedelta(days=-1, microseconds=1), [NOW, None],
    [{"item": "x", "at": NOW, "span": None}, None], {"a": [1, None], "b": math.inf},
)  # fmt: skip


def test_a_table_without_its_latest_arrival_is_looked_at_whole(tmp_path: Path) -> None:
    """As one that was made before that was kept."""
    store = LmdbStore(tmp_path / "online")
    store.write(SIMPLE, steps(SIMPLE, (1, 0, 5, 1, 1, 0.0)))
    assert store._shared.change(lambda transaction: transaction.delete(b"\xfe" + (1).to_bytes(4, "big")))
    assert [store.write(SIMPLE, steps(SIMPLE, (uid, 0, arrival, 1, 2, 0.0))) for uid, arrival in ((2, 9), (1, 4), (2, 8), (1, 6))] == [1, 0, 0, 1]
    assert [row[2] for row in read(store, SIMPLE, (1,), (2,))] == [6, 9]
    store.close()


def test_every_type_of_key_and_value_comes_back(store: OnlineStore) -> None:
    some = (-1, "k\0", b"\0\xff", False, dt.date(2024, 2, 29))
    other = (5, "", b"", True, dt.date(1960, 1, 1))
    batch = steps(EVERY, (*some, NOW, NOW, 1, *FULL), (*other, NOW, NOW, 2, *[None] * len(FULL)))
    store.write(EVERY, batch)
    assert store.read(EVERY, keys(EVERY, some, other)) == batch
    (scanned,) = store.scan(EVERY)
    assert sorted(map(str, scanned.to_pylist())) == sorted(map(str, batch.to_pylist()))
    value = store.read(EVERY, keys(EVERY, some)).column("v3")[0].as_py()
    assert math.copysign(1, value) == -1


def test_nan_comes_back(store: OnlineStore) -> None:
    store.write(SIMPLE, steps(SIMPLE, (1, 0, 0, 1, 1, float("nan"))))
    assert math.isnan(read(store, SIMPLE, (1,))[0][-1])


def test_long_keys(store: OnlineStore) -> None:
    table = StepTable("texts", "d1", schema(name="string"), schema(v="int64"))
    names = ["x" * 490, "x" * 600, "x" * 600 + "y", "z" * 100_000, ""]
    store.write(table, steps(table, *((name, 0, 0, 1, at) for at, name in enumerate(names))))
    assert store.write(table, steps(table, (names[3], 0, -1, 1, 9))) == 0
    assert [row[-1] for row in read(store, table, *((name,) for name in names))] == [0, 1, 2, 3, 4]
    found = {row["name"]: row["v"] for part in store.scan(table) for row in part.to_pylist()}
    assert found == {name: at for at, name in enumerate(names)}


def test_a_changed_group_has_a_table_of_its_own(store: OnlineStore) -> None:
    changed = StepTable("buyers", "d2", schema(uid="int64"), schema(views="float64"))
    store.write(SIMPLE, steps(SIMPLE, (1, 10, 10, 1, 5, 0.5)))
    assert read(store, changed, (1,)) == [(1, None, None, None, None)]
    store.write(changed, steps(changed, (1, 5, 5, 1, 7.5)))
    assert read(store, SIMPLE, (1,)) == [(1, 10, 10, 1, 5, 0.5)]
    assert read(store, changed, (1,)) == [(1, 5, 5, 1, 7.5)]
    assert store.tables() == [SIMPLE, changed]
    assert [len(part) for part in store.scan(SIMPLE)] == [1]


def test_a_digest_stands_for_its_columns(store: OnlineStore, url: str) -> None:
    store.write(SIMPLE, steps(SIMPLE, (1, 10, 10, 1, 5, 0.5)))
    other = StepTable("buyers", "d1", schema(uid="int64"), schema(views="int64"))
    again = open_store(url)
    with pytest.raises(StorageError, match=r"^group 'buyers' has other columns in the store at .* under the same digest d1$"):
        again.read(other, keys(other, (1,)))
    again.close()


def test_a_step_needs_its_place(store: OnlineStore) -> None:
    with pytest.raises(ValueError, match=r"^a step without time, arrival or n$"):
        store.write(SIMPLE, steps(SIMPLE, (1, None, 10, 1, 5, 0.5)))


def test_nothing_is_nothing(store: OnlineStore) -> None:
    assert store.write(SIMPLE, steps(SIMPLE)) == 0
    assert store.tables() == []
    assert list(store.scan(SIMPLE)) == []


def test_a_declared_table_is_known_and_empty(store: OnlineStore, url: str) -> None:
    store.declare(SIMPLE)
    assert (store.tables(), list(store.scan(SIMPLE))) == ([SIMPLE], [])
    assert read(store, SIMPLE, (1,)) == [(1, None, None, None, None, None)]
    store.write(SIMPLE, steps(SIMPLE, (1, 5, 10, 1, 5, 0.5)))
    store.declare(SIMPLE)
    with closing(open_store(url, read_only=True)) as other:
        assert other.tables() == [SIMPLE]
        assert read(other, SIMPLE, (1,)) == [(1, 5, 10, 1, 5, 0.5)]


def test_other_processes_read_while_one_writes(store: OnlineStore, url: str) -> None:
    """The reader sees whole batches only, and each later state at once."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from sinks.online import open_store
store = open_store({url!r}, read_only=True)
(table,) = store.tables()
for line in sys.stdin:
    rows = [row for part in store.scan(table) for row in part.to_pylist()]
    print(len(rows), sorted({{row["views"] for row in rows}}), flush=True)
"""
    store.write(SIMPLE, steps(SIMPLE, *((uid, 0, 0, 0, 0, 0.0) for uid in range(100))))
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for round_ in range(5):
            store.write(SIMPLE, steps(SIMPLE, *((uid, 0, round_, 0, round_, 0.0) for uid in range(100 + round_))))
            print("look", file=reader.stdin, flush=True)
            assert reader.stdout.readline() == f"{100 + round_} [{round_}]\n"
        reader.stdin.close()
        assert reader.wait() == 0


def test_threads_share_a_store(url: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            mine = open_store(url)
            shuffled = random.Random(number).sample(range(200), 200)
            for at in shuffled:
                mine.write(SIMPLE, steps(SIMPLE, (at % 20, 0, at, number, at, float(number))))
                mine.read(SIMPLE, keys(SIMPLE, (at % 20,)))
            mine.close()
        except BaseException as error:  # noqa: BLE001   # it is looked at below
            failures.append(error)

    keeper = open_store(url)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [(row[2], row[3]) for row in read(keeper, SIMPLE, *((uid,) for uid in range(20)))] == [(180 + uid, 3) for uid in range(20)]
    keeper.close()


def test_closing_twice_is_closing(url: str) -> None:
    one, two = open_store(url), open_store(url)
    one.close()
    one.close()
    two.write(SIMPLE, steps(SIMPLE, (1, 0, 0, 0, 0, 0.0)))
    two.close()
    again = open_store(url, read_only=True)
    assert read(again, SIMPLE, (1,))[0][1] == 0
    writer = open_store(url)
    writer.write(SIMPLE, steps(SIMPLE, (1, 5, 5, 0, 0, 0.0)))
    assert read(again, SIMPLE, (1,))[0][1] == 5
    for opened in (writer, again):
        opened.close()


@pytest.mark.parametrize(
    "address, text",
    [
        ("redis://x", "there is no online store for 'redis://x'; there are: lmdb://"),
        ("lmbd://x", "there is no online store for 'lmbd://x' (did you mean 'lmdb'?); there are: lmdb://"),
        ("online", "there is no online store for 'online'; there are: lmdb://"),
    ],
)
def test_stores_that_are_none(address: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(address)
    assert str(caught.value) == text


def test_a_store_to_read_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NoStore) as caught:
        open_store(f"lmdb://{tmp_path}/none", read_only=True)
    assert str(caught.value) == f"there is no online store at {tmp_path}/none: headrace replay --online or headrace run fills it"
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"^the online store at .*/file/online failed: "):
        open_store(f"lmdb://{tmp_path}/file/online")


def test_the_map_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a reader in another process, which had the smaller map open."""
    monkeypatch.setattr("sinks.environment.MAP_BYTES", 1 << 16)
    table = StepTable("wide", "d1", schema(uid="int64"), schema(text="string"))
    store = open_store(f"lmdb://{tmp_path}/online")
    store.write(table, steps(table, (0, 0, 0, 0, "x")))
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from sinks.online import open_store
store = open_store("lmdb://{tmp_path}/online", read_only=True)
(table,) = store.tables()
for line in sys.stdin:
    print(sum(part.num_rows for part in store.scan(table)), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for rows in (1, 100, 1_000, 10_000):
            store.write(table, steps(table, *((uid, 0, 0, 0, "x" * 500) for uid in range(rows))))
            print("look", file=reader.stdin, flush=True)
            assert reader.stdout.readline() == f"{rows}\n"
        reader.stdin.close()
        assert reader.wait() == 0
    store.close()


@pytest.mark.parametrize("kind", ["_time", "_arrival", "_n"])
def test_the_columns_of_a_step(kind: str) -> None:
    assert kind in SIMPLE.schema.names
    assert SIMPLE.schema.names == ["uid", "_time", "_arrival", "_n", "views", "spend"]


def rate(work: Callable[[], int]) -> float:
    import time

    start = time.process_time()
    done = work()
    return done / (time.process_time() - start)


@pytest.mark.alone
def test_it_takes_80_000_steps_a_second(tmp_path: Path) -> None:
    """Seconds of this process, so that what runs beside it does not count."""
    table = StepTable("speed", "d1", schema(uid="int64"), schema(**{f"v{at}": "int64" if at % 2 else "float64" for at in range(12)}))
    rng = random.Random(7)
    batches = [
        steps(table, *((rng.randrange(200_000), at, part * 20_000 + at, at, *([at] * 12)) for at in range(20_000))) for part in range(5)
    ]
    store = open_store(f"lmdb://{tmp_path}/online")
    store.write(table, steps(table, (0, 0, 0, 0, *([0] * 12))))
    assert rate(lambda: sum(store.write(table, batch) for batch in batches)) > 80_000
    store.close()

"""`preview`, `explain` and `get`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from headrace.getting import get
from headrace.previewing import preview
from headrace.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Ran


def test_preview(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("preview", "item_popularity", "-n", 3)
    assert (done.code, done.err) == (0, "")
    assert done.out == """\
item     time                  item_views_1h  item_views_1d  item_buy_rate
pot      2024-03-03T21:00:37Z              7             94       0.212766
grinder  2024-03-03T21:00:40Z             12             66      0.0606061
pot      2024-03-03T21:01:04Z              7             94       0.223404
"""
    assert sorted(path.name for path in shop.iterdir()) == [
        ".gitignore", "README.md", "archive", "data", "features.py", "headrace.toml", "items.sql", "tests",
    ]  # fmt: skip


def test_preview_is_the_replay(loaded_shop: Path) -> None:
    """Of all rows, of one entity, and between two instants: read from no further back than is needed, the values are the same."""
    repository = Repository(loaded_shop)
    whole: list[dict[str, Any]] = repository.replay("buyer_activity").to_pylist()
    assert preview(repository, "buyer_activity", n=7).table.to_pylist() == whole[-7:]
    mine = [row for row in whole if row["buyer_id"] == 3]
    found = preview(repository, "buyer_activity", n=5, key={"buyer_id": "3"})
    assert found.table.to_pylist() == mine[-5:]
    between = [row for row in mine if "2024-03-02" <= row["time"].isoformat() < "2024-03-03"]
    found = preview(repository, "buyer_activity", n=10_000, key={"buyer_id": 3}, from_="2024-03-02", to="2024-03-03")
    assert found.table.to_pylist() == between
    assert len(between) > 5


def test_a_wide_preview_is_turned(headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = headrace("preview", "buyer_activity", "-n", 3).out.splitlines()
    names = ["buyer_id", "time", "views_1h", "views_1d", "spend", "buy_rate", "mean_price", "last_item", "idle_s"]
    assert [line.split()[0] if line else "" for line in lines] == [*names, "", *names]
    assert [len(line.split()) for line in lines if line] == [3] * 9 + [2] * 9
    assert max(len(line) for line in lines) <= 60


def test_preview_of_nothing(headrace: Callable[..., Ran], shop: Path) -> None:
    log = "'clicks', which arrived from 2024-03-01T08:28:43Z to 2024-03-03T21:01:04Z"
    for arguments in (("--key", "buyer_id=9999"), ("--from", "-1d")):
        done = headrace("preview", "buyer_activity", *arguments)
        assert (done.code, done.out, done.err) == (0, "", f"headrace: no such row in the log of {log}\n")
    assert headrace("preview", "buyer_activity", "--key", "buyer_id=9999", "--json").out == "[]\n"


def test_preview_of_what_is_wrong(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("preview", "buyer_activty")
    text = "unknown group 'buyer_activty' in the repository shop (did you mean 'buyer_activity'?); it has: buyer_activity, item_popularity, item_prices"
    assert (done.code, done.err) == (2, f"headrace: {text}\n")
    done = headrace("preview", "buyer_activity", "--key", "item=tea")
    assert (done.code, done.err) == (2, "headrace: unknown Key 'item' in group 'buyer_activity'; it has: buyer_id\n")


def test_an_empty_archive(headrace: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert headrace("init", ".").code == 0
    text = f"the archive {tmp_path / 'archive'} holds no events of source 'clicks'; headrace load clicks FILE adds some, headrace archive clicks those of its topic"
    for arguments in (
        ("preview", "buyer_activity"),
        ("trace", "buyer_activity", "7"),
        ("get", "buyer_activity", "7", "--at", "2024-03-02"),
        ("replay", "buyer_activity", "--out", "out"),
    ):
        done = headrace(*arguments)
        assert (done.code, done.out, done.err) == (2, "", f"headrace: {text}\n")


def test_explain(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("explain", "item_popularity", "item_prices")
    assert done.code == 0
    first = done.out.splitlines()[:2]
    assert first[0] == "source clicks: reads event_id, item, action, price, time; time time, lateness 1h, unique event_id"
    assert first[1].startswith("├─ stored by item: events where \"action\" = 'view'; for item_popularity; about ")
    assert "│  └─ 1d: count(), max(\"price\") → item_buy_rate, highest_paid" in done.out.splitlines()


def test_explain_of_a_service(headrace: Callable[..., Ran], shop: Path) -> None:
    """A service stands for its groups; a group that is named twice is planned once."""
    found = json.loads(headrace("explain", "will_buy_v1", "buyer_activity", "--json").out)
    assert [group["name"] for group in found["groups"]] == ["buyer_activity", "item_popularity"]


@pytest.fixture
def online(shop: Path, headrace: Callable[..., Ran]) -> Path:
    """The shop with the newest values of two groups in its store."""
    assert headrace("replay", "buyer_activity", "item_popularity", "--online").code == 0
    return shop


def test_get(headrace: Callable[..., Ran], online: Path) -> None:
    done = headrace("get", "item_popularity", "pot", "item=tea", "boat")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:7] == [
        "                           item=pot              item=tea  item=boat",
        "item_views_1h                     7                    10          0",
        "item_views_1d                    94                    65          0",
        "item_buy_rate   0.22340425531914893    0.2153846153846154       null",
        "",
        "status                        known                 known    unknown",
        "step           2024-03-03T21:01:04Z  2024-03-03T21:01:00Z",
    ]
    assert lines[7].split()[0] == "age"
    assert lines[8].split() == ["events", "407", "294"]


def test_get_is_the_look_up(headrace: Callable[..., Ran], online: Path) -> None:
    """The store at the end of the log says what the log says, where nothing depends on the asker's instant."""
    repository = Repository(online)
    buyers = [str(buyer) for buyer in range(1, 61)]
    now = get(repository, "buyer_activity", buyers)
    then = get(repository, "buyer_activity", buyers, at="2024-03-03T21:01:04Z")
    for one, two in zip(now, then, strict=True):
        assert one.known == two.known
        assert {**one.values, "idle_s": None} == {**two.values, "idle_s": None}
    # and the time that has passed since is in it
    assert now[6].values["idle_s"] is not None
    assert now[6].values["idle_s"] - then[6].values["idle_s"] == pytest.approx((now[6].asked_us - then[6].asked_us) / 1_000_000)


def test_get_as_json(headrace: Callable[..., Ran], online: Path) -> None:
    found = json.loads(headrace("get", "item_popularity", "pot", "boat", "--json").out)
    pot, boat = found
    assert pot["entity"] == {"item": "pot"}
    assert (pot["known"], pot["step"], pot["arrival"], pot["events"]) == (True, "2024-03-03T21:01:04Z", "2024-03-03T21:01:04Z", 407)
    assert pot["values"] == {"item_views_1h": 7, "item_views_1d": 94, "item_buy_rate": 21 / 94}
    assert pot["age_s"] > 0
    assert (boat["known"], boat["step"], boat["age_s"]) == (False, None, None)
    assert boat["values"] == {"item_views_1h": 0, "item_views_1d": 0, "item_buy_rate": None}


def test_get_at_an_instant(headrace: Callable[..., Ran], shop: Path) -> None:
    """Without a store: from the log."""
    found = json.loads(headrace("get", "buyer_activity", "7", "999", "--at", "2024-03-02T12:00", "--json").out)
    assert [each["known"] for each in found] == [True, False]
    assert found[0]["values"]["views_1h"] == 4
    assert found[0]["values"]["idle_s"] == 203.0
    assert found[1]["values"]["views_1h"] == 0


def test_get_before_there_is_anything(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("get", "buyer_activity", "7")
    text = f"there is no online store at {shop / 'online'}: headrace replay --online or headrace run fills it"
    assert (done.code, done.err) == (1, f"headrace: {text}\n")


def test_get_of_another_group(headrace: Callable[..., Ran], online: Path) -> None:
    done = headrace("get", "item_prices", "pot")
    text = "store 'local' holds nothing of group 'item_prices' yet: headrace replay item_prices --online fills it, headrace run item_prices keeps it filled"
    assert (done.code, done.err) == (1, f"headrace: {text}\n")


def test_get_of_a_changed_definition(headrace: Callable[..., Ran], online: Path) -> None:
    definitions = online / "features.py"
    definitions.write_text(definitions.read_text().replace('"1h", "1d"', '"2h", "1d"'))
    done = headrace("get", "item_popularity", "pot")
    text = "store 'local' holds another version of group 'item_popularity', whose definition has changed since: headrace replay item_popularity --online fills it, headrace run item_popularity keeps it filled"
    assert (done.code, done.err) == (1, f"headrace: {text}\n")


def test_get_without_a_store(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "headrace.toml").write_text('[project]\nname = "shop"\n')
    done = headrace("get", "buyer_activity", "7")
    text = 'there is no online store: write [stores.local] url = "lmdb://online" and [online] stores = ["local"] into headrace.toml; --at T asks the log'
    assert (done.code, done.err) == (2, f"headrace: {text}\n")


def test_get_of_what_is_wrong(headrace: Callable[..., Ran], online: Path) -> None:
    done = headrace("get", "buyer_activity", "seven")
    assert (done.code, done.err) == (2, "headrace: Key 'buyer_id' is int64, and 'seven' is none\n")
    done = headrace("get", "buyer_activity", "buyer=7")
    assert (done.code, done.err) == (2, "headrace: unknown Key 'buyer' in group 'buyer_activity' (did you mean 'buyer_id'?); it has: buyer_id\n")
    done = headrace("get", "buyer_activity", "7", "--request", "amount=3")
    assert (done.code, done.err) == (2, "headrace: unknown request column 'amount' in group 'buyer_activity'\n")


def test_a_composite_key_and_what_the_asker_brings(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "pairs.py").write_text("""
import headrace as hr
from features import buyer, clicks, item

pairs = hr.FeatureGroup(
    "pairs",
    key=[buyer, item],
    features={"seen": clicks.count().over("1d"), "against": clicks["price"].last().over("1d") - hr.Request({"offer": "float64"})["offer"]},
)
""")
    assert headrace("replay", "pairs", "--online").code == 0
    for extra in ((), ("--at", "2024-03-03T21:01:04Z")):
        found = json.loads(headrace("get", "pairs", "item=pot,buyer_id=33", "buyer_id=33,item=boat", "--request", "offer=20", "--json", *extra).out)
        assert [each["entity"] for each in found] == [{"buyer_id": 33, "item": "pot"}, {"buyer_id": 33, "item": "boat"}]
        assert [each["values"] for each in found] == [{"seen": 5, "against": 9.0}, {"seen": 0, "against": None}]
    done = headrace("get", "pairs", "33")
    assert (done.code, done.err) == (2, "headrace: '33' is not understood: an entity of group 'pairs' is written buyer_id=…,item=…\n")

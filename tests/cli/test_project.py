"""`check`, `list` and `source`, and what every command says about the repository that it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Ran


def test_check(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("check")
    assert (done.code, done.out, done.err) == (0, "all right: 1 source, 3 groups, 13 features, 1 service\n", "")


def test_check_as_json(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("check", "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"ok": True, "sources": 1, "groups": 3, "features": 13, "services": 1, "problems": []}


def test_check_finds_a_wrong_column(headrace: Callable[..., Ran], shop: Path) -> None:
    definitions = shop / "features.py"
    definitions.write_text(definitions.read_text().replace('buys["price"]', 'buys["prise"]'))
    text = (
        "features.py, line 29: unknown column 'prise' in source 'clicks' (did you mean 'price'?); "
        "it has: event_id, buyer_id, item, action, price, time"
    )
    done = headrace("check")
    assert (done.code, done.out, done.err) == (2, "", f"headrace: {text}\n")
    done = headrace("check", "--json")
    assert (done.code, done.err) == (2, "")
    assert json.loads(done.out) == {"ok": False, "problems": [{"file": "features.py", "line": 29, "text": text}]}


def test_check_finds_what_python_cannot_read(headrace: Callable[..., Ran], shop: Path) -> None:
    (shop / "broken.py").write_text("a = 1\nb = (\n")
    done = headrace("check")
    assert (done.code, done.err) == (2, "headrace: broken.py, line 2: '(' was never closed: b = (\n")


def test_check_of_an_empty_folder(headrace: Callable[..., Ran], tmp_path: Path) -> None:
    done = headrace("check", "-C", tmp_path)
    assert (done.code, done.out) == (
        0,
        f"{tmp_path} defines nothing yet: -C DIR names another folder, headrace init DIR makes one to begin with\n",
    )
    for command in (("list",), ("show", "clicks"), ("replay", "g", "--out", "out")):
        done = headrace(*command, "-C", tmp_path)
        text = f"{tmp_path} defines nothing: -C DIR names another folder, headrace init DIR makes one to begin with"
        assert (done.code, done.err) == (2, f"headrace: {text}\n")


def test_the_repository_before_and_behind_the_command(headrace: Callable[..., Ran], shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("-C", "shop", "check"), ("check", "-C", "shop"), ("--repo", shop, "check"), ("-C", "nowhere", "check", "--repo", "shop")):
        assert headrace(*arguments).code == 0
    done = headrace("list", "-C", "nowhere")
    assert (done.code, done.err) == (2, "headrace: there is no folder nowhere; headrace init nowhere makes a feature repository\n")


def test_the_environment(headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = shop / "headrace.toml"
    settings.write_text(settings.read_text() + '\n[env.production]\narchive.uri = "elsewhere"\n')
    done = headrace("show", "clicks", "--env", "production")
    assert (done.code, done.err) == (0, "headrace: the log of 'clicks' is empty: headrace load clicks FILE\n")
    monkeypatch.setenv("HEADRACE_ENV", "productoin")
    done = headrace("show", "clicks")
    where = shop / "headrace.toml"
    assert (done.code, done.err) == (
        2,
        f"headrace: unknown environment 'productoin' in {where} (did you mean 'production'?); it has: production\n",
    )


def test_list(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("list")
    assert done.code == 0
    assert done.out == """\
sources
name    columns  time  read by                                       file
clicks  6        time  buyer_activity, item_popularity, item_prices  features.py

groups
name             key       features  sources  file         description
buyer_activity   buyer_id  7         clicks   features.py  what a buyer did lately
item_popularity  item      3         clicks   features.py  how an item sells
item_prices      item      3         clicks   items.sql

services
name         keys            features  groups                           file
will_buy_v1  buyer_id, item  10        buyer_activity, item_popularity  features.py
"""


def test_list_of_one_kind(headrace: Callable[..., Ran], shop: Path) -> None:
    lines = headrace("list", "features").out.splitlines()
    assert lines[0].split() == ["name", "group", "type", "expression"]
    assert lines[1].split(maxsplit=3) == ["views_1h", "buyer_activity", "int64", "count() where \"action\" = 'view' over [1h]"]
    assert max(len(line) for line in lines) <= 100
    found = json.loads(headrace("list", "services", "--json").out)
    assert list(found) == ["services"]
    assert found["services"][0]["features"][-1] == "item_buy_rate"
    assert list(json.loads(headrace("list", "--json").out)) == ["sources", "groups", "features", "services"]


def test_list_of_a_kind_that_is_none(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("list", "featres")
    text = "unknown kind 'featres' in headrace list (did you mean 'features'?); it has: sources, groups, features, services"
    assert (done.code, done.err) == (2, f"headrace: {text}\n")


def test_source(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("source", "data/clicks.csv", "--name", "clicks_2")
    assert done.code == 0
    # what it prints is a definition that runs
    (shop / "more.py").write_text(f"import headrace as hr\n\n{done.out}")
    assert headrace("check").out == "all right: 2 sources, 3 groups, 13 features, 1 service\n"
    assert headrace("load", "clicks_2", "data/clicks.csv").out == "clicks_2: 2,254 rows of 1 file in the log now\n"


def test_source_of_a_file_that_is_not_there(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("source", "data/clicks.parquet")
    assert (done.code, done.out, done.err) == (2, "", "headrace: there is no file data/clicks.parquet\n")

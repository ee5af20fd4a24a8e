"""What the reference shows is so: settings that load, documents that commands print."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from headrace.archiving import Archived
from headrace.config import Config, load_config
from tests.cli.conftest import headrace, loaded_shop, shop
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Ran

__all__ = ["headrace", "loaded_shop", "shop"]
SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text()
TOML = re.findall(r"^```toml\n(.*?)^```$", SETTINGS, re.MULTILINE | re.DOTALL)
GROUP = "buyer_activity"
COMMANDS: dict[str, list[object]] = {
    "check": [], "list": [], "load": ["clicks", "data/bad.jsonl"], "show": ["clicks", "-n", 1], "preview": [GROUP, "-n", 1],
    "trace": [GROUP, "7"], "explain": [GROUP], "replay": [GROUP, "--online"], "get": [GROUP, "7"], "verify": [GROUP, "-n", 5],
    "dead-letters list": ["clicks"], "dead-letters show": ["clicks", "bad.jsonl/0"], "dead-letters retry": ["clicks"],
}  # fmt: skip
NO_BROKER = {"archive", "run"}


def documents(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, dict[str, str]]]:
    """What the page of commands says that each prints."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    found: dict[str, tuple[str, dict[str, str]]] = importlib.import_module("pages.json_output").DOCUMENTS
    return found


def test_commands_print_the_documents_that_are_told(headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = documents(monkeypatch)
    assert set(told) == {*COMMANDS, *NO_BROKER}
    (shop / "data" / "bad.jsonl").write_text('{"buyer_id": "seven", "time": "2024-03-04"}\n')
    for command, arguments in COMMANDS.items():
        ran = headrace(*command.split(), *arguments, "--json")
        assert ran.code == (command == "load"), ran.err
        found = json.loads(ran.out)
        kind, fields = told[command]
        assert isinstance(found, list) == (kind == "an array of objects"), command
        columns = {"show": {"event_id", "buyer_id", "item", "action", "price", "time"}, "preview": set(found[0]) if command == "preview" else set()}
        assert set(found[0] if isinstance(found, list) else found) == {*fields} - {""} | columns.get(command, set()), command


@pytest.mark.parametrize("name", ["parts", "settings"])
def test_examples_in_the_script(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    found = doctest.testmod(importlib.import_module(f"pages.{name}"))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_archive_prints_the_document_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {field.name for field in dataclasses.fields(Archived)} == set(documents(monkeypatch)["archive"][1])


def test_the_example_of_settings_loads(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(TOML[0])
    config = load_config(tmp_path, "production", variables={"KAFKA_PASSWORD": "hush"})
    assert (config.kafka.client["sasl.password"], config.archive_uri) == ("hush", "s3://bucket/log")
    assert config.named("clicks") == "shop.production.clicks"


def test_the_examples_of_each_setting_load(tmp_path: Path) -> None:
    text = "\n".join(TOML[1:])
    (tmp_path / "headrace.toml").write_text(text)
    config: Any = load_config(tmp_path, variables={"KAFKA_PASSWORD": "hush"})
    tables = tomllib.loads(text)
    assert set(tables) == set(Config.__struct_fields__) - {"folder", "env"}
    stores = tables.pop("stores")
    assert config.stores["local"].url == stores["local"]["url"]
    for name, table in tables.items():
        found = {key: getattr(getattr(config, name), key) for key in getattr(config, name).__struct_fields__}
        assert found == (table if name != "kafka" else table | {"client": {"security.protocol": "SASL_SSL", "sasl.password": "hush"}})


@pytest.mark.parametrize("text", re.findall(r"`(HEADRACE_\w+__\w+=[^`]+)`", SETTINGS))
def test_the_variables_that_are_shown_are_read(tmp_path: Path, text: str) -> None:
    name, _, value = text.partition("=")
    (tmp_path / "headrace.toml").write_text('[stores.local]\nurl = "lmdb://online"\n')
    config: Any = load_config(tmp_path, variables={name: value.strip("'")})
    table, key = name.removeprefix("HEADRACE_").lower().split("__")
    assert getattr(getattr(config, table), key) != getattr(getattr(Config(), table), key)

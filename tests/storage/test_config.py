"""Settings: what wins, what a secret is, and what is said of settings that cannot be."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.config import Config, load_config, merged
from headrace.errors import ConfigError
from headrace.settings import Archive

SHOP = """
[project]
name = "shop"
[kafka]
brokers = "localhost:9092"
registry = "http://localhost:8081"
[kafka.client]
"sasl.password" = { env = "KAFKA_PASSWORD" }
"sasl.username" = { file = "user.txt" }
"socket.timeout.ms" = 500
[stores.local]
url = "lmdb://online"
[online]
stores = ["local"]
[env.production]
stores.as1 = { url = "aerospike://as1:3000/features", options = { timeout_ms = 20 } }
online.stores = ["as1"]
kafka.client."socket.timeout.ms" = 900
archive.uri = "s3://bucket/log"
"""
SECRETS = {"KAFKA_PASSWORD": "hush"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "headrace.toml").write_text(SHOP)
    (tmp_path / "user.txt").write_text("shop\n")
    return tmp_path


def test_the_base(shop: Path) -> None:
    config = load_config(shop, variables=SECRETS)
    assert config.kafka.client == {"sasl.password": "hush", "sasl.username": "shop", "socket.timeout.ms": 500}
    assert config.online.stores == ["local"]
    assert config.store_url("local") == f"lmdb://{shop}/online"
    assert config.archive_uri == str(shop / "archive")
    assert config.named("buyers") == "shop.buyers"
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_an_environment_lies_on_the_base(shop: Path, how: str) -> None:
    if how == "argument":
        config = load_config(shop, "production", variables={**SECRETS, "HEADRACE_ENV": "other"})
    else:
        config = load_config(shop, variables={**SECRETS, "HEADRACE_ENV": "production"})
    assert config.online.stores == ["as1"], "lists replace"
    assert sorted(config.stores) == ["as1", "local"], "tables merge"
    assert config.stores["as1"].options == {"timeout_ms": 20}
    assert config.store_url("as1") == "aerospike://as1:3000/features"
    assert config.kafka.client["socket.timeout.ms"] == 900
    assert (config.kafka.brokers, config.kafka.registry) == ("localhost:9092", "http://localhost:8081")
    assert config.archive_uri == "s3://bucket/log"
    assert config.named("buyers") == "shop.production.buyers"


def test_what_wins(shop: Path) -> None:
    variables = {**SECRETS, "HEADRACE_ENV": "production", "HEADRACE_ARCHIVE__URI": "/var/log", "HEADRACE_KAFKA__BROKERS": "k1"}
    config = load_config(shop, variables=variables, overrides={"kafka": {"brokers": "k2"}})
    assert (config.archive_uri, config.kafka.brokers) == ("/var/log", "k2")


def test_variables_may_be_lists_and_go_deep(shop: Path) -> None:
    variables = {**SECRETS, "HEADRACE_ONLINE__STORES": '["two"]', "HEADRACE_STORES__TWO__URL": "lmdb:///var/two", "HEADRACE_PORT": "tcp://10.0.0.1"}
    config = load_config(shop, variables=variables)
    assert config.online.stores == ["two"]
    assert config.store_url("two") == "lmdb:///var/two"


def test_variables_of_settings_that_are_no_text(shop: Path) -> None:
    variables = {**SECRETS, "HEADRACE_STEPS__TOPICS": "true", "HEADRACE_STEPS__PARTITIONS": "4", "HEADRACE_PROJECT__NAME": "7"}
    config = load_config(shop, variables={**variables, "HEADRACE_KAFKA__CLIENT": '{ "socket.timeout.ms" = 7 }'})
    assert (config.steps.topics, config.steps.partitions, config.project.name) == (True, 4, "7")
    assert (config.kafka.client["socket.timeout.ms"], config.kafka.client["sasl.username"]) == (7, "shop")


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path, variables={}) == Config(folder=str(tmp_path))
    assert load_config(tmp_path, variables={}).archive == Archive(uri="archive", compression=None)


def test_a_secret_replaces_and_is_replaced(shop: Path) -> None:
    config = load_config(shop, variables=SECRETS, overrides={"kafka": {"client": {"sasl.password": {"file": "user.txt"}, "sasl.username": "x"}}})
    assert (config.kafka.client["sasl.password"], config.kafka.client["sasl.username"]) == ("shop", "x")


@pytest.mark.parametrize(
    "variables, text",
    [
        ({"HEADRACE_KAFKA__BROKER": "a"}, "environment variable HEADRACE_KAFKA__BROKER: unknown key 'kafka.broker' (did you mean 'brokers'?); there are: brokers, registry, client"),
        ({"HEADRACE_KAFAK__BROKERS": "a"}, "environment variable HEADRACE_KAFAK__BROKERS: unknown key 'kafak' (did you mean 'kafka'?); there are: project, kafka, archive, state, online, steps, stores, env"),
        ({"HEADRACE_KAFKA__BROKERS": "a", "HEADRACE_KAFKA__BROKERS__X": "b"}, "environment variable HEADRACE_KAFKA__BROKERS__X goes into a setting that another variable gives a plain value"),
        ({"HEADRACE_STEPS__TOPICS": "yes"}, "environment variable HEADRACE_STEPS__TOPICS: steps.topics: expected `bool`, got `str`"),
        ({"HEADRACE_STEPS__PARTITIONS": "0"}, "environment variable HEADRACE_STEPS__PARTITIONS: steps.partitions: expected `int` >= 1"),
        ({"HEADRACE_KAFKA__BROKERS": '{ env = "NONE" }'}, "environment variable HEADRACE_KAFKA__BROKERS: kafka.brokers reads the environment variable NONE, which is not set"),
    ],
)  # fmt: skip
def test_variables_that_cannot_be(tmp_path: Path, variables: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, variables=variables)
    assert str(caught.value) == text


def test_an_override_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^the command line: unknown key 'archive\.ur' \(did you mean 'uri'\?\)"):
        load_config(tmp_path, overrides={"archive": {"ur": "x"}}, variables={})


def cases() -> list[Any]:
    text = (Path(__file__).parent / "invalid_settings.txt").read_text()
    found = []
    for case in text.split("\n=== ")[1:]:
        title, _, rest = case.partition("\n")
        settings, _, error = rest.partition("--- error\n")
        settings, _, env = settings.partition("--- env ")
        found.append(pytest.param(settings, env.strip() or None, error.strip(), id=title))
    return found


@pytest.mark.parametrize("settings, env, text", cases())
def test_settings_that_cannot_be(tmp_path: Path, settings: str, env: str | None, text: str) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text(settings)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, env, variables={})
    assert str(caught.value) == text.replace("PATH", str(path)).replace("FOLDER", str(tmp_path))
    assert not re.search(r"[.]$", str(caught.value))


leaves = st.integers() | st.lists(st.integers(), max_size=2)
tables = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3), max_leaves=8)
top = st.dictionaries(st.sampled_from("abc"), tables, max_size=3)


def at(table: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path: a value, "table", or None for nothing."""
    for name in path:
        if not isinstance(table, dict) or name not in table:
            return None
        table = table[name]
    return "table" if isinstance(table, dict) else table


@given(top, top, st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple))
def test_at_every_path_the_later_one_counts(base: dict[str, Any], over: dict[str, Any], path: tuple[str, ...]) -> None:
    found = at(merged(base, over), path)
    replaced = any(at(over, path[:depth]) not in (None, "table") for depth in range(1, len(path)))
    if at(over, path) is not None:
        assert found == at(over, path)
    elif replaced:
        assert found is None
    else:
        assert found == at(base, path)

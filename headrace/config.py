"""The settings of a feature repository: `headrace.toml`, an environment of it, environment variables, the command line.

The later of these wins: the file's base, its `[env.X]`, `HEADRACE_A__B`, what a command was given. Tables merge, lists and plain values
replace. It promises that nothing in them is ignored: an unknown key is an error that names the nearest one, with the file. A secret is a
table `{ env = "NAME" }` or `{ file = "path" }` and is read where the settings are loaded. Variables without two underscores behind one
another are none of ours: Kubernetes sets HEADRACE_PORT for a service of that name. Which settings there are is left to
`headrace.settings`, what one does to the part that has it.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from headrace.errors import ConfigError, did_you_mean
from headrace.settings import CODECS, TABLES, Archive, Kafka, Online, Project, State, Steps, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "headrace.toml"
PREFIX = "HEADRACE_"
ENVIRONMENT = "HEADRACE_ENV"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a repository in one environment.

    `folder` is where the file lies, or would; `env` the environment's name. `archive_uri` and `store_urls` are as they are to be used:
    relative folders are beside the file.
    """

    folder: str = "."
    env: str | None = None
    project: Project = Project()
    kafka: Kafka = Kafka()
    archive: Archive = Archive()
    state: State = State()
    stores: dict[str, Store] = {}
    online: Online = Online()
    steps: Steps = Steps()

    @property
    def archive_uri(self) -> str:
        """The archive's folder or URI."""
        return _beside(self.folder, self.archive.uri)

    @property
    def state_uri(self) -> str:
        """The folder or URI of the checkpoints."""
        return _beside(self.folder, self.state.uri)

    def store_url(self, name: str) -> str:
        """The URL of the store `name`; a relative folder in it is made to stand beside the file."""
        scheme, slashes, rest = self.stores[name].url.partition("://")
        return f"{scheme}://{_beside(self.folder, rest)}" if slashes and scheme == "lmdb" else self.stores[name].url

    def named(self, thing: str) -> str:
        """The name of something outside: `shop.production.buyer_activity`, without an environment `shop.buyer_activity`."""
        return ".".join(part for part in (self.project.name, self.env, thing) if part)


def load_config(
    folder: str | os.PathLike[str] = ".",
    env: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Config:
    """The settings of the repository in `folder`.

    Args:
        folder: where `headrace.toml` lies; without the file there are the defaults.
        env: the environment; else `HEADRACE_ENV` says it, else there is none.
        overrides: nested tables from the command line.
        variables: in place of the process's environment.

    Raises `ConfigError`.

    >>> load_config("/nowhere", variables={"HEADRACE_KAFKA__BROKERS": "k1:9092"}).kafka.brokers
    'k1:9092'
    """
    variables = os.environ if variables is None else variables
    path = Path(folder) / FILE
    tables = _read(path)
    environments: Any = tables.pop("env", {})
    where = str(path)
    if not isinstance(environments, dict):
        raise ConfigError(f"{where}: 'env' is {_kind(environments)}, expected tables [env.NAME]", path=where)
    for name, table in environments.items():
        _check(table, where, f"env.{name}")
    _check(tables, where, "")
    env = env or variables.get(ENVIRONMENT) or None
    if env is not None:
        if env not in environments:
            known = f"; it has: {', '.join(environments)}" if environments else "; it has no [env.NAME] at all"
            raise ConfigError(f"unknown environment '{env}' in {where}{did_you_mean(env, environments)}{known}", env=env, path=where)
        tables = merged(tables, environments[env])
    tables = merged(tables, _from_variables(variables, Path(folder)))
    if overrides:
        _check(dict(overrides), "the command line", "")
        tables = merged(tables, overrides)
    settled = _secrets(tables, Path(folder), variables, where, "")
    rooms = {name: _made(settled.get(name, {}), room, name, where) for name, room in TABLES.items()}
    stores = {name: _made(table, Store, f"stores.{name}", where) for name, table in settled.get("stores", {}).items()}
    config = Config(folder=str(folder), env=env, stores=stores, **rooms)
    for name in config.online.stores:
        if name not in config.stores:
            known = f"; there are: {', '.join(config.stores)}" if config.stores else "; there is no [stores.NAME] at all"
            text = f"{where}: online.stores names '{name}', which is no store{did_you_mean(name, config.stores)}{known}"
            raise ConfigError(text, path=where, store=name)
    for name, store in config.stores.items():
        if "://" not in store.url:
            text = f"{where}: stores.{name}.url is '{store.url}', expected a URL such as lmdb://online"
            raise ConfigError(text, path=where, store=name)
        if store.options and store.url.startswith("lmdb://"):
            text = f"{where}: stores.{name}.options has '{next(iter(store.options))}', and a store of lmdb:// has no options"
            raise ConfigError(text, path=where, store=name)
    return config


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`: tables merge, anything else replaces.

    >>> merged({"a": {"x": 1, "y": [1, 2]}, "b": 1}, {"a": {"y": [3]}})
    {'a': {'x': 1, 'y': [3]}, 'b': 1}
    """
    found = dict(base)
    for key, value in over.items():
        standing: Any = found.get(key)
        both = isinstance(standing, dict) and isinstance(value, dict) and not _is_secret(value) and not _is_secret(standing)
        found[key] = merged(standing, value) if both else value
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = str(error)
        raise ConfigError(f"{path} is not TOML: {reason[:1].lower()}{reason[1:]}", path=str(path)) from None


def _check(table: Any, where: str, at: str) -> None:
    """Raises for keys that do not exist, in the three levels that are ours."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: '{at}' is {_kind(table)}, expected a table", path=where, key=at)
    rooms = [*TABLES, "stores"] if at else [*TABLES, "stores", "env"]
    for name, value in table.items():
        key = f"{at}.{name}" if at else name
        if name not in rooms:
            raise _unknown_key(key, name, rooms, where)
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: '{key}' is {_kind(value)}, expected a table", path=where, key=key)
        if name == "stores":
            for store, settings in value.items():
                if not isinstance(settings, dict):
                    text = f"{where}: '{key}.{store}' is {_kind(settings)}, expected a table with url"
                    raise ConfigError(text, path=where, key=f"{key}.{store}")
                _known(settings, Store, f"{key}.{store}", where)
        else:
            _known(value, TABLES[name], key, where)


def _known(table: dict[str, Any], struct: Any, at: str, where: str) -> None:
    for name in table:
        if name not in struct.__struct_fields__:
            raise _unknown_key(f"{at}.{name}", name, list(struct.__struct_fields__), where)


def _unknown_key(key: str, name: str, known: list[str], where: str) -> ConfigError:
    text = f"{where}: unknown key '{key}'{did_you_mean(name, known)}; there are: {', '.join(known)}"
    return ConfigError(text, path=where, key=key, known=known)


def _from_variables(variables: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The tables that HEADRACE_A__B=value makes; lists, tables and what is no text in a setting are TOML's, anything else is a text."""
    tables: dict[str, Any] = {}
    for name, text in sorted(variables.items()):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        table = tables
        for part in path[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                text = f"environment variable {name} goes into a setting that another variable gives a plain value"
                raise ConfigError(text, variable=name)
        table[path[-1]] = _value(text, path)
        where = f"environment variable {name}"
        _check(tables, where, "")
        if path[0] in TABLES:
            _made(_secrets(tables[path[0]], folder, variables, where, path[0]), TABLES[path[0]], path[0], where)
    return tables


def _value(text: str, path: list[str]) -> Any:
    standard = getattr(TABLES[path[0]](), path[-1], None) if path[0] in TABLES and len(path) == 2 else None
    if text.lstrip().startswith(("[", "{")) or isinstance(standard, int):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and any(list(value) == [kind] and isinstance(value[kind], str) for kind in ("env", "file"))


def _secrets(value: Any, folder: Path, variables: Mapping[str, str], where: str, at: str) -> Any:
    """The same tables with every secret read."""
    if at and _is_secret(value):
        (kind, name), = value.items()
        if kind == "env":
            if name not in variables:
                raise ConfigError(f"{where}: {at} reads the environment variable {name}, which is not set", path=where, key=at)
            return variables[name]
        path = folder / name
        try:
            return path.read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise ConfigError(f"{where}: {at} reads the file {path}, which cannot be read: {error.strerror}", path=where, key=at) from None
    if isinstance(value, dict):
        return {name: _secrets(each, folder, variables, where, f"{at}.{name}" if at else name) for name, each in value.items()}
    return value


def _beside(folder: str, path: str) -> str:
    return path if "://" in path or Path(path).is_absolute() else str(Path(folder) / path)


def _kind(value: Any) -> str:
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), type(value).__name__)


def _made(table: Any, struct: Any, at: str, where: str) -> Any:
    """A table as its struct; the error has the whole key in front."""
    try:
        return msgspec.convert(table, struct)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        told = reason[:1].lower() + reason[1:] + (f", expected one of {', '.join(CODECS)}" if reason.startswith("Invalid enum") else "")
        raise ConfigError(f"{where}: {at}{place.rstrip('`')}: {told}", path=where, key=at) from None

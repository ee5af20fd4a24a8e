"""The page of settings: what `headrace.settings` says of each key, and the environment variables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec

from headrace.settings import TABLES, Store
from sinks import producer
from sources import consumer

from .parts import MADE, sentences, table

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES = {name: f"[{name}]" for name in TABLES} | {"stores.NAME": "[stores.NAME]"}
VARIABLES = {
    "HEADRACE_ENV": "the environment of `headrace.toml`, where no `--env` says it",
    "HEADRACE_<TABLE>__<KEY>": "a setting, as told above",
    "HEADRACE_CACHE": "the folder of compiled kernels; `$XDG_CACHE_HOME/headrace` or `~/.cache/headrace` otherwise",
    "HEADRACE_TRACEBACK": "not empty: an error says where in the code it was raised",
    "NO_COLOR": "not empty: no colours; nor are there any with `TERM=dumb`, or where the output is no terminal",
    "COLUMNS": "the width that tables are fitted to where the output is no terminal",
}

TEXT = """\
# Settings

`headrace.toml` lies in the folder of the feature repository, beside the definitions. Without the file, and for every key that is not in
it, the defaults hold.

```toml
[project]
name = "shop"

[kafka]
brokers = "localhost:9092"

[kafka.client]
"security.protocol" = "SASL_SSL"
"sasl.password" = { env = "KAFKA_PASSWORD" }

[stores.local]
url = "lmdb://online"

[online]
stores = ["local"]

[env.production]
kafka.brokers = "k1:9092,k2:9092"
archive.uri = "s3://bucket/log"
```

- **What wins**: an option of a command, over environment variables, over the tables of `[env.NAME]`, over the base. Tables merge; lists
  and plain values replace.
- **`[env.NAME]`** may hold any of the tables below. It counts where `--env NAME` or HEADRACE_ENV says so, and its name stands in the
  names outside, as `shop.production.clicks`.
- **A variable** is HEADRACE_, the table, two underscores, the key: `HEADRACE_KAFKA__BROKERS=k1:9092`. Lists and tables are written as
  TOML has them: `HEADRACE_ONLINE__STORES='["local"]'`, `HEADRACE_KAFKA__CLIENT='{ "socket.timeout.ms" = 500 }'`. A variable without two
  underscores is none of them.
- **A secret** is `{ env = "NAME" }` or `{ file = "path" }` (beside the file, without line ends behind it) in place of a value: no secret
  stands in the repository.
- **A relative folder** is beside the file, wherever a command is called.
- **An unknown key is an error** that names the nearest one, and so is a value that does not fit; the exit code is 2.
"""


def page() -> str:
    """The page of settings."""
    parts = [MADE.format("headrace/settings.py"), TEXT]
    parts += [section(name, struct) for name, struct in [*TABLES.items(), ("stores.NAME", Store)]]
    parts.append(f"## Environment variables\n\n{table(['', ''], [[f'`{name}`', told] for name, told in VARIABLES.items()])}\n")
    return "\n".join(parts)


def section(name: str, struct: Any) -> str:
    """One table of the file."""
    rows = []
    example = [f"[{name.replace('NAME', 'local')}]"]
    for field in msgspec.structs.fields(struct):
        kind, meta = get_args(field.type)
        rows.append([f"`{field.name}`", type_name(kind), default(field), meta.description])
        example += [f"{field.name} = {toml(value)}" for value in meta.examples or ()]
    parts = [f"## {TITLES[name]}", sentences(struct), table(["key", "type", "default", ""], rows)]
    if name == "kafka":
        parts.append(kafka())
    return "\n\n".join([*parts, "\n".join(["```toml", *example, "```\n"])])


def kafka() -> str:
    """What librdkafka is told beside what a user writes."""

    def listed(settings: Mapping[str, Any]) -> str:
        return ", ".join(f"`{name}` = {toml(value)}" for name, value in settings.items())

    return "\n".join([
        "In `client`, these are ours, whatever it says, since the promises stand on them:\n",
        f"- of consumers {listed(consumer.OURS)}, and `group.id`:",
        "  `<name>.<env>.archive.<source>` for `archive`, `<name>.<env>.<groups>` for `run`",
        f"- of the producer of steps {listed(producer.OURS)}; of dead letters that are tried again `enable.idempotence` alone",
        "\nand these have defaults other than librdkafka's:\n",
        f"- of consumers {listed(consumer.DEFAULTS)}",
        f"- of the producer of steps {listed(producer.DEFAULTS)}",
    ])  # fmt: skip


def type_name(kind: Any) -> str:
    """A type, in TOML's words."""
    if get_origin(kind) is Literal:
        return " or ".join(f"`{toml(value)}`" for value in get_args(kind))
    if get_origin(kind) is dict:
        return "table"
    if get_origin(kind) is list:
        return f"array of {type_name(get_args(kind)[0])}s"
    if get_origin(kind) in {Union, type(int | None)}:
        return " or ".join(type_name(each) for each in get_args(kind) if each is not type(None))
    return {str: "string", int: "integer", bool: "boolean"}[kind]


def default(field: Any) -> str:
    """What holds where the key is not there."""
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{toml(field.default_factory())}`"
    if field.default is msgspec.NODEFAULT:
        return "must be given"
    return "" if field.default is None else f"`{toml(field.default)}`"


def toml(value: Any) -> str:
    """A value as TOML has it.

    >>> toml({"a.b": [1, True]}), toml({})
    ('{ "a.b" = [1, true] }', '{}')
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{name if name.isidentifier() else json.dumps(name)} = {toml(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)

"""What can be set in `headrace.toml`: its tables and keys, each with its type, its default, what it does and an example.

It promises that everything a person may want to know of a setting stands here: the reference is written from it. Where the values come
from, and what is said of those that cannot be, is left to `headrace.config`; what a setting does to the part that has it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

Codec = Literal["zstd", "lz4", "snappy", "none"]
CODECS: tuple[str, ...] = get_args(Codec)


def told(text: str, *examples: Any, **limits: Any) -> msgspec.Meta:
    """What a setting does, and values that it may have."""
    return msgspec.Meta(description=text, examples=list(examples), **limits)


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names."""

    name: Annotated[
        str,
        told(
            "Stands in front of the names outside, `<name>.<env>.<thing>` or, without an environment, `<name>.<thing>`: consumer groups, "
            "topics of steps, folders of checkpoints. A run under another name does not find the checkpoints of this one.",
            "shop",
        ),
    ] = "headrace"


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the topics are. Which topic and format a source has is told by its definition."""

    brokers: Annotated[
        str | None,
        told("One broker or several with commas, `host:port`. Wins over `bootstrap.servers` in `client`.", "k1:9092,k2:9092"),
    ] = None
    registry: Annotated[
        str | None,
        told(
            "The URL of the schema registry, for sources whose format is Avro; `http://user:password@host` signs in.",
            "http://registry:8081",
        ),
    ] = None
    client: Annotated[
        dict[str, str | int | float | bool],
        told(
            "Goes to librdkafka as it stands, for consumers and producers alike: its names, its units.",
            {"security.protocol": "SASL_SSL", "sasl.password": {"env": "KAFKA_PASSWORD"}},
        ),
    ] = {}

    def __repr__(self) -> str:
        """What may be secret is left out: whoever prints the settings prints no password."""
        return f"Kafka({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for rich."""
        return [("brokers", self.brokers), ("registry", self.registry and "…"), ("client", list(self.client))]


class Archive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the log of each source is kept."""

    uri: Annotated[str, told("A folder beside the file, or a URI of any file system that fsspec reaches.", "s3://bucket/log")] = "archive"
    options: Annotated[
        dict[str, Any],
        told("Goes to the file system of `uri` as it stands; a local folder has none.", {"client_kwargs": {"endpoint_url": "http://minio:9000"}}),
    ] = {}
    compression: Annotated[
        Codec | None,
        told("The codec of new files. Without it `load` takes lz4 and `archive` zstd; `archive --compression` wins over it.", "zstd"),
    ] = None


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where live runs keep their checkpoints. All processes of a run must reach it."""

    uri: Annotated[str, told("A folder beside the file, or a URI of any file system that fsspec reaches.", "s3://bucket/state")] = "state"
    options: Annotated[
        dict[str, Any],
        told("Goes to the file system of `uri` as it stands; a local folder has none.", {"client_kwargs": {"endpoint_url": "http://minio:9000"}}),
    ] = {}


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An online store by the name NAME. One that `[online]` does not name is not opened."""

    url: Annotated[
        str, told("Which kind of store, and where: `lmdb://folder` is beside the file, `lmdb:///var/folder` where it says.", "lmdb://online")
    ]
    options: Annotated[dict[str, Any], told("Options of the kind of store; `lmdb://` has none, and refuses any.")] = {}


class Online(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the newest steps go."""

    stores: Annotated[
        list[str],
        told("Names of `[stores.NAME]`. `run` and `replay --online` write to all of them, `get` and `verify` ask the first.", ["local"]),
    ] = []


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps as a topic, for other systems."""

    topics: Annotated[bool, told("Whether `run` writes the steps of each group to the topic `<name>.<env>.<group>.steps`.", True)] = False
    partitions: Annotated[
        int, told("How many partitions such a topic gets where it is made; one that stands is left as it is.", 16, ge=1)
    ] = 8


TABLES: dict[str, type[msgspec.Struct]] = {
    "project": Project,
    "kafka": Kafka,
    "archive": Archive,
    "state": State,
    "online": Online,
    "steps": Steps,
}
"""The tables by their names; `[stores.NAME]` is `Store`."""

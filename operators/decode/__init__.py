"""Bytes of a topic become rows: JSON, and Avro as schema registries have it."""

from __future__ import annotations

from .decoder import Dead, Decoded, DecodedAll, Decoder
from .registry import HttpRegistry, Registry, RegistryError, UnknownSchema

__all__ = ["Dead", "Decoded", "DecodedAll", "Decoder", "HttpRegistry", "Registry", "RegistryError", "UnknownSchema"]

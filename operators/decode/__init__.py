"""Bytes of a topic become rows: JSON, and Avro as schema registries have it."""

from __future__ import annotations

from .decoder import Dead, Decoded, Decoder
from .registry import HttpRegistry, Registry, RegistryError, UnknownSchema

__all__ = ["Dead", "Decoded", "Decoder", "HttpRegistry", "Registry", "RegistryError", "UnknownSchema"]

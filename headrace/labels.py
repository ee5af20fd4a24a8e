"""Columns that tell what came of an event, and when that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.durations import format_duration, parse_duration
from headrace.errors import InvalidValue

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Label:
    """A column's type, and how long after the event its value is known."""

    type: str
    known_after_us: int

    def __repr__(self) -> str:
        return f"label('{self.type}', known_after='{format_duration(self.known_after_us)}')"


def label(type: str, *, known_after: str | timedelta) -> Label:  # noqa: A002   # the word that a schema has for it
    """A column of a schema that is known only `known_after` its event's time: an outcome.

    A feature that reads it in a window which does not end at least that long before the current row is refused.

    >>> label("bool", known_after="7d")
    label('bool', known_after='7d')
    """
    after_us = parse_duration(known_after, "known_after of a label")
    if after_us < 0:
        text = f"known_after='{known_after}' is before the event: it must be at least 0"
        raise InvalidValue(text, known_after_us=after_us)
    return Label(type, after_us)

"""Aggregates and their windows as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .names import duration, string

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.tree import Aggregate, Frame

WORDS = {"mean": "AVG", "std": "STDDEV", "var": "VARIANCE", "decay_sum": "DECAYED_SUM", "decay_count": "DECAYED_COUNT"}
"""The names of aggregates in SQL that are not their kind's."""


def frame(node: Frame) -> str:
    """What stands in the parentheses of OVER."""
    said: Callable[[str], Any] = node.args.get
    size_us, rows = said("size_us"), said("rows")
    if size_us is not None:
        parts = [f"LAST {string(duration(size_us))}"] + ([] if rows is None else [f"ROWS {rows}"])
    else:
        parts = ["EVER"] if rows is None else [f"LAST {rows} ROWS"]
    parts += [f"DELAY {string(duration(said('delay_us')))}"] if said("delay_us") else []
    parts += [f"CLOSED '{said('closed')}'"] if (said("closed") or "right") != "right" else []
    parts += [{"row": "EXCLUDE CURRENT ROW", "instant": "EXCLUDE GROUP"}[said("exclude")]] if said("exclude") else []
    return " ".join(parts)


def is_plain_ever(node: Frame) -> bool:
    """Whether the window is the one that an aggregate has which needs none."""
    return frame(node) == "EVER"


def call(node: Aggregate, value: str | None, rows_of: str) -> str:
    """The call without FILTER and OVER; `value` is the input's text, `rows_of` all events of its source (`clicks.*`, `*`)."""
    said: Callable[[str], Any] = node.args.get
    kind = said("kind")
    if kind == "n_unique":
        return f"COUNT(DISTINCT {value})"
    if kind == "count":
        return f"COUNT({rows_of if value is None else value})"
    source = [] if rows_of == "*" else [rows_of.removesuffix(".*")]
    if kind == "decay_count":
        return f"DECAYED_COUNT({', '.join([*source, string(duration(said('half_life_us')))])})"
    arguments = [value or ""]
    arguments += [str(said("n"))] if said("n") else []
    arguments += [string(duration(said("half_life_us")))] if said("half_life_us") else []
    return f"{WORDS.get(kind, kind.upper())}({', '.join(arguments)}){' IGNORE NULLS' if said('ignore_nulls') else ''}"

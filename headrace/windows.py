"""Windows as definitions write them.

At an instant t a window holds the events with `t - delay - size < time <= t - delay`, or the newest `rows` of them, or all there ever were.
`closed` and `exclude` concern rows of events only. It promises that every window that exists can be computed; microseconds inside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from headrace.durations import format_duration, parse_duration
from headrace.errors import FutureFrame, InvalidWindow

if TYPE_CHECKING:
    from headrace.plan.model import Closed, Exclude
    from headrace.tree import Frame

CLOSED = ("right", "left", "both", "none")
EXCLUDE = ("", "row", "instant")


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a definition. `label` is what a template appends to a feature's name, and does not tell windows apart."""

    size_us: int | None
    rows: int | None
    delay_us: int = 0
    closed: Closed = "right"
    exclude: Exclude = ""
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", _label(None, self))

    @property
    def is_ever(self) -> bool:
        """Whether neither time nor rows bound it."""
        return self.size_us is None and self.rows is None

    def frame(self) -> Frame:
        """The window as a node of the tree."""
        from headrace.tree import Frame

        return Frame(size_us=self.size_us, rows=self.rows, delay_us=self.delay_us, closed=self.closed, exclude=self.exclude)

    def __repr__(self) -> str:
        parts = [] if self.size_us is None else [f"'{format_duration(self.size_us)}'"]
        parts += ["'ever'"] if self.is_ever else []
        parts += [] if self.rows is None else [f"rows={self.rows}"]
        parts += [] if self.closed == "right" else [f"closed='{self.closed}'"]
        parts += [f"exclude='{self.exclude}'"] if self.exclude else []
        parts += [f"delay='{format_duration(self.delay_us)}'"] if self.delay_us else []
        return f"window({', '.join(parts)})"


Size: TypeAlias = "str | timedelta | Window"


def window(
    size: Size | None = None,
    *,
    rows: int | None = None,
    closed: Closed = "right",
    exclude: Exclude | None = None,
    delay: str | timedelta = timedelta(0),
) -> Window:
    """A window by time, by rows, by both, or `"ever"`.

    Args:
        size: how far back it reaches: `"7d"`, a timedelta, or `"ever"`.
        rows: the newest this many events that pass the aggregate's filter, nulls included.
        closed: which bounds belong to it in a row of an event: the right one unless said otherwise.
        exclude: in a row of an event, `"row"` leaves out the event itself, `"instant"` all of its instant.
        delay: it ends this long before t.

    Raises:
        InvalidWindow: it would hold nothing, or its parts contradict each other.
        FutureFrame: a delay below zero.

    >>> window("7d"), window(rows=100), window("7d", rows=100, delay="1h"), window("ever")
    (window('7d'), window(rows=100), window('7d', rows=100, delay='1h'), window('ever'))
    >>> window("0s")
    Traceback (most recent call last):
    headrace.errors.InvalidWindow: a window of '0s' holds nothing: its size must be above zero
    """
    if isinstance(size, Window):
        if rows is not None or closed != "right" or exclude or delay != timedelta(0):
            text = f"{size!r} has its own rows, closed, exclude and delay: say them in hr.window(…), not beside it"
            raise InvalidWindow(text)
        return size
    written = size
    size_us = None if size is None or size == "ever" else parse_duration(size, "the size of a window")
    if size is None and rows is None:
        raise InvalidWindow("a window needs a size such as '7d', rows=, or 'ever'")
    delay_us = parse_duration(delay, "the delay of a window")
    _check(written, size_us, rows, delay_us, closed, exclude)
    made = Window(size_us, rows, delay_us, closed, exclude or "")
    object.__setattr__(made, "label", _label(written, made))
    return made


def _check(written: object, size_us: int | None, rows: object, delay_us: int, closed: object, exclude: object) -> None:
    if size_us is not None and size_us <= 0:
        text = f"a window of '{written}' holds nothing: its size must be above zero"
        raise InvalidWindow(text, size_us=size_us)
    if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool) or rows < 1):
        text = f"rows={rows!r} holds nothing: rows is a whole number above zero"
        raise InvalidWindow(text, rows=rows)
    if delay_us < 0:
        found = f"a delay of {format_duration(delay_us)} ends the window after the current row"
        text = f"{found}: features see the past only; delay is at least 0"
        raise FutureFrame(text, delay_us=delay_us)
    if closed not in CLOSED:
        text = f"closed={closed!r} is not one of 'right', 'left', 'both', 'none'"
        raise InvalidWindow(text, closed=closed)
    if (exclude or "") not in EXCLUDE:
        text = f"exclude={exclude!r} is not one of 'row', 'instant'"
        raise InvalidWindow(text, exclude=exclude)
    if closed != "right" and size_us is None:
        what = "is bounded by rows only" if rows is not None else "has no bounds"
        hint = "use exclude='row' or exclude='instant' to leave out the newest"
        text = f"closed='{closed}' needs a window by time, and this one {what}: {hint}"
        raise InvalidWindow(text, closed=closed)


def _label(written: object, made: Window) -> str:
    """As it was written where that can stand in a name (`60m` stays `60m`)."""
    if isinstance(written, str) and re.fullmatch(r"[0-9a-z]+", written):
        parts = [written]
    elif made.size_us is not None:
        parts = [format_duration(made.size_us)]
    else:
        parts = ["ever"] if made.rows is None else []
    parts += [f"{made.rows}rows"] if made.rows is not None else []
    parts += [made.closed] if made.closed != "right" else []
    parts += [f"no_{made.exclude}"] if made.exclude else []
    parts += [f"delay_{format_duration(made.delay_us)}"] if made.delay_us else []
    return "_".join(parts)

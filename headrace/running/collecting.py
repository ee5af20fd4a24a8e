"""Python's collection of cycles while a flow runs: seldom, and not of what was there before.

Messages come as tens of thousands of objects that live for a moment and refer to nothing. Python's default looks through those that are
alive for every 700 new ones: a fifth of what an archive does. A flow makes few cycles; they wait a little longer.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

THRESHOLDS = (50_000, 20, 20)
"""So many new objects are looked through; so many times, and those that stayed are too."""


@contextmanager
def collected_seldom() -> Iterator[None]:
    """While it is entered; everything is as it was behind it."""
    before = gc.get_threshold()
    # what is there now is there to stay: a collection that looks through all of it holds every thread for a tenth of a second
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

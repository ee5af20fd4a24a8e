"""Canonical trees as closures over Arrow record batches.

`compile_row` (of several: `compile_rows`) is for what is evaluated once an event (`derive`), `compile_finish` for a group's features over
its cells (`finish`). Both promise isolation: a value that fails (an overflow, a cast, a user's function that raises) is null in its own
cell and counted, and changes nothing else; a batch of n rows gives what n batches of one row give. They keep no state between batches; one
closure may be called from several threads. The batch is not changed, and a result may share its buffers.

A row fails as a whole: what stands around the value that failed does not mend it (coalesce) or see it (is null). It is not asked for where
a conditional takes another branch, a coalesce ends before it, or the other side decides an and/or.
"""

from __future__ import annotations

from .finish import compile_finish
from .row import compile_row, compile_rows, evaluate

__all__ = ["compile_finish", "compile_row", "compile_rows", "evaluate"]

"""What processes that compute together need of this machine: free ports, and the last words of the one that failed."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from headrace.errors import own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTENING = (15_000, 30_000)
"""Where ports are looked for: below those that systems give to who calls out (from 32768 on Linux), so that none is taken between its
choice and its use; and below those that Kubernetes gives to services.
"""
LAST_WORDS = 2_000


def free_ports(count: int) -> list[int]:
    """So many ports in a row that nothing listens on, on no address of this machine."""
    for _ in range(1_000):
        first = random.SystemRandom().randrange(LISTENING[0], LISTENING[1] - count)
        ports = list(range(first, first + count))
        with ExitStack() as held:
            try:
                for port in ports:
                    held.enter_context(socket.socket()).bind(("", port))
            except OSError:
                continue
            return ports
    raise OSError(f"no {count} free ports in a row between {LISTENING[0]} and {LISTENING[1]}")


@contextmanager
def leaving_words(log: Path) -> Iterator[None]:
    """While it is entered, an error of ours that ends the process is told beside its log; the way there is in the log."""
    try:
        yield
    except Exception as error:
        known = own(error)
        if known is not None:
            _told(log).write_text(known.text)
        raise


def last_words(log: Path) -> str:
    """What a process that ended has said: the error of ours, else the end of its log."""
    told = _told(log)
    return told.read_text() if told.exists() else log.read_text(errors="replace").strip()[-LAST_WORDS:] or "it said nothing"


def forget_words(log: Path) -> None:
    """Take away what an earlier process said there."""
    _told(log).unlink(missing_ok=True)


def _told(log: Path) -> Path:
    return log.with_suffix(".error")

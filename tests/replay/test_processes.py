"""Ports that nothing listens on, and the last words of a process."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from headrace.errors import InvalidValue
from replay import processes
from replay.processes import forget_words, free_ports, last_words, leaving_words

if TYPE_CHECKING:
    from pathlib import Path

FAILS = """
import sys
from pathlib import Path
from headrace.errors import InvalidValue
from replay.processes import leaving_words
with leaving_words(Path(sys.argv[1])):
    try:
        raise InvalidValue("the port is taken", port=1)
    except InvalidValue as error:
        raise RuntimeError("step failed") from error
"""


def test_free_ports_stand_in_a_row_where_no_caller_is_put() -> None:
    ports = free_ports(3)
    assert ports == list(range(ports[0], ports[0] + 3))
    assert processes.LISTENING[0] <= ports[0] < ports[-1] < processes.LISTENING[1]


def test_a_row_with_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    first, taken, *_, free = free_ports(6)
    draws = iter([first, taken, free])
    monkeypatch.setattr(random.SystemRandom, "randrange", lambda *_: next(draws))
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        assert free_ports(2)[0] == free


def test_no_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [taken] = free_ports(1)
    monkeypatch.setattr(random.SystemRandom, "randrange", lambda *_: taken)
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        with pytest.raises(OSError, match="no 1 free ports in a row between 15000 and 30000"):
            free_ports(1)


def test_an_error_of_ours_is_the_last_word_and_the_way_there_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "process-0.log"
    with log.open("wb") as out:
        assert subprocess.run([sys.executable, "-c", FAILS, str(log)], stdout=out, stderr=out, check=False).returncode == 1
    assert last_words(log) == "the port is taken"
    assert log.read_text().rstrip().endswith("RuntimeError: step failed")
    forget_words(log)
    assert last_words(log).endswith("RuntimeError: step failed")


def test_another_error_is_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "process-0.log"
    log.write_text("x" * 3000 + "killed\n")
    with pytest.raises(ValueError, match="no word"), leaving_words(log):
        raise ValueError("no word of ours")
    assert last_words(log) == "x" * 1994 + "killed"
    log.write_text("\n")
    assert last_words(log) == "it said nothing"
    with pytest.raises(InvalidValue), leaving_words(log):
        raise InvalidValue("a mistake")
    assert last_words(log) == "a mistake"

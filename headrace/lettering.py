"""Dead letters for people: which there are, what is in one, trying them again; what `headrace dead-letters` calls.

It promises that a letter is marked as tried again only when its bytes are back in the topic, or its record is a row of the log. A retry
that dies in between produces some messages twice; records of files are loaded once in any case.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.archive import Layout, load
from headrace.archive.letters import LetterBox
from headrace.archive.parts import Wanted
from headrace.archive.read import read_parts
from headrace.arrow import pc
from headrace.errors import HeadraceError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.archive import Folder
    from headrace.archive.letters import Letter
    from headrace.repository import Repository
    from headrace.source import Source

WRITTEN_S = 60.0


class NotDelivered(HeadraceError):
    """Kafka did not take letters that were tried again; its fact `letters` has their places."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of letters that were tried again.

    `produced` are in their topic again, with new offsets; `rows` of loaded files are in the log now, `dead` stay the letters that they are.
    `left` were not tried: their messages are in the log already.
    """

    produced: int
    rows: int
    dead: int
    left: int


def dead_letters(repository: Repository, source: str, reason: str | None = None) -> list[Letter]:
    """The dead letters of a source that were not tried again, by place, those of loaded files last; `reason` is a part of their reason."""
    letters = _box(repository, repository.sources[source].base).letters()
    return [letter for letter in letters if reason is None or reason in letter.reason]


def find_letter(repository: Repository, source: str, place: str) -> Letter:
    """The letter at `partition/offset`, or `file/row` for a loaded file; raises `UserError` where there is none."""
    found = _box(repository, repository.sources[source].base).all()
    for letter, _ in found:
        if letter.place == place:
            return letter
    there = f"there are {len(found):,}; headrace dead-letters list {source} names them" if found else "there are none"
    raise UserError(f"no dead letter of '{source}' at {place}: {there}", source=source, place=place)


def retry(repository: Repository, source: str, reason: str | None = None) -> Retried:
    """Try dead letters again: bytes of a topic are produced to it, to the same partition; records of a file are loaded.

    Without a `reason` those are left out whose messages are in the log already: too late, without event time, too far ahead. Raises
    `NotDelivered`, and what `load` raises.
    """
    found = repository.sources[source].base
    box = _box(repository, found)
    letters = [letter for letter in box.letters() if reason is None or reason in letter.reason]
    tried = [letter for letter in letters if reason is not None or not letter.in_log]
    of_topic = [letter for letter in tried if letter.file is None]
    of_files = [letter for letter in tried if letter.file is not None]
    if of_topic:
        _produce(repository, of_topic)
        box.mark(of_topic)
    loaded = _load(repository, found, of_files) if of_files else []
    box.mark(loaded)
    return Retried(len(of_topic), len(loaded), len(of_files) - len(loaded), len(letters) - len(tried))


def _archive(repository: Repository) -> Folder:
    from headrace.showing import archive_of

    return archive_of(repository)


def _box(repository: Repository, source: Source) -> LetterBox:
    return LetterBox(_archive(repository).child(source.name))


def _produce(repository: Repository, letters: Sequence[Letter]) -> None:
    """Give the bytes to Kafka again; returns when it has them all."""
    from confluent_kafka import Producer

    from headrace.running.starting import kafka_settings
    from sources.refusals import Heard, rights
    from sources.topics import logger, partitions_of

    settings = kafka_settings(repository)
    for topic in sorted({letter.topic or "" for letter in letters}):
        partitions_of(settings, topic)   # says at once what a producer would try again and again
    failed: dict[str, str] = {}
    heard = Heard(logger)
    producer = Producer({**settings, "enable.idempotence": True, "error_cb": heard.error}, logger=logger)
    for letter in letters:

        def told(error: Any, _: Any, place: str = letter.place) -> None:
            if error is not None:
                failed[place] = f"{error.str()}{rights(error.name())}"

        while True:
            try:
                producer.produce(letter.topic or "", letter.value, letter.key, partition=letter.partition, on_delivery=told)
            except BufferError:   # its queue is full
                producer.poll(0.1)
                continue
            break
        producer.poll(0)
    waiting = producer.flush(WRITTEN_S)
    if failed or waiting:
        why = next(iter(failed.values()), (heard.why() or ("", "it does not answer"))[1])
        text = f"Kafka did not take {len(failed) + waiting} of {len(letters)} dead letters: {why}; none is marked, try again"
        raise NotDelivered(text, letters=tuple(failed))


def _load(repository: Repository, source: Source, letters: Sequence[Letter]) -> list[Letter]:
    """Load the records of files that can be read now; the letters of these."""
    layout = Layout.of(source)
    lines = [_line(letter) for letter in letters]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dead-letters.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n")
        good = _readable(layout, path)
        if good:
            path.write_bytes(b"\n".join(lines[number] for number in good) + b"\n")
            load(layout, [path], _archive(repository), compression=repository.config.archive.compression or "lz4")
    return [letters[number] for number in good]


def _readable(layout: Layout, path: Path) -> list[int]:
    """The numbers of the lines that `load` would make rows of."""
    wanted = Wanted(layout.schema, layout.units, f"source '{layout.name}'", layout.time)
    good: list[int] = []
    for part in read_parts(str(path), wanted):
        timed = pc.is_valid(part.table.column(layout.time)).to_numpy()
        good += part.numbers[timed].tolist()
    return good


def _line(letter: Letter) -> bytes:
    """A record in one line, with the letter's place as a field that no source has: no two letters are the same file to `load`."""
    text = letter.value or b""
    try:
        record = json.loads(text)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return b'"no record"'
    return json.dumps(record | {"_dead_letter": letter.place}, ensure_ascii=False).encode()

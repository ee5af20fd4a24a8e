"""The checkpoints of a live run: a folder that every process of it reaches.

    state-K-PP       for each shard of process PP the rows it applied in checkpoint K; behind a replay of the archive, its whole state
    made-K-SS-…      what was made of such links of shard SS up to checkpoint K: its whole state, or the rows of several as one
    note-K-…json     one for each reader (its offsets) and process (its shards' bases and rows since), written when all of it is safe
    ids-K-PP         the identities that reader PP has seen since the checkpoint before, where a source is `unique`
    complete-K.json  all notes of K in one; only what has one counts

Behind the numbers of a name stands the run that wrote the file: none ever writes over another's (`headrace.running.claims`). Promises that
a checkpoint counts when every reader and every shard has noted it, that files appear whole, and that what a counted checkpoint needs stays
until a newer one counts; so does what was made since, until a newer one counts on what was made later. What somebody else has removed or
changed is `Damaged`, by checksums in the files; a store that does not answer is not. `FORMAT` changes with any of this, with the hash of
entities and with the number of shards.
"""

from __future__ import annotations

import json
import pickle
import re
import uuid
import zlib
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.archive import Folder
from headrace.archive.folder import failures
from headrace.errors import StorageError
from headrace.running.claims import check, newest_claim
from headrace.running.pace import never
from headrace.running.packing import Damaged, Packed, damaged, packed, unpacked
from sources.partition import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

FORMAT = 5
META, DRAFT = "format.json", ".part"
PORTION = 5_000
"""So many identities are pickled at once."""
_RUN = r"(?:-[0-9a-f]+)?"
_FILE = re.compile(
    rf"(?:(state|ids)-(\d{{12}})-(\d+){_RUN}|note-(\d{{12}})-(?:part|shards)-\d+{_RUN}\.json|complete-(\d{{12}}){_RUN}\.json)"
)
_MADE = re.compile(r"made-(\d{12})-(\d+)-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Link:
    """A part of a file: the whole state of a shard, or the `rows` that it applied after the link before."""

    file: str
    offset: int
    size: int
    is_base: bool
    rows: int = 0

    @property
    def number(self) -> int:
        """The checkpoint up to which it goes."""
        return int(self.file.split("-")[1])


@dataclass(frozen=True, slots=True)
class Complete:
    """A checkpoint that counts, by its `file`: the places of the readers by `source/partition`, the files with the identities that each of
    them has seen, for each shard the links that its state is made of, and how many rows were `held` in front of them: none once a run has
    caught up, None where an older version wrote it.
    """

    number: int
    places: dict[str, dict[str, int]]
    identities: list[list[str]]
    shards: dict[int, list[Link]]
    file: str = ""
    held: int | None = None

    def by_name(self) -> dict[tuple[str, int], Place]:
        """The places by (source, partition)."""
        found = {}
        for name, place in self.places.items():
            source, _, partition = name.rpartition("/")
            found[source, int(partition)] = Place(place["offset"], place["arrival_us"], place["newest_us"], bool(place["is_live"]))
        return found


class Checkpoints:
    """The folder of one plan: `what` says what is kept in it, and another `what` is refused. `run` names who writes, in hex digits.

    Whoever sets `rest` has it called between pieces of what is read and written.
    """

    def __init__(self, uri: str, options: Mapping[str, Any] | None = None, run: str = "") -> None:
        self.folder, self.run = Folder(uri, options), run
        self.rest: Callable[[], None] = never

    @property
    def _tail(self) -> str:
        return f"-{self.run}" if self.run else ""

    def begin(self, what: Mapping[str, Any]) -> None:
        """Claim the folder; raises `StorageError` where it holds something that this version cannot read."""
        self.check(what)
        if META not in self.folder.names():
            self.write(META, json.dumps({"format": FORMAT, **what}).encode())

    def check(self, what: Mapping[str, Any]) -> None:
        """Raises `StorageError` where the folder holds checkpoints of something else."""
        if META in self.folder.names():
            found, meta = self._told(META), {"format": FORMAT, **what}
            if found != meta:
                text = f"the checkpoints in {self.folder.uri} are of another format or plan ({_difference(found, meta)})"
                raise StorageError(text, path=self.folder.uri)

    def newest(self, *, with_files: bool = False) -> Complete | None:
        """The newest checkpoint that counts; None where there is none. Raises `Damaged`; `with_files` also for its files."""
        name = self.newest_name()
        while name is not None:
            try:
                complete = self._counting(name)
                if with_files:
                    self._check_files(complete)
                return complete
            except Damaged:
                # a run beside this one may have written a newer one meanwhile, and taken this one away
                before, name = name, self.newest_name()
                if name == before:
                    raise
        return None

    def _counting(self, name: str) -> Complete:
        told = self._told(name)
        if told.pop("crc32", None) != _sum(told):
            raise self._damaged(name, "its checksum is not that of what it says")
        return _complete(name, told)

    def _check_files(self, complete: Complete) -> None:
        """Whether every file that a checkpoint needs is there, and long enough for what is to be in it; reads none."""
        sizes = self.folder.sizes()
        needed = dict.fromkeys([META, *(name for names in complete.identities for name in names)], 1)
        for link in (link for links in complete.shards.values() for link in links):
            needed[link.file] = max(needed.get(link.file, 0), link.offset + link.size)
        for name, size in sorted(needed.items()):
            if sizes.get(name, -1) < size:
                reason = f"it has {sizes[name]:,} bytes, and {size:,} were written" if name in sizes else "it is not there"
                raise self._damaged(name, reason)

    def newest_name(self) -> str | None:
        """The file of the newest checkpoint that counts."""
        found = [(int(match[5]), name) for name in self.folder.names() if (match := _FILE.fullmatch(name)) and match[5]]
        return max(found)[1] if found else None

    def write_parts(self, number: int, process: int, parts: Mapping[int, Packed], rows: Mapping[int, int] | None) -> dict[int, Link]:
        """Write what a process keeps of its shards into one file; the link to each. `rows`: how many each has, None for whole states."""
        name = f"state-{number:012d}-{process:02d}{self._tail}"
        self.write(name, Packed([buffer for part in parts.values() for buffer in part.buffers]))
        links, offset = {}, 0
        for shard, data in parts.items():
            links[shard] = Link(name, offset, data.size, rows is None, 0 if rows is None else rows[shard])
            offset += data.size
        return links

    def made_name(self, number: int, shard: int) -> str:
        """A new name for what is made of a shard's links up to a checkpoint: no two writers ever have one."""
        return f"made-{number:012d}-{shard:02d}-{uuid.uuid4().hex[:12]}"

    def read_part(self, link: Link) -> Any:
        """What a link stands for, as it was packed; raises `Damaged`."""
        return unpacked(self._read(link.file, link.offset, link.size), self.folder.path(link.file), self.rest)

    def note_shards(self, number: int, process: int, links: Mapping[int, Sequence[Link]], held: int = 0) -> None:
        """The shards of a process are safe; so many rows that came to them have not been applied."""
        chains = {str(shard): [astuple(link) for link in chain] for shard, chain in links.items()}
        self.write(f"note-{number:012d}-shards-{process}{self._tail}.json", json.dumps({"links": chains, "held": held}).encode())

    def note_part(self, number: int, part: int, places: Mapping[tuple[str, int], Place], identities: Sequence[str]) -> None:
        """A reader stands there at the end of a checkpoint; the files `identities` hold what it has seen."""
        told = {
            f"{source}/{p}": asdict(place)
            for (source, p), place in places.items()
        }
        data = json.dumps({"places": told, "identities": list(identities)}).encode()
        self.write(f"note-{number:012d}-part-{part}{self._tail}.json", data)

    def write_identities(self, number: int, part: int, entries: Sequence[Any]) -> str:
        """Write identities that a reader has seen; the name of their file."""
        name = f"ids-{number:012d}-{part:02d}{self._tail}"
        # in portions, since a pickle holds the interpreter until it is done
        portions = [pickle.dumps(entries[at : at + PORTION]) for at in range(0, len(entries), PORTION)]
        self.write(name, packed([pickle.PickleBuffer(portion) for portion in portions]))
        return name

    def read_identities(self, name: str) -> list[Any]:
        """The identities in a file; raises `Damaged`."""
        return [entry for portion in unpacked(self._read(name, 0, None), self.folder.path(name)) for entry in pickle.loads(portion)]

    def complete(self, number: int, parts: int, shards: int) -> Complete | None:
        """Let a checkpoint count, if all have noted it; raises `TakenOver` where another run has the state now."""
        names = set(self.folder.names())
        check(self, names)
        wanted = [f"note-{number:012d}-part-{i}{self._tail}.json" for i in range(parts)]
        if not names.issuperset(wanted):
            return None
        links: dict[str, Any] = {}
        held = 0
        noted = re.compile(rf"note-{number:012d}-shards-\d+{self._tail}\.json")
        for name in filter(noted.fullmatch, names):
            note = self._told(name)
            links |= note["links"]
            held += note["held"]
        if len(links) < shards:
            return None
        notes = [self._told(name) for name in wanted]
        places: dict[str, dict[str, int]] = {}
        for note in notes:
            places |= note["places"]
        told = {
            "places": places,
            "identities": [note["identities"] for note in notes],
            "shards": links,
            "held": held,
        }
        name = f"complete-{number:012d}{self._tail}.json"
        self.write(name, json.dumps(told | {"crc32": _sum(told)}).encode())
        return _complete(name, told)

    def tidy(self, newest: Complete | None, *, all_others: bool = False) -> None:
        """Remove what no checkpoint that counts needs; `all_others` also what was begun behind the newest, when nobody is writing.

        Raises `TakenOver` where another run has the state now.
        """
        needed: set[str | None] = set()
        made: dict[int, int] = {}
        if newest is not None:
            needed |= {newest.file, *(name for names in newest.identities for name in names)}
            needed |= {link.file for links in newest.shards.values() for link in links}
            for shard, links in newest.shards.items():
                made[shard] = max((link.number for link in links if _MADE.fullmatch(link.file)), default=-1)
        limit = -1 if newest is None else newest.number
        there = self.folder.names()
        check(self, there)
        for name in there:
            if name in needed:
                continue
            if found := _FILE.fullmatch(name):
                needless = int(found[2] or found[4] or found[5]) <= limit
            elif found := _MADE.fullmatch(name):
                # what was made later may wait for the checkpoint that counts on it
                needless = int(found[1]) <= made.get(int(found[2]), -1)
            else:
                continue
            if all_others or needless:
                self.folder.remove(name)
        if all_others and self.folder.local:
            for draft in Path(self.folder.uri).glob(f".*{DRAFT}"):
                draft.unlink(missing_ok=True)

    def write(self, name: str, data: bytes | Packed) -> None:
        """Write a file that is whole or not there; raises `StorageError`."""
        self.folder.put(name, self._rested(data.buffers if isinstance(data, Packed) else [data]), DRAFT)

    def _rested(self, parts: Iterable[Any]) -> Iterator[Any]:
        for part in parts:
            yield part
            self.rest()

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """The bytes of a file, or some of them."""
        return self._read(name, offset, size).to_pybytes()

    def _read(self, name: str, offset: int, size: int | None) -> pa.Buffer:
        try:
            with self.folder.open(name) as file:
                there = file.size()
                wanted = there - offset if size is None else size
                if there < offset + wanted:
                    raise self._damaged(name, f"it has {there:,} bytes, and {offset + wanted:,} were written")
                file.seek(offset)
                data = file.read_buffer(wanted)
                if data.size < wanted:
                    raise OSError(f"{data.size:,} bytes came, of {wanted:,}")
                return data
        except FileNotFoundError as error:
            # where the whole folder is gone, its disk may be
            if META in (names := self.folder.names()) and name not in names:
                raise self._damaged(name, "it is not there") from error
            raise self.folder.failed("read", name, error) from error
        except failures() as error:
            raise self.folder.failed("read", name, error) from error

    def _told(self, name: str) -> dict[str, Any]:
        """What a file of JSON says."""
        try:
            found = json.loads(self.read(name))
            if isinstance(found, dict):
                return found
        except ValueError as error:
            raise self._damaged(name, "it is not JSON") from error
        raise self._damaged(name, "it is not what was written")

    def _damaged(self, name: str, reason: str) -> Damaged:
        return damaged(self.folder.path(name), reason)

    def clear(self) -> None:
        """Remove everything but claims."""
        claim = newest_claim(self.folder.names())
        for name in self.folder.names():
            if name != claim:
                self.folder.remove(name)


def _complete(name: str, told: Mapping[str, Any]) -> Complete:
    shards = {int(shard): [Link(*link) for link in links] for shard, links in told["shards"].items()}
    return Complete(int(name.removesuffix(".json").split("-")[1]), told["places"], told["identities"], shards, name, told.get("held"))


def _sum(told: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(told).encode())


def _difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} is {found.get(k)!r}, expected {v!r}" for k, v in expected.items() if found.get(k) != v) or "more than expected"

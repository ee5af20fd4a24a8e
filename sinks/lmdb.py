"""The online store in a folder: LMDB, memory-mapped, for one machine. URL `lmdb://folder`.

It promises one transaction a batch; that any number of processes read while one at a time writes (a second writer waits); that the map
grows by itself; that what was written is seen at once by all, and survives the end of the process, and after `flush` that of the machine.
It relies on a local disk: LMDB over a network file system loses data. Where a process forks, the child opens the store anew.

    number (4 bytes) key     → record (`sinks.steps`); a key of more than 500 bytes stands as its SHA-256, with the key behind the record
    fe number                → the first 9 bytes of the latest record that was ever written to a table
    ff group 00 digest       → msgpack of the table: its number, names and types
"""

from __future__ import annotations

import hashlib
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from headrace.errors import StorageError
from headrace.types import parse_type, type_name
from sinks.environment import Environment
from sinks.online import StepTable
from sinks.steps import HEAD_BYTES, LATE_BYTES, decode_keys, decode_records, encode_keys, encode_records, is_readable, newest_rows

if TYPE_CHECKING:
    import os

LONGEST_KEY_BYTES = 500
_HASHED = b"\xc1"   # a byte that no msgpack begins with
_LAST, _TABLE = b"\xfe", b"\xff"    # behind all numbers
_NONE_LATER = b"\xff"
_LENGTH_BYTES = 4
_NUMBER_BYTES = 4


class LmdbStore:
    """The store in `folder`; `read_only` for processes that never write."""

    def __init__(self, folder: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self._shared = Environment.of(Path(folder), read_only=read_only)
        self._numbers: dict[tuple[str, str], int] = {}
        self._closed = False

    def declare(self, table: StepTable) -> None:
        """Makes a table known."""
        self._number(table)

    def write(self, table: StepTable, batch: pa.RecordBatch) -> int:
        """Takes steps and says how many of them stand now."""
        if not batch.num_rows:
            return 0
        keys = encode_keys(table, batch)
        newest = newest_rows(batch, keys)
        # in the order of the tree neighbours share pages
        chosen = sorted(newest)
        records = encode_records(table, batch)
        number = self._number(table)
        pairs = _pairs(number, chosen, [records[newest[key]] for key in chosen])
        last = _last_name(number)

        def put(transaction: Any) -> int:
            # what arrived behind everything that was ever written here is newer than what stands, which is not looked at then
            latest = transaction.get(last, _NONE_LATER)
            cursor = transaction.cursor()
            unsure = [key for key, record in pairs if record[:LATE_BYTES] <= latest]
            standing = {key: record[:HEAD_BYTES] for key, record in cursor.getmulti(unsure)} if unsure else {}
            newer = [pair for pair in pairs if standing.get(pair[0], b"") <= pair[1][:HEAD_BYTES]] if standing else pairs
            cursor.putmulti(newer)
            if len(unsure) < len(pairs):
                transaction.put(last, max(record[:LATE_BYTES] for _, record in newer))
            return len(newer)

        return self._shared.change(put, len(pairs))

    def flush(self) -> None:
        """Returns when everything written before would survive a crash of the machine."""
        self._shared.sync()

    def read(self, table: StepTable, keys: pa.RecordBatch) -> pa.RecordBatch:
        """The newest step of each entity in `keys`, in that order; null where there is none."""
        columns = [keys.column(field.name).cast(field.type) for field in table.keys]
        asked = pa.RecordBatch.from_arrays(columns, schema=table.keys)
        number = self._known_number(table)
        records: list[bytes | None] = [None] * asked.num_rows
        if number is not None:
            keys_asked = encode_keys(table, asked)
            places = [place for place, _ in _pairs(number, keys_asked, [b""] * len(keys_asked))]
            found = self._shared.look(lambda transaction: [transaction.get(place) for place in places])
            records = [
                _unpaired(place[_NUMBER_BYTES:], record)[1] if record is not None and is_readable(record) else None
                for place, record in zip(places, found, strict=True)
            ]
        return pa.RecordBatch.from_arrays([*asked.columns, *decode_records(table, records)], schema=table.schema)

    def scan(self, table: StepTable, batch_rows: int = 65_536) -> list[pa.RecordBatch]:
        """All entities of a table as they stood at one instant, by key."""
        number = self._known_number(table)
        if number is None:
            return []
        prefix = number.to_bytes(_NUMBER_BYTES, "big")

        def collect(transaction: Any) -> list[tuple[bytes, bytes]]:
            cursor = transaction.cursor()
            cursor.set_range(prefix)
            within = takewhile(lambda pair: pair[0].startswith(prefix), cursor.iternext())
            return [_unpaired(key[_NUMBER_BYTES:], record) for key, record in within]

        pairs = [(key, record) for key, record in self._shared.look(collect) if is_readable(record)]
        batches = []
        for at in range(0, len(pairs), batch_rows):
            part = pairs[at : at + batch_rows]
            columns = [*decode_keys(table, [key for key, _ in part]), *decode_records(table, [record for _, record in part])]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=table.schema))
        return batches

    def tables(self) -> list[StepTable]:
        """The tables that have been written or declared, by group, the newest last."""
        found = self._shared.look(_tables)
        return [table for _, table in sorted(found, key=lambda each: (each[1].group, each[0]))]

    def close(self) -> None:
        """Frees the map once nobody in the process has it open."""
        if not self._closed:
            self._closed = True
            self._shared.release()

    def _number(self, table: StepTable) -> int:
        """The number of a table; it is given one where it has none."""
        number = self._known_number(table)
        if number is None:
            name, body = _table_name(table), _table_body(table)

            def claim(transaction: Any) -> int:
                standing = transaction.get(name)
                if standing is not None:
                    return int(msgspec.msgpack.decode(standing)["number"])
                free = 1 + max((other for other, _ in _tables(transaction)), default=0)
                transaction.put(name, msgspec.msgpack.encode({"number": free, **body}))
                transaction.put(_last_name(free), b"")
                return free

            number = self._numbers[table.group, table.digest] = self._shared.change(claim)
        return number

    def _known_number(self, table: StepTable) -> int | None:
        number = self._numbers.get((table.group, table.digest))
        if number is None:
            name = _table_name(table)
            body = self._shared.look(lambda transaction: transaction.get(name))
            if body is None:
                return None
            known = msgspec.msgpack.decode(body)
            if {key: known[key] for key in ("keys", "values")} != _table_body(table):
                text = f"group '{table.group}' has other columns in the store at {self._shared.folder} under the same digest {table.digest}"
                raise StorageError(text, group=table.group, digest=table.digest)
            number = self._numbers[table.group, table.digest] = int(known["number"])
        return number


def _last_name(number: int) -> bytes:
    return _LAST + number.to_bytes(_NUMBER_BYTES, "big")


def _pairs(number: int, keys: list[bytes], records: list[bytes]) -> list[tuple[bytes, bytes]]:
    """What stands in the tree for these keys and records."""
    prefix = number.to_bytes(_NUMBER_BYTES, "big")
    if max(map(len, keys), default=0) <= LONGEST_KEY_BYTES:
        return [(prefix + key, record) for key, record in zip(keys, records, strict=True)]
    return [_pair(prefix, key, record) for key, record in zip(keys, records, strict=True)]


def _pair(prefix: bytes, key: bytes, record: bytes) -> tuple[bytes, bytes]:
    if len(key) <= LONGEST_KEY_BYTES:
        return prefix + key, record
    return prefix + _HASHED + hashlib.sha256(key).digest(), record + key + len(key).to_bytes(_LENGTH_BYTES, "big")


def _unpaired(key: bytes, record: bytes) -> tuple[bytes, bytes]:
    """The whole key, and the record alone."""
    if not key.startswith(_HASHED):
        return key, record
    end = len(record) - _LENGTH_BYTES
    start = end - int.from_bytes(record[end:], "big")
    return record[start:end], record[:start]


def _table_name(table: StepTable) -> bytes:
    return _TABLE + b"\0".join((table.group.encode(), table.digest.encode()))


def _table_body(table: StepTable) -> dict[str, Any]:
    return {
        "keys": [[field.name, type_name(field.type)] for field in table.keys],
        "values": [[field.name, type_name(field.type)] for field in table.values],
    }


def _tables(transaction: Any) -> list[tuple[int, StepTable]]:
    """All tables and their numbers."""
    found = []
    cursor = transaction.cursor()
    cursor.set_range(_TABLE)
    for name, body in cursor.iternext():
        group, digest = name[1:].split(b"\0")
        known = msgspec.msgpack.decode(body)
        keys, values = (pa.schema([(column, parse_type(text)) for column, text in known[part]]) for part in ("keys", "values"))
        found.append((int(known["number"]), StepTable(group.decode(), digest.decode(), keys, values)))
    return found

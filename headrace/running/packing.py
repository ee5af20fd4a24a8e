"""States and rows as the bytes of a checkpoint, and back.

Promises that the columns and arrays of what is packed are neither copied nor compressed while the interpreter is held: a pickle of the rest
comes first, each array and batch behind it as it lies in memory, in pieces compressed with LZ4. Before all of it stands its CRC-32, so that
nothing is read back that was not written so. What is read back lies in memory that nobody may change. Only what this package wrote may be
read: a pickle can do anything.
"""

from __future__ import annotations

import pickle
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from headrace.errors import StorageError
from headrace.running.pace import never
from operators.messages import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PIECE_BYTES = 1 << 20
"""As much is compressed at once, and written or looked through between two rests."""
_WORD = 8


class Damaged(StorageError):
    """A file of a checkpoint that is not there, or not as it was written: what it held has to be made anew from the log."""


def damaged(where: str, reason: str) -> Damaged:
    """The error for a file of a checkpoint, by its address."""
    return Damaged(f"the checkpoint file {where} is damaged: {reason}", path=where)


@dataclass(slots=True)
class Packed:
    """What is written, in its order."""

    buffers: list[pa.Buffer] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(buffer.size for buffer in self.buffers)


class _Pickler(pickle.Pickler):
    """Leaves the rows of a piece out of the pickle, as NumPy does with its arrays."""

    def reducer_override(self, what: Any) -> Any:
        """How a piece is pickled; others as they know themselves."""
        if type(what) is not Piece:
            return NotImplemented
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, what.batch.schema) as writer:
            writer.write_batch(what.batch)
        return _piece, (pickle.PickleBuffer(sink.getvalue()), what.slice, what.key, what.source, what.order)


def _piece(data: Any, slice_: int, key: int, source: int, order: tuple[int, int]) -> Piece:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return Piece(slice_, key, source, order, reader.read_next_batch())


def packed(what: Any, rest: Callable[[], None] = never) -> Packed:
    """A state, rows or anything that pickles; with a `rest` between pieces."""
    sink = pa.BufferOutputStream()
    parts: list[pickle.PickleBuffer] = []
    _Pickler(sink, protocol=5, buffer_callback=parts.append).dump(what)
    raws = [sink.getvalue(), *(pa.py_buffer(part.raw()) for part in parts)]
    sizes = [len(raws)]
    bodies = []
    for raw in raws:
        pieces = [raw.slice(at, min(PIECE_BYTES, raw.size - at)) for at in range(0, raw.size, PIECE_BYTES)]
        stored = []
        for piece in pieces:
            stored.append(pa.compress(piece, codec="lz4", asbytes=False))
            rest()
        sizes += [raw.size, *(body.size for body in stored)]
        bodies += stored
    table = pa.py_buffer(np.array(sizes, np.int64).tobytes())
    return Packed([pa.py_buffer(np.array([_sum([table, *bodies], rest)], np.int64).tobytes()), table, *bodies])


def unpacked(data: Any, where: str = "", rest: Callable[[], None] = never) -> Any:
    """What was packed, from its bytes, with a `rest` between pieces; raises `Damaged` where they are other bytes. `where` is the address of
    their file.
    """
    whole = pa.py_buffer(data)
    try:
        if int(_words(whole, 0, 1)[0]) != _sum([whole.slice(_WORD)], rest):
            raise ValueError("its checksum is not that of what lies in it")
        head, *buffers = _raws(whole, rest)
        return pickle.loads(head, buffers=buffers)
    # whole, and yet not to be read: another version wrote it
    except (OSError, ValueError, EOFError, LookupError, TypeError, AttributeError, ImportError, pickle.UnpicklingError) as error:
        raise damaged(where, str(error)) from error


def _sum(buffers: Sequence[pa.Buffer], rest: Callable[[], None]) -> int:
    found = 0
    for buffer in buffers:
        for at in range(0, buffer.size, PIECE_BYTES):
            found = zlib.crc32(buffer.slice(at, min(PIECE_BYTES, buffer.size - at)), found)
            rest()
    return found


def _raws(data: pa.Buffer, rest: Callable[[], None]) -> Iterator[pa.Buffer]:
    count = int(_words(data, _WORD, 1)[0])
    at, table = 2 * _WORD, []
    for _ in range(count):
        raw = int(_words(data, at, 1)[0])
        pieces = -(-raw // PIECE_BYTES)
        table.append((raw, _words(data, at + _WORD, pieces).tolist()))
        at += _WORD * (1 + pieces)
    for raw, stored in table:
        found = []
        for number, size in enumerate(stored):
            length = min(PIECE_BYTES, raw - number * PIECE_BYTES)
            if at + size > data.size:
                raise EOFError("it is too short")
            found.append(pa.decompress(data.slice(at, size), length, codec="lz4", asbytes=False))
            at += size
            rest()
        yield found[0] if len(found) == 1 else _one(found)


def _words(data: pa.Buffer, at: int, count: int) -> Any:
    if at + count * _WORD > data.size or count < 0:
        raise EOFError("it is too short")
    return np.frombuffer(memoryview(data), np.int64, count, at) if count else np.zeros(0, np.int64)


def _one(pieces: list[pa.Buffer]) -> pa.Buffer:
    if not pieces:
        return pa.py_buffer(b"")
    return pa.py_buffer(np.concatenate([np.frombuffer(memoryview(piece), np.uint8) for piece in pieces]).data)

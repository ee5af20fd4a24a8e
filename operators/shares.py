"""What a live reader sends to a shard: the pieces of its rows there, and how far the reader is in the log.

One item for each shard and batch. Promises that several shares of a shard can be merged into one that leaves the same state: the order of
the rows of a source stays, points stay in their order, the newest word on how far a partition was read holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from headrace.arrow import one_batch
from operators.messages import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operators.kernels.tables import Array


NOTHING_YET = -(2**63) + 1
"""What a reader says of a partition that has no message at all: nobody waits for it, and it says nothing of log time."""
Points = tuple["Array", "Array", "Array", "Array"]


@dataclass(slots=True)
class Told:
    """A reader's word to every shard.

    `upto` has for each partition, by its ordinal, the log time up to which all of it was sent; NOTHING_YET where it is empty. The points
    (`operators.points`) are four columns: ordinals, arrivals, newest event times, whether one is known.
    """

    upto: dict[int, int]
    points: Points


@dataclass(slots=True)
class Share:
    """One shard's part of a batch. `checkpoint`: the state is to be kept at the end of this epoch, as
    number `checkpoint`; `caught_up`: the reader, `part`, has reached the end of its log.
    """

    shard: int
    part: int = 0
    pieces: list[Piece] = field(default_factory=list)
    told: Told | None = None
    checkpoint: int | None = None
    caught_up: bool = True


def merged(shares: Sequence[Share]) -> Share:
    """One share that stands for several of one shard, in their order; it asks for no checkpoint."""
    by_kind: dict[tuple[int, int], list[Piece]] = {}
    told = []
    for share in shares:
        for piece in share.pieces:
            by_kind.setdefault((piece.key, piece.source), []).append(piece)
        if share.told is not None:
            told.append(share.told)
    pieces = [joined_pieces(found) for _, found in sorted(by_kind.items())]
    return Share(shares[0].shard, shares[0].part, pieces, joined_words(told) if told else None)


def joined_words(told: Sequence[Told]) -> Told:
    """One word that stands for several in a row."""
    upto: dict[int, int] = {}
    for word in told:
        upto |= word.upto
    return Told(upto, joined_points([word.points for word in told]))


def joined_pieces(pieces: Sequence[Piece]) -> Piece:
    """One piece of several of one key and source, in their order."""
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    schema = first.batch.schema
    batches = [piece.batch if piece.batch.schema.equals(schema) else piece.batch.select(schema.names) for piece in pieces]
    return Piece(0, first.key, first.source, first.order, one_batch(batches))


def joined_points(points: Sequence[Points]) -> Points:
    """The points of several words in a row, as those of one."""
    if not points:
        none = np.zeros(0, np.int64)
        return none, none, none, np.zeros(0, np.uint8)
    ordinals, arrivals, newest, known = (np.concatenate(column) for column in zip(*points, strict=True))
    return ordinals, arrivals, newest, known


def rows_of(share: Share) -> int:
    """How many rows a share has, over all keys."""
    return sum(piece.batch.num_rows for piece in share.pieces)

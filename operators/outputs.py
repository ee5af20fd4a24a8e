"""From what the kernels wrote for a group to a batch of its cells.

Promises columns in the order key, time, what the mode adds, cells by id; and rows of events in the order of their places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from headrace.arrow import array, from_buffers
from operators.cells import cell_column
from operators.kernels import tables as t
from operators.keys import is_text, keys_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.arrow import Column
    from headrace.plan.model import KeyPlan
    from operators.kernels.tables import Array
    from operators.layout import Column as CellColumn
    from operators.layout import Layout
    from operators.merged import Merged
    from operators.messages import Facts
    from operators.state import KeyState, Written

TIMESTAMP = pa.timestamp("us", tz="UTC")


class Outputs:
    """The batches of one slice and key, from the states of its shards."""

    def __init__(
        self, merged: Merged, states: Sequence[KeyState], layout: Layout, key: KeyPlan, facts: Facts, clock_of: Sequence[int]
    ) -> None:
        """`clock_of` are the numbers of the groups' clocks."""
        self.merged, self.states, self.layout, self.key, self.facts, self.clock_of = merged, states, layout, key, facts, clock_of

    def batch(self, written: Written) -> pa.RecordBatch:
        """What was written for a group."""
        layout, merged, mode = self.layout, self.merged, self.layout.mode
        group = layout.groups[written.group]
        valid = None if written.valid.all() else written.valid
        cells = {c.cell.id: self._cell(c, written, valid) for c in layout.columns[written.group]}
        if mode == t.STEPS:
            columns = self._keys(written)
            time, arrival = written.time, written.arrival
            refreshed = written.row < 0
            if refreshed.any():
                passed_at = self.facts.clocks[self.clock_of[written.group]].arrival(time)
                arrival = np.where(refreshed, np.maximum(passed_at, arrival), arrival)
            names = [*self.key.names, "time", "_arrival", "_n"]
            columns += [_instants(time), _instants(arrival), array(written.n)]
            if merged.placed:
                names += ["_a", "_p", "_o"]
                columns += [columns[-2], *merged.places(written.row)]
        else:
            columns = merged.take_keys(written.row)
            time = merged.take_times(written.row)
            names = [*self.key.names, "time"]
            columns.append(_instants(time))
            if mode == t.EVENTS and merged.placed:
                names += ["_a", "_p", "_o"]
                columns += [_instants(merged.arrival[written.row]), *merged.places(written.row)]
            if mode == t.PROBES:
                names += ["_row", "_now"]
                columns += [merged.take_spine("_row", written.row), _instants(time)]
                for name, _ in group.requests:
                    names.append(f"r:{name}")
                    columns.append(merged.take_spine(f"r:{name}", written.row))
            else:
                if len(group.sources) > 1:
                    names.append("_source")
                    columns.append(pa.array([layout.sources[s] for s in merged.source[written.row]], pa.string()))
                for cell in layout.own[written.group]:
                    cells[cell.id] = merged.own(cell, written.row, cells.get(cell.id))
                for name, kind in group.requests:
                    names.append(f"r:{name}")
                    columns.append(merged.take_request(name, kind, written.row))
        batch = pa.RecordBatch.from_arrays([*columns, *(cells[c.id] for c in group.cells)], [*names, *(c.id for c in group.cells)])
        if merged.written_order is not None:
            # rows come out in the order of their places
            back = np.argsort(merged.written_order[written.row], kind="stable")
            batch = batch.take(array(back))
        return batch

    def _parts(self, written: Written) -> list[tuple[KeyState, slice]]:
        """The rows of each shard that has some."""
        starts = [0, *written.ends[:-1]]
        return [(state, slice(a, b)) for state, a, b in zip(self.states, starts, written.ends, strict=True) if b > a]

    def _cell(self, column: CellColumn, written: Written, valid: Array | None) -> Column:
        """The column of a cell; each shard has its own numbers for texts."""
        kind = column.cell.type
        holds_texts = is_text(kind) or (pa.types.is_nested(kind) and any(is_text(kind.field(i).type) for i in range(kind.num_fields)))
        if len(self.states) == 1 or not holds_texts:
            return cell_column(column, written.words, valid, self.states[0].texts)
        parts = [
            cell_column(column, written.words[:, rows], None if valid is None else valid[:, rows], state.texts)
            for state, rows in self._parts(written)
        ]
        return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)

    def _keys(self, written: Written) -> list[Column]:
        """The key columns of the entities that steps were written for."""
        types, parts = self.key.types, self._parts(written)
        hashes = [state.record[written.entity[rows], 0] for state, rows in parts]
        if self.states[0].exact_hash:
            none = self.states[0]
            return keys_back(hashes[0] if len(parts) == 1 else np.concatenate(hashes), none.key_at[:0], none.arena, types)
        found = [
            keys_back(own, state.key_at[written.entity[rows]], state.arena, types) for own, (state, rows) in zip(hashes, parts, strict=True)
        ]
        return found[0] if len(found) == 1 else [pa.concat_arrays(columns) for columns in zip(*found, strict=True)]


def _instants(words: Array) -> Column:
    """A column of times."""
    return from_buffers(TIMESTAMP, len(words), [None, np.ascontiguousarray(words)])

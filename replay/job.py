"""One replay as every process of it sees it: what to compute, from where, to where.

A job pickles; each process builds plan, run and sinks from it anew, so that nothing but the exchange of the flow passes between them.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.plan import build
from operators.kernels import tables as t
from operators.keys import is_word
from replay.folder import ReplayFolder
from replay.run import Options, Run, output_schema
from replay.spine import Spine
from replay.tables import archive_logs, columns_of, groups_of
from sinks.files import FileStep
from sinks.online import open_store
from sinks.pool import WriterPool
from sinks.stores import StoreStep
from sinks.writer import StoreWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bytewax.dataflow import Dataflow

    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from operators.layout import Layout
    from operators.rollup import KeyRollup
    from operators.state import KeyState

CODEC = "lz4"


@dataclass(frozen=True, slots=True)
class Job:
    """`first` is the slice to begin with; `folder` holds the work; `out` is None where only stores are filled."""

    repository: str
    env: str | None
    targets: list[str]
    mode: int
    bounds: tuple[int | None, int | None]
    folder: str | None
    time: str | None
    before: bool
    out: str | None
    stores: list[str]
    options: Options
    first: int = 0

    def at(self, folder: str, first: int) -> Job:
        """The job with its folder and first slice."""
        return replace(self, folder=folder, first=first)

    def load(self) -> Repository:
        """The repository, read anew."""
        from headrace.repository import Repository

        return Repository(self.repository, self.env)

    def named_files(self, files: Sequence[dict[str, Any]], groups: Sequence[FeatureGroup]) -> list[dict[str, Any]]:
        """The files of the manifest, with names relative to the folder."""
        several = len(groups) > 1
        names = [f"{groups[f['group']].name}/{f['name']}" if several else f["name"] for f in files]
        return [{"name": name, "rows": f["rows"], "bytes": f["bytes"]} for name, f in zip(names, files, strict=True)]

    def schema(self, plan: Plan, index: int) -> pa.Schema:
        """The columns of the files of the plan's group `index`."""
        if self.mode == t.PROBES:
            return pa.schema([("_row", pa.int64()), *((f.name, f.type) for f in plan.groups[index].features)])
        return output_schema(plan, index, self.mode)


class Worker:
    """One process's part of a job."""

    def __init__(self, job: Job, repository: Repository, cluster: bool) -> None:
        self.job, self.cluster = job, cluster
        targets = repository.resolve(job.targets)
        groups = groups_of(targets)
        plan = build(groups)
        self.folder = ReplayFolder(Path(job.folder or ""))
        spine = None
        if job.mode == t.PROBES:
            spine = Spine(pq.read_table(self.folder.work / "spine.parquet"), job.time or "", plan, job.before)
        self.run = Run(plan, archive_logs(repository, targets), job.mode, spine, job.bounds, job.options)
        if job.first:
            self.folder.load_facts(job.first - 1, self.run.facts)
        self.run.facts.keep = self._keep_facts
        self.run.progress = Watched(self.folder.work / "stop")
        self.pool = WriterPool()
        self.columns = columns_of(targets)
        self.places: dict[int, tuple[str, pa.Schema, tuple[str, ...]]] = {}
        for index, group in enumerate(groups):
            if job.out is None:
                break
            place = Path(job.out)
            if job.mode == t.PROBES:
                place = self.folder.work / "answers" / group.name
            elif len(groups) > 1:
                place = place / group.name
            place.mkdir(parents=True, exist_ok=True)
            keys = plan.keys[plan.groups[index].key].names
            statistics = ("_row",) if job.mode == t.PROBES else ("time", *keys)
            self.places[index] = (str(place), job.schema(plan, index), statistics)
        self.stores = [open_store(url) for url in job.stores]
        self.writer = StoreWriter(self.stores)

    def _keep_facts(self, slice_: int) -> None:
        self.folder.save_facts(slice_, self.run.facts)

    def flow(self) -> Dataflow:
        """The dataflow with this job's sinks."""
        plan = self.run.plan
        notes = self.folder.work
        sinks: list[tuple[str, Any]] = [("files", lambda _: FileStep(self.places, notes, self.pool, CODEC))]
        if self.stores:
            sinks.append(("stores", lambda _: StoreStep(plan, self.writer)))
        return self.run.flow(sinks, self.job.first, checkpoint=self._checkpoint, restore=self._restore)

    def _checkpoint(self, slice_: int, shard: int, keys: list[KeyRollup]) -> None:
        self.folder.save_shard(slice_, shard, keys)

    def _restore(self, shard: int, layout: Layout) -> KeyState | None:
        exact = is_word(self.run.plan.keys[layout.key].types)
        return self.folder.load_shard(self.job.first - 1, shard, layout, exact)

    def close(self) -> None:
        """Wait for what is being written."""
        self.pool.close()
        self.writer.close()
        for store in self.stores:
            store.flush()
            store.close()


class Watched:
    """Progress that a file can stop: every process of a replay looks for it between slices."""

    def __init__(self, mark: Path, told: Path | None = None) -> None:
        self.mark, self.told = mark, told
        self.rows = 0
        self._last = 0.0

    @property
    def stopped(self) -> bool:
        """Whether the replay is to end behind the slice in work."""
        return self.mark.exists()

    def read(self, rows: int) -> None:
        """So many more rows were read; tells whoever watches, a few times a second."""
        self.rows += rows
        if self.told is not None and clock.monotonic() - self._last > 0.1:
            self._last = clock.monotonic()
            self.told.write_text(str(self.rows))

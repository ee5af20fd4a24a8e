"""A replay into files and online stores: the command's work, in one process or several.

`replay_files` promises Parquet data with the same bytes for any number of processes, interrupted or not, and a manifest beside them;
running the same call again goes on where it was stopped. It relies on `replay.run` for the flow and on `replay.folder` for what survives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time as clock
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.errors import HeadraceError, InvalidValue
from headrace.frames import any_table
from headrace.plan import build
from headrace.times import format_time, parse_time
from operators.kernels import tables as t
from replay.cluster import run_cluster
from replay.folder import ReplayFolder
from replay.job import Job
from replay.run import MODES, Options
from replay.spine import Spine
from replay.tables import archive_logs, columns_of, groups_of, warn_of_coincidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.archive import Log
    from headrace.groups import FeatureGroup
    from headrace.plan.model import Plan
    from headrace.repository import Repository
    from replay.tables import Target

WAIT_S = 0.1


class Stopped(HeadraceError):
    """The replay was interrupted; the same call goes on."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay did: `rows` written, `read` from the log, `files` with name, rows and bytes, `counts` by what, `seconds`."""

    out: str | None
    rows: int
    read: int
    seconds: float
    files: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    complete_before: bool = False


def replay_files(
    repository: Repository,
    targets: Sequence[Target],
    out: str | None = None,
    *,
    rows: str = "events",
    spine: Any = None,
    time: str | None = None,
    before: bool = False,
    start: Any = None,
    stop: Any = None,
    online: bool = False,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
    options: Options | None = None,
) -> Summary:
    """Replay the archive through groups or a service.

    Args:
        repository: where the definitions, the archive and the stores are.
        targets: its groups or services.
        out: a folder for the Parquet files: `<out>/*.parquet` for one group or a spine, `<out>/<group>/*.parquet` for several groups. None
            writes no files.
        rows: as `hr.replay` has it, and so the next three.
        spine: a table of (entities, instant).
        time: the spine's column with the instants.
        before: what stood just before the instant, not at it.
        start: the first instant of the rows that come out.
        stop: the instant behind the last of them.
        online: fill the repository's online stores with the newest step of every entity as well.
        processes: how many processes share the work.
        progress: called about ten times a second with the rows read and the rows in all.
        options: what does not change a value.

    Raises:
        InvalidValue: nothing to write to, or a folder that holds something else.
        Stopped: interrupted; the same call goes on behind the last checkpoint.
    """
    options = options or Options(workers=default_workers())
    if out is None and not online:
        raise InvalidValue("a replay writes somewhere: give --out DIR, --online, or both")
    if spine is not None and time is None:
        raise InvalidValue("a spine needs --time COLUMN, the column with the instant of each row")
    if rows not in ("events", "steps"):
        raise InvalidValue(f"rows of '{rows}' are not known; they are events or steps, or give a spine", rows=rows)
    if out is not None and "://" in str(out):
        raise InvalidValue(f"--out {out}: a replay writes to a local folder; copy the files on from there", out=str(out))
    begun = clock.monotonic()
    mode = t.PROBES if spine is not None else MODES[rows]
    bounds = (None if start is None else parse_time(start, "--from"), None if stop is None else parse_time(stop, "--to"))
    stores = [repository.config.store_url(name) for name in repository.config.online.stores] if online else []
    if online and not stores:
        text = '--online needs a store: [stores.local] url = "lmdb://online" and [online] stores = ["local"] in headrace.toml'
        raise InvalidValue(text)
    names = [target.name for target in targets]
    summary = Summary(None, 0, 0, 0.0)
    if online and (mode != t.STEPS or out is None):
        # the stores take steps; where the files take something else the log is read once more
        job = Job(str(repository.path), repository.config.env, names, t.STEPS, (None, bounds[1]), None, None, before, None, stores, options)
        summary = _work(job, repository, targets, None, processes, progress, begun)
        stores = []
    if out is not None:
        table = None if spine is None else any_table(spine)
        job = Job(str(repository.path), repository.config.env, names, mode, bounds, None, time, before, str(out), stores, options)
        summary = _work(job, repository, targets, table, processes, progress, begun)
    return summary


def default_workers() -> int:
    """Threads of one process that share the shards: the cores this process may use, four at the most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores))


def _work(
    job: Job,
    repository: Repository,
    targets: Sequence[Target],
    spine: pa.Table | None,
    processes: int,
    progress: Callable[[int, int], None] | None,
    begun: float,
) -> Summary:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        folder = ReplayFolder(Path(job.out or Path(scratch) / "online"))
        plan = build(groups_of(targets))
        logs = archive_logs(repository, targets)
        question = _question(job, targets, logs, spine)
        if spine is not None and job.time is not None:
            columns_are_new(targets, spine)
            Spine(spine, job.time, plan, job.before)   # what is wrong with it is said before anything is written
        first = folder.begin(question)
        if first < 0:
            return _done_before(folder)
        job = job.at(str(folder.out), first)
        if spine is not None:
            pq.write_table(spine, folder.work / "spine.parquet")
        with _Interrupts(folder.work / "stop"):
            read = run_cluster(job, repository, processes, progress)
        if (folder.work / "stop").exists():
            where = f"stopped behind a slice; run the same command again to go on in {job.out}"
            raise Stopped(where if job.out else "stopped; the stores hold what was written so far")
        return _conclude(job, folder, question, targets, plan, spine, read, begun)


def _question(job: Job, targets: Sequence[Target], logs: Mapping[str, Log], spine: pa.Table | None) -> dict[str, Any]:
    """What is computed, as far as it decides the bytes that come out."""
    import hashlib

    found: dict[str, Any] = {
        "targets": [[target.name, target.digest] for target in targets],
        "rows": {t.EVENTS: "events", t.STEPS: "steps", t.PROBES: "spine"}[job.mode],
        "from": None if job.bounds[0] is None else format_time(job.bounds[0]),
        "to": None if job.bounds[1] is None else format_time(job.bounds[1]),
        "stores": job.stores,
        "slice_rows": job.options.slice_rows,
        "readers": job.options.readers,
        "checkpoint_slices": job.options.checkpoint_slices,
        "log": {
            name: [[g.path, g.index, g.rows, g.min_arrival_us, g.max_arrival_us] for g in log.row_groups()] for name, log in logs.items()
        },
    }
    found["log"] = hashlib.sha256(repr(sorted(found["log"].items())).encode()).hexdigest()
    if spine is not None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, spine.schema) as writer:
            writer.write_table(spine.combine_chunks())
        found["spine"] = hashlib.sha256(sink.getvalue()).hexdigest()
        found["time"], found["before"] = job.time, job.before
    return found


def columns_are_new(targets: Sequence[Target], spine: pa.Table) -> None:
    """Raise where a feature has the name of a column of the spine."""
    from headrace.errors import DuplicateName

    for output, group, _ in columns_of(targets):
        if output in spine.column_names:
            text = f"the spine has a column '{output}', and so has group '{group}'; rename the column, or use .prefix() in a FeatureService"
            raise DuplicateName(text, feature=output, group=group)


def _done_before(folder: ReplayFolder) -> Summary:
    import json

    manifest = json.loads((folder.out / "_manifest.json").read_text())
    rows = sum(f["rows"] for f in manifest["files"])
    return Summary(str(folder.out), rows, 0, 0.0, manifest["files"], manifest["counts"], complete_before=True)


def _conclude(
    job: Job,
    folder: ReplayFolder,
    question: dict[str, Any],
    targets: Sequence[Target],
    plan: Plan,
    spine: pa.Table | None,
    read: int,
    begun: float,
) -> Summary:
    files, counts, _ = folder.notes()
    groups = groups_of(targets)
    if spine is not None:
        files = [_write_spine(job, folder, targets, plan, spine)]
        warn_of_coincidence(counts, spine.num_rows, job.before)
    elif job.out is not None:
        files = job.named_files(files, groups)
        files += _empty_files(job, folder, groups, plan, files)
    seconds = clock.monotonic() - begun
    files = sorted(files, key=lambda f: f["name"])
    counts = dict(sorted(counts.items()))
    manifest = {
        "headrace": 1,
        "question": question,
        "groups": {g.name: {"digest": g.digest, "features": list(g.features)} for g in groups},
        "counts": counts,
        "files": files,
    }
    if job.out is not None:
        folder.finish(manifest)
    rows = sum(f["rows"] for f in files)
    return Summary(job.out, rows, read, seconds, files, counts)


def _empty_files(
    job: Job, folder: ReplayFolder, groups: Sequence[FeatureGroup], plan: Plan, files: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A file without rows for each group that has none, so that the folder reads like any other."""
    found = []
    for index, group in enumerate(groups):
        name = "empty.parquet" if len(groups) == 1 else f"{group.name}/empty.parquet"
        inside = [f for f in files if len(groups) == 1 or f["name"].startswith(f"{group.name}/")]
        if not inside:
            path = folder.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(job.schema(plan, index).empty_table(), path)
            found.append({"name": name, "rows": 0, "bytes": path.stat().st_size})
    return found


def _write_spine(job: Job, folder: ReplayFolder, targets: Sequence[Target], plan: Plan, spine: pa.Table) -> dict[str, Any]:
    """Merge the answers of all groups by row number and write the table."""
    asked = Spine(spine, job.time or "", plan, job.before)
    answers: dict[str, dict[str, Any]] = {}
    for group in plan.groups:
        paths = sorted((folder.work / "answers" / group.name).glob("*.parquet"))
        batches = [b for p in paths for b in pq.read_table(p).to_batches()]
        answers[group.name] = asked.answers(group, batches)
    for output, name, feature in columns_of(targets):
        spine = spine.append_column(output, answers[name][feature])
    path = folder.out / "spine.parquet"
    temporary = folder.work / "spine-out.parquet"
    pq.write_table(spine, temporary, compression="lz4", row_group_size=131_072)
    temporary.replace(path)
    return {"name": path.name, "rows": spine.num_rows, "bytes": path.stat().st_size}


class _Interrupts:
    """While it is entered, the first Ctrl-C asks for a stop behind the slice in work, the second ends at once."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __enter__(self) -> None:
        self.before: Any = None
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._stop)

    def _stop(self, *_: object) -> None:
        if self.mark.exists():
            raise KeyboardInterrupt
        self.mark.touch()
        sys.stderr.write("headrace: stopping behind the slice in work; Ctrl-C again ends at once\n")

    def __exit__(self, *args: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

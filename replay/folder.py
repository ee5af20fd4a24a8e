"""The folder of a replay that writes files: what it was asked, how far it is, and the manifest that ends it.

While it runs, `<out>/.headrace-replay` holds the question, states and notes of the last checkpoint; the same question goes on there,
another one is refused. At the end it goes away and `_manifest.json` stands beside the data. A checkpoint counts when every shard has noted
it.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.errors import InvalidValue
from operators.messages import add_counts
from operators.shard import SHARDS
from operators.state import KeyState
from sinks.files import note_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from operators.kernels.tables import Array
    from operators.layout import Layout
    from operators.rollup import KeyRollup
    from replay.facts import LogFacts

WORK = ".headrace-replay"
MANIFEST = "_manifest.json"
_NOTE = re.compile(r"done-(\d{6})-(\d{2})\.json")


class ReplayFolder:
    """The work folder of one replay."""

    def __init__(self, out: Path) -> None:
        self.out, self.work = out, out / WORK

    def begin(self, question: dict[str, Any]) -> int:
        """Claim the folder for a question; returns the slice to go on with, -1 where the answer is there already.

        Raises InvalidValue where the folder holds something else.
        """
        manifest = self.out / MANIFEST
        asked = self.work / "question.json"
        if manifest.exists():
            if json.loads(manifest.read_text()).get("question") == question:
                # an end that was interrupted left the work behind
                shutil.rmtree(self.work, ignore_errors=True)
                return -1
            text = f"{self.out} holds another replay (see {MANIFEST}); choose another --out, or delete it"
            raise InvalidValue(text, out=str(self.out))
        if asked.exists():
            before = json.loads(asked.read_text())
            if before != question:
                changed = sorted(k for k in question if before.get(k) != question[k])
                text = (
                    f"{self.out} holds an unfinished replay that was asked something else ({', '.join(changed)} differ); "
                    "run its own command again to finish it, choose another --out, or delete it"
                )
                raise InvalidValue(text, out=str(self.out), differs=changed)
            return self._resume()
        if self.out.exists() and any(path != self.work for path in self.out.iterdir()):
            text = f"{self.out} is not empty and holds no replay; choose another --out"
            raise InvalidValue(text, out=str(self.out))
        # work without its question was left by a run that was interrupted as it began
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        written = self.work / "question.tmp"
        written.write_text(json.dumps(question, indent=1))
        written.replace(asked)
        return 0

    def _resume(self) -> int:
        """The slice behind the newest complete checkpoint; what lies behind it is removed."""
        (self.work / "stop").unlink(missing_ok=True)
        noted: dict[int, int] = {}
        for path in self.work.iterdir():
            if found := _NOTE.fullmatch(path.name):
                noted[int(found[1])] = noted.get(int(found[1]), 0) + 1
        done = max((k for k, n in noted.items() if n == SHARDS and (self.work / f"clock-{k:06d}.npz").exists()), default=-1)
        for path in self.work.iterdir():
            if (found := _NOTE.fullmatch(path.name)) and int(found[1]) > done:
                path.unlink()
        for path in self.out.rglob("*.parquet"):
            # a hidden name is that of a file that was being written
            if path.name.startswith(".") or (path.stem[:6].isdigit() and int(path.stem[:6]) > done):
                path.unlink()
        return done + 1

    # states

    def save_shard(self, slice_: int, shard: int, keys: list[KeyRollup]) -> None:
        """Keep the state of a shard behind a slice."""
        for key in keys:
            save(self.work / f"state-{slice_:06d}-{shard:02d}-{key.layout.key}.npz", key.state.freeze())

    def load_shard(self, slice_: int, shard: int, layout: Layout, exact: bool) -> KeyState | None:
        """The state of a shard behind a slice; None before the first."""
        if slice_ < 0:
            return None
        return KeyState.thaw(layout, exact, load(self.work / f"state-{slice_:06d}-{shard:02d}-{layout.key}.npz"))

    def save_facts(self, slice_: int, facts: LogFacts) -> None:
        """Keep the clocks behind a slice."""
        flat = {f"{name}/{field}": array for name, fields in facts.freeze().items() for field, array in fields.items()}
        save(self.work / f"clock-{slice_:06d}.npz", flat)

    def load_facts(self, slice_: int, facts: LogFacts) -> None:
        """Set the clocks to what they were behind a slice."""
        frozen: dict[str, dict[str, Array]] = {}
        for name, array in load(self.work / f"clock-{slice_:06d}.npz").items():
            head, field = name.rsplit("/", 1)
            frozen.setdefault(head, {})[field] = array
        facts.thaw(frozen, slice_)

    def forget_before(self, slice_: int) -> None:
        """Remove states that a newer complete checkpoint has replaced."""
        for path in self.work.glob("state-*.npz"):
            if int(path.name[6:12]) < slice_:
                path.unlink(missing_ok=True)

    # the end

    def notes(self) -> tuple[list[dict[str, Any]], dict[str, int], set[int]]:
        """Files, counts, and the slices that all shards have noted."""
        files: list[dict[str, Any]] = []
        counts: dict[str, int] = {}
        noted: dict[int, int] = {}
        for path in sorted(self.work.iterdir()):
            if found := _NOTE.fullmatch(path.name):
                note = json.loads(path.read_text())
                files += note["files"]
                add_counts(counts, note["counts"])
                noted[int(found[1])] = noted.get(int(found[1]), 0) + 1
        return files, counts, {k for k, n in noted.items() if n == SHARDS}

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest and remove the work."""
        temporary = self.work / MANIFEST
        temporary.write_text(json.dumps(manifest, indent=1))
        temporary.replace(self.out / MANIFEST)
        shutil.rmtree(self.work)


def save(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays to a file that is whole or not there."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(path)


def load(path: Path) -> dict[str, Array]:
    """The arrays of a file that `save` wrote."""
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


__all__ = ["MANIFEST", "WORK", "ReplayFolder", "load", "note_path", "save"]

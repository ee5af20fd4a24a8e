"""The jars of Apache Kafka: brought by Maven once a machine, beside other caches of ours.

Promises a folder that is whole: Maven writes into a draft, which takes its name in one step, so that two processes may do it at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")


def missing() -> str | None:
    """What this machine lacks to run a broker, None where nothing is."""
    lacking = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"a real Kafka needs {' and '.join(lacking)}" if lacking else None


def jars() -> Path:
    """The folder with the jars; the first call on a machine takes some ten seconds."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace"
    folder = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".kafka-") as draft:
        wanted = Path(draft) / "jars"
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={wanted}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=draft)
        if done.returncode:
            raise RuntimeError(f"maven could not bring the jars of Kafka:\n{(done.stdout + done.stderr).strip()[-4_000:]}")
        try:
            wanted.rename(folder)
        except OSError:
            if not folder.is_dir():   # another process was as fast
                raise
    return folder

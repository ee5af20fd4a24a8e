"""How long the kernels take on a machine that has never run them, and when it has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

COLD_S = 15
REPLAY = """
import headrace as hr
events = hr.Source("events", schema={"k": "int64", "x": "float64", "ts": "timestamp"}, time="ts", keys={"k": hr.Key("k", hr.Dimension("k"), "int64")})
group = hr.FeatureGroup("group", key=hr.Key("k", hr.Dimension("k"), "int64"), features={"m": events["x"].max().over("1h")})
print(hr.replay(group, events={"events": [{"k": 1, "x": 2.5, "ts": "2024-01-01"}]})["m"].to_pylist())
"""


@pytest.mark.alone
def test_kernels_on_a_cold_machine(tmp_path: Path) -> None:
    def once() -> float:
        begun = time.perf_counter()
        environment = {**os.environ, "HEADRACE_CACHE": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", REPLAY], check=True, cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.stdout.strip() == "[2.5]"
        return time.perf_counter() - begun

    cold_s, warm_s = once(), once()
    print(f"first replay on a cold machine {cold_s:.1f} s, the next {warm_s:.1f} s")
    assert cold_s <= COLD_S
    assert warm_s < cold_s

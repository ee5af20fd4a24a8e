"""Every aggregate over every shape of window, on long logs with values of all kinds."""

from __future__ import annotations

import random

import pytest

from tests.oracle.every import SHAPES, decayed, every_feature, long_log
from tests.oracle.lookups import Probe
from tests.oracle.model import SECOND, Feature, Group, Log, Window
from tests.semantics.comparing import lookups_differ, rows_differ, steps_differ

STRANGE, TAME = long_log(11, 16, sources=("a",), wild=True), long_log(12, 16)


def _group(features: tuple[Feature, ...], log: Log) -> Group:
    """The features, and one of each other source, so that its events make rows and steps too."""
    others = [Feature(f"others_{name}", name, "count", None, Window(30 * SECOND)) for name in log.sources if name != "a"]
    return Group((*features, *others), 10 * SECOND)


@pytest.mark.parametrize("log", [STRANGE, TAME], ids=["nan, infinities and overflow", "two sources"])
@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_events(shape: str, log: Log) -> None:
    assert rows_differ(log, _group(every_feature(SHAPES[shape]), log), cut=17)[:3] == []


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if "closed right" in shape or ("clos" not in shape and "without the" not in shape)]
)
def test_steps(shape: str) -> None:
    assert steps_differ(STRANGE, _group(every_feature(SHAPES[shape], where="b"), STRANGE), cut=17)[:3] == []


@pytest.mark.parametrize("where", [None, "b"])
def test_decayed_aggregates_and_own_columns(where: str | None) -> None:
    own = tuple(Feature(f"own_{name}", "a", "own", name) for name in "xisb")
    group = _group((*decayed(where=where), *own, Feature("counted", "a", "count", None, Window(20 * SECOND), where)), TAME)
    draw = random.Random(3)
    probes = [Probe(draw.choice([1, 2, 3, 4]), draw.choice(TAME.records).arrival + draw.randrange(-SECOND, 9 * SECOND)) for _ in range(60)]
    assert rows_differ(TAME, group)[:3] == []
    assert steps_differ(TAME, group)[:3] == []
    assert lookups_differ(TAME, group, probes, before=False)[:3] == []

"""Random logs, groups and places: rows of events, steps and look-ups are what the oracle says, in slices of any size, for keys
of any kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oracle import strategies
from tests.semantics.adapter import KEYS
from tests.semantics.comparing import lookups_differ, rows_differ, steps_differ

if TYPE_CHECKING:
    from tests.oracle.model import Group, Log

pytestmark = pytest.mark.timeout(900)  # an example that fails is made small for up to five minutes
Case: TypeAlias = "tuple[Log, Group, int | None, str]"
CUTS = st.sampled_from([None, 1, 2, 5])


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    log = draw(strategies.logs())
    return log, draw(strategies.groups(log)), draw(CUTS), draw(st.sampled_from(list(KEYS)))


@given(_cases())
def test_rows_of_events(case: Case) -> None:
    log, group, cut, keyed = case
    # known to differ: a late row's cells of another source, when the sources have different lateness
    assume(len({source.lateness for source in log.sources.values()}) == 1)
    assert rows_differ(log, group, cut=cut, keyed=keyed)[:3] == []


@given(_cases())
def test_steps(case: Case) -> None:
    log, group, cut, keyed = case
    assert steps_differ(log, group, cut=cut, keyed=keyed)[:3] == []


@given(_cases(), st.booleans(), st.data())
def test_lookups(case: Case, before: bool, data: st.DataObject) -> None:
    log, group, cut, keyed = case
    assert lookups_differ(log, group, data.draw(strategies.probes(log)), before=before, cut=cut, keyed=keyed)[:3] == []

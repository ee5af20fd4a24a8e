"""While a flow runs cycles are collected seldom, what was there before is not looked through, and behind it all is as it was."""

from __future__ import annotations

import gc

import pytest

from headrace.running.collecting import THRESHOLDS, collected_seldom


class Cycle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.mark.parametrize("fails", [False, True])
def test_all_is_as_it_was_behind_it(fails: bool) -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        with collected_seldom():
            assert gc.get_threshold() == THRESHOLDS
            assert gc.get_freeze_count() > frozen
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_are_collected_all_the_same() -> None:
    with collected_seldom():
        for _ in range(3 * THRESHOLDS[0]):
            Cycle()
        alive = sum(type(each) is Cycle for each in gc.get_objects())
    assert alive <= THRESHOLDS[0] + 1000

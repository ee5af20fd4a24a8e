"""How often the flow's thread reads: as often while much comes, whatever a single batch has, and more seldom while little does."""

from __future__ import annotations

from sources.turns import FEW_ROWS, LONG_TURN_S, TURN_S, Turns


def begun(rows: list[int]) -> list[float]:
    """How far the batches of so many rows, each read as soon as it may be, begin apart."""
    turns, now, found = Turns(), 100.0, []
    for count in rows:
        assert turns.early_s(now) <= 0
        turns.began(now, count)
        found.append(turns.early_s(now))
        now += found[-1]
    return [round(each, 6) for each in found]


def test_much_and_little() -> None:
    assert begun([3 * FEW_ROWS] * 20)[-10:] == [TURN_S] * 10
    assert begun([FEW_ROWS // 2] * 20) == [LONG_TURN_S] * 20


def test_small_batches_among_large_ones_do_not_hold_up_what_comes_behind_them() -> None:
    busy = [2 * FEW_ROWS] * 20
    assert begun([*busy, 1, *busy, 2, 1, *busy, 3, 1, 2, *busy])[20:] == [TURN_S] * (3 * 20 + 6)


def test_it_is_seen_when_little_comes_and_when_much_does() -> None:
    found = begun([*[2 * FEW_ROWS] * 20, *[1] * 20, *[2 * FEW_ROWS] * 20])
    assert found[30:40] == [LONG_TURN_S] * 10
    assert found[50:] == [TURN_S] * 10

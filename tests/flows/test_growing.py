"""Words that grow are what they were, however large they get and whoever looks at them meanwhile."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.growing import MAPPED_BYTES, WORD, Words

SIZES = st.lists(st.integers(1, 3 * MAPPED_BYTES // WORD), min_size=1, max_size=6)


@settings(max_examples=40)
@given(sizes=SIZES, seed=st.integers(0, 100), looks=st.booleans())
def test_words_stay_what_they_were(sizes: list[int], seed: int, looks: bool) -> None:
    rng = np.random.default_rng(seed)
    expected = rng.integers(-9, 9, sizes[0] // 2)
    words = Words(expected, sizes[0])
    for more in sizes[1:]:
        size = len(words.array) + more
        view = words.array[: len(expected)] if looks else None
        before = expected.copy()
        words.enlarge(size, len(expected))
        assert len(words.array) == size
        expected = np.concatenate([expected, rng.integers(-9, 9, (size - len(expected)) // 2)])
        words.array[len(before) : len(expected)] = expected[len(before) :]
        assert (words.array[: len(expected)] == expected).all()
        assert view is None or (view == before).all()
    assert words.array.flags.writeable


@pytest.mark.skipif(not hasattr(mmap, "MAP_PRIVATE"), reason="the platform has no private mappings")
def test_large_words_are_not_copied() -> None:
    words = Words(np.arange(MAPPED_BYTES), MAPPED_BYTES)
    mapping = words._mapping
    words.enlarge(50 * MAPPED_BYTES, MAPPED_BYTES)
    assert words._mapping is mapping
    assert len(words.array) == 50 * MAPPED_BYTES
    assert (words.array[:MAPPED_BYTES] == np.arange(MAPPED_BYTES)).all()

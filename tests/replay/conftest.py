"""One repository with an archive for all tests of this folder, and one of its own for those that fill the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.replay.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.repository import Repository


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that is only read."""
    return make_shop(tmp_path_factory.mktemp("shop"), rows=1_200)


@pytest.fixture
def own_shop(tmp_path: Path) -> Repository:
    """A repository whose online store is empty."""
    return make_shop(tmp_path / "own-shop", rows=900)

"""What a test may break: a broker of its own, a small disk, the way to S3."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.faults.disk import Disk, mounted
from tests.faults.live import SEED
from tests.faults.objects import BadObjects
from tests.kafka.broker import Broker
from tests.storage.conftest import bucket, s3_server

__all__ = ["bucket", "s3_server"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def mortal(broker: Broker) -> Iterator[Broker]:
    """A broker beside the shared one, which says whether any can run here."""
    with Broker(heap_mb=256) as found:
        yield found


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 8 MB; where none can be mounted the test is skipped, and fails in CI."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(mounted(tmp_path / "disk", 8))
        except (PermissionError, FileNotFoundError) as error:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
        yield found


@pytest.fixture
def bad(s3_server: str) -> Iterator[BadObjects]:
    """A way to S3 that can be made bad."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)   # a line for every request
    found = BadObjects(s3_server.removeprefix("http://"), SEED)
    yield found
    found.close()

"""A broker that a test may kill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kafka.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def mortal(broker: Broker) -> Iterator[Broker]:
    """A broker beside the shared one, which says whether any can run here."""
    with Broker(heap_mb=256) as found:
        yield found

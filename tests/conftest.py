"""What every test relies on: UTC, a fixed budget of examples, and a seed that is printed.

The examples of hypothesis are derandomized when `CI` or `HEADRACE_SEED` is unset: the same ones every time. `HEADRACE_SEED=7 make test` looks at others;
every run prints what to set to see it again.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kafka.broker import Broker

os.environ["TZ"] = "UTC"
time.tzset()

SEED = os.environ.get("HEADRACE_SEED")

settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,   # the first example of a plan compiles kernels
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("seeded", settings.get_profile("fixed"), derandomize=False, database=None)
settings.load_profile("fixed" if SEED is None else "seeded")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hand the seed to hypothesis, before its own plugin reads it."""
    if SEED is not None:
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> str:
    """Say how to see this run again."""
    return f"seed: HEADRACE_SEED={SEED}" if SEED is not None else "seed: fixed (derandomized); HEADRACE_SEED=N looks at other examples"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Give `random` the same start in every test; NumPy's generators are made with a seed by those who need them."""
    random.seed(int(SEED or 0))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on a real Kafka share one broker, so one process runs them all."""
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka"))


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real Kafka; where it cannot run the test is skipped, and fails in CI."""
    from tests.kafka.broker import Broker
    from tests.kafka.jars import missing

    if lacking := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)
    with Broker() as found:
        yield found

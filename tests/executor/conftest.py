"""The strategies of the tests, known by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.executor.toy_strategies import ALL
from trading.strategies import registry


@pytest.fixture
def toys() -> Iterator[None]:
    """The strategies of `toy_strategies`, registered for one test."""
    known = registry._others()
    known.update({made.name: made() for made in ALL})
    yield
    for made in ALL:
        del known[made.name]

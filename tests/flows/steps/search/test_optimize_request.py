"""What the result of a search depends on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.settings import ResearchSettings, load_settings
from flows.steps.search.optimize_request import OptimizeRequest
from trading.errors import SettingsError
from trading.strategies.registry import get_strategy


def request(**given: object) -> OptimizeRequest:
    settings = ResearchSettings(**given)
    as_of = datetime(2025, 6, 19, tzinfo=UTC)
    return OptimizeRequest(
        get_strategy("breakout"), "BTCUSDT", as_of, settings, (), (), {}, (), None, ()
    )


def test_the_capital_of_the_settings_decides_the_margin() -> None:
    assert request().costs.margin.capital == 10_000.0
    assert request(capital=250_000).costs.margin.capital == 250_000.0


def test_another_capital_is_another_request() -> None:
    assert request(capital=250_000).key != request().key
    assert request(capital=10_000).key == request().key


def test_a_capital_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SettingsError, match="'capital' is 0"):
        load_settings(capital=0)

"""What the answer of a search depends on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.settings import ResearchSettings, load_settings
from flows.steps.search.question import Question
from trading.errors import SettingsError
from trading.strategies.registry import get_strategy


def question(**given: object) -> Question:
    settings = ResearchSettings(**given)
    as_of = datetime(2025, 6, 19, tzinfo=UTC)
    return Question(get_strategy("breakout"), "BTCUSDT", as_of, settings, (), (), {}, (), None, ())


def test_the_capital_of_the_settings_decides_the_margin() -> None:
    assert question().costs.margin.capital == 10_000.0
    assert question(capital=250_000).costs.margin.capital == 250_000.0


def test_another_capital_is_another_question() -> None:
    assert question(capital=250_000).key != question().key
    assert question(capital=10_000).key == question().key


def test_a_capital_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SettingsError, match="'capital' is 0"):
        load_settings(capital=0)

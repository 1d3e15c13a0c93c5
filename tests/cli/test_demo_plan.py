"""Which venues the demo trades at."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.demo.plan import DemoPlan, chosen_venues
from trading.errors import SettingsError


def test_venues_are_taken_in_order_and_once() -> None:
    assert chosen_venues("binance_usdm, binance_spot,binance_usdm") == (
        "binance_usdm",
        "binance_spot",
    )


@pytest.mark.parametrize("text", ["", "binance_spot", "binance_usdm,kraken"])
def test_a_choice_that_the_demo_cannot_trade_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="give binance_usdm, alone or with binance_spot"):
        chosen_venues(text)


def test_each_choice_of_venues_has_a_replay_of_its_own(tmp_path: Path) -> None:
    one = DemoPlan(tmp_path, tmp_path).replay_folder("r")
    both = DemoPlan(tmp_path, tmp_path, venues=("binance_usdm", "binance_spot")).replay_folder("r")
    assert (one.name, both.name) == ("r", "r+binance_spot")

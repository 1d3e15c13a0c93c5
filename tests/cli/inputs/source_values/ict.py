"""`ict`, section 3: markets, timeframes, risk and levels of the ICT strategies."""

from __future__ import annotations

import pytest

from executor.settings import RiskSettings, VenueSettings
from flows.settings import DownloadSettings, ResearchSettings
from tests.cli.inputs.source_values.value import Between, Value, default, preset
from trading.candles import HOUR_MS, MINUTE_MS
from trading.strategies.decider import Decider
from trading.strategies.ict.signals import BASE_CONFIDENCE, CONFIDENCE_STEP
from trading.strategies.registry import get_strategy

LENGTHS = (15 * MINUTE_MS, HOUR_MS)


def most_symbols() -> int | None:
    """Return how many symbols a night may have; None is no limit."""
    limits = ResearchSettings.model_fields["symbols"].metadata
    return next((limit.max_length for limit in limits if hasattr(limit, "max_length")), None)


def loaded(strategy: str) -> tuple[int, ...]:
    """Return the candles of 15m and 1h that a strategy is started with."""
    needed = Decider(get_strategy(strategy), {}, MINUTE_MS).history_needed()
    return tuple(needed.get(length, 0) for length in LENGTHS)


VALUES = [
    Value("ict 2.2", "symbols", ("BTCUSDT", "ETHUSDT"), ResearchSettings().symbols),
    Value(
        "ict 2.2",
        "symbols with the optional ones, at most",
        5,
        most_symbols(),
        None,
        "what is searched has no limit: a night of 150 symbols ends in time",
    ),
    Value("ict 3.5", "days of history", 365, DownloadSettings().days),
    Value("ict 3.4.1", "risk a trade", 0.02, preset("ict", "risk")),
    Value("ict 3.4.1", "leverage", 5, preset("ict", "leverage")),
    Value("ict 3.4.1", "leverage of the account", 5, VenueSettings().leverage),
    Value("ict 3.4.1", "daily loss", 0.06, float(RiskSettings().daily_loss_limit)),
    Value("ict 3.4.2", "tolerance of stops, 0.1-0.3 %", 0.002, preset("ict", "stop_tolerance")),
    Value("ict 3.2.1", "trend on", "1h", preset("ict", "trend_tf")),
    Value("ict 3.2.1", "zones on", "15m", preset("ict", "zone_tf")),
    Value("ict 3.2.1", "A enters on", "1m", default("ict_conservative", "entry_tf")),
    Value(
        "ict 3.4.4",
        "positions at once",
        1,
        RiskSettings().max_concurrent,
        5,
        "several strategies share the account; `max_concurrent = 1` restores it",
    ),
    Value(
        "ict 3.4.2", "tolerance of stops", Between(0.001, 0.003), preset("ict", "stop_tolerance")
    ),
    Value(
        "ict 4.1.2",
        "confidence, at most",
        pytest.approx(1.0),
        BASE_CONFIDENCE + 3 * CONFIDENCE_STEP,
    ),
    *(
        Value(
            "ict 5.1.2",
            f"candles of 15m and 1h at the start, {name}",
            (Between(200, 500), Between(200, 500)),
            loaded(name),
            kept,
            "older swings and zones still count; 500 candles of an hour are three weeks",
        )
        for name, kept in (
            ("ict_conservative", (1_500, 1_500)),
            ("ict_aggressive", (1_500, 1_500)),
            ("ict_mixed", (1_500, 1_500)),
        )
    ),
    Value("own rule, confidence", "base", 0.4, BASE_CONFIDENCE),
    Value("own rule, confidence", "each agreement", 0.2, CONFIDENCE_STEP),
]

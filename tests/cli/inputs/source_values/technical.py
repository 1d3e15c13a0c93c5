"""`report`, section 3: filters, entries, searches and models."""

from __future__ import annotations

import numpy as np

from cli.inputs.strategy_choice import find_preset
from flows.settings import ResearchSettings
from flows.steps.release.retune_k import CANDLES_USED, K_HIGH, K_LOW, K_STEP
from tests.cli.inputs.source_values.value import Between, Value, default, preset, recent, schedule
from trading.models.lstm import LONGEST_WINDOW, SHORTEST_WINDOW, LstmForecast, LstmSettings
from trading.research.gates import Thresholds
from trading.strategies.filters import HOURLY_SPAN


def scaled() -> tuple[float, float]:
    """Return what an LSTM sees of the ends of its training."""
    ends = LstmForecast(LstmSettings(), 90.0, 110.0, b"").scaled(np.array([90.0, 110.0]))
    return float(ends[0]), float(ends[1])


VALUES = [
    Value("report 3.2.1", "least ATR / price", 0.008, preset("classic", "min_volatility")),
    Value("report 3.2.1", "EMA of the trend filter", 50, preset("classic", "trend_span")),
    Value("report 3.2.1", "least ADX", 20, preset("classic", "min_adx")),
    Value("report 3.1.2", "1h close above its EMA50", "on", preset("classic", "hourly_trend")),
    Value("report 3.1.2", "1h: span of that EMA", 50, HOURLY_SPAN),
    Value(
        "report 3.2.1",
        "breakout: trigger is a price above",
        "level",
        default("breakout", "trigger"),
    ),
    Value("report 5", "k, from", 0.4, float(recent("k").split(":")[0])),
    Value(
        "report 5",
        "k, to",
        0.7,
        float(recent("k").split(":")[1]),
        0.6,
        "3.1.3 of the same report searches 0.4 to 0.6 every night; the wider bound is that of hand",
    ),
    Value("report 3.2.1", "combined: RSI below", 35.0, default("combined", "rsi_low")),
    Value("report 3.2.1", "combined: mean confidence above", 0.5, default("combined", "min_mean")),
    Value("report 3.2.1", "bb_breakout: volume", 1.2, default("bb_breakout", "volume_factor")),
    Value("report 3.2.1", "pullback: EMA", 100, default("pullback", "mean_span")),
    Value("report 3.2.1", "pullback: RSI below", 50.0, default("pullback", "rsi_entry")),
    Value("report 3.2.1", "dynamic_breakout: EMA", 50, default("dynamic_breakout", "mean_span")),
    Value("report 3.2.1", "dynamic_breakout: ADX", 20.0, default("dynamic_breakout", "adx_entry")),
    Value("report 3.2.1", "rsi_bollinger: RSI below", 30.0, default("rsi_bollinger", "rsi_entry")),
    Value("report 3.2.1", "rsi_bollinger: RSI above", 70.0, default("rsi_bollinger", "rsi_exit")),
    Value("report 3.2.2", "ml: least forecast move", 0.001, default("ml", "least_move")),
    Value("report 3.2.2", "LSTM: shortest window", 60, SHORTEST_WINDOW),
    Value("report 3.2.2", "LSTM: longest window", 200, LONGEST_WINDOW),
    Value("report 3.2.2", "LSTM: units of the first layer", 64, LstmSettings().first),
    Value("report 3.2.2", "LSTM: units of the second layer", 32, LstmSettings().second),
    Value("report 3.2.2", "LSTM: dropout", 0.2, LstmSettings().dropout),
    Value("report 3.2.2", "LSTM: learning rate", 0.001, LstmSettings().learning_rate),
    Value(
        "report 3.1.5",
        "a model is kept with a result above",
        -10_000.0,
        Thresholds().total_return,
        0.0,
        "that floor passes half of all noise; a model needs a profit after costs, and evidence",
    ),
    Value("report 3.1.3", "objective", "win_rate", find_preset("classic").objective),
    Value(
        "report 3.1.3",
        "objective of the nightly",
        "win_rate",
        ResearchSettings().objective,
        "deflated_sharpe",
        "a win rate rewards near targets and far stops; the setting `objective` takes it",
    ),
    Value("report 3.1.3", "days of the daily search", 7, ResearchSettings().recent_days),
    Value("report 3.1.3", "take-profits", "0.03:0.10", recent("take_profit").rpartition(":")[0]),
    Value("report 3.1.3", "stops", "0.01:0.05", recent("stop_loss").rpartition(":")[0]),
    Value("report 3.1.4", "candles of the short search", 200, CANDLES_USED),
    Value("report 3.1.4", "k of the short search", "0.30 0.80 0.05", f"{K_LOW} {K_HIGH} {K_STEP}"),
    Value("report 3.1.4", "every four hours", "5 */4 * * *", schedule("retune-k")),
    Value("report 3.1.3", "k of the daily search", "0.4:0.6", recent("k").rpartition(":")[0]),
    Value("report 3.2.2", "LSTM: inputs scaled to", (0.0, 1.0), scaled()),
    Value(
        "report 3.2.2", "ml: sells below the price times", 0.999, 1.0 - default("ml", "least_move")
    ),
    Value("report 5, for beginners", "k", Between(0.5, 0.6), preset("classic", "k")),
]

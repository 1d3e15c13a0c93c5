"""Searches whose truth is known, stored as the nightly stores them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from flows.settings import ResearchSettings
from flows.steps.search.optimize import OptimizeEntry
from flows.steps.search.optimize_request import run_name
from lake.releases import StrategyEntry
from lake.store import Lake
from lake.tables import TRIAL_RETURNS
from trading.candles import DAY_MS
from trading.research.gates import GateVerdict
from trading.strategies.registry import get_strategy

AS_OF = datetime(2025, 6, 20, tzinfo=UTC)
SETTINGS = ResearchSettings(symbols=("BTCUSDT", "ETHUSDT"), strategies=("breakout",), models=False)
DAYS = 120
TRIALS = 9


def own_verdicts(*, fails: str = "") -> tuple[GateVerdict, ...]:
    names = ("out_of_sample_trades", "total_return", "plateau", "lookahead", "warmup")
    return tuple(GateVerdict(name, name != fails, 1.0, 0.5, f"{name} is 1") for name in names)


def searched(
    lake: Lake,
    as_of: datetime = AS_OF,
    *,
    symbol: str = "BTCUSDT",
    edge: float = 0.0,
    seed: int = 1,
    fails: str = "",
    trades: int = 40,
    k: float = 0.5,
    plateau: tuple[float, float] = (0.4, 0.6),
) -> OptimizeEntry:
    """Store the returns of one search; every trial earns ``edge`` deviations a day."""
    rng = np.random.default_rng([seed, round(as_of.timestamp()), len(symbol), ord(symbol[0])])
    first = round(as_of.timestamp() * 1000) // DAY_MS - DAYS
    returns = 0.01 * (
        0.5 * rng.standard_normal((TRIALS, DAYS)) + 0.85 * rng.standard_normal(DAYS) + edge
    )
    trial, day = np.nonzero(returns)
    unseen = returns[0, 40:]
    run = run_name("breakout", symbol, as_of)
    moments = np.concatenate((day + first, np.arange(len(unseen)) + first + 40)) * DAY_MS
    count = len(moments)
    table = pa.table(
        {
            "as_of": pa.array([as_of] * count, pa.timestamp("ms", tz="UTC")),
            "strategy": ["breakout"] * count,
            "symbol": [symbol] * count,
            "trial": np.concatenate((trial, np.full(len(unseen), -1))).astype(np.int64),
            "day": pa.array(moments.astype(np.int64)).cast(pa.timestamp("ms", tz="UTC")),
            "net_return": np.concatenate((returns[trial, day], unseen)),
        }
    )
    shape = {
        "first": first,
        "days": DAYS,
        "sets": [json.dumps({"k": place}) for place in range(TRIALS)],
        "unseen_first": first + 40,
        "unseen_days": len(unseen),
    }
    lake.write(TRIAL_RETURNS, table, {"nocturne.trial_returns": json.dumps(shape)}, run=run)
    entry = StrategyEntry(
        strategy="breakout",
        symbol=symbol,
        params=get_strategy("breakout").resolve(
            {"k": k, "filters": "off", "signal_tf": "15m", "stop_loss": 0.02, "take_profit": 0.05}
        ),
        in_sample={
            "approved_sets": 3,
            "approved_k_low": plateau[0],
            "approved_k_high": plateau[1],
        },
        out_of_sample={"trades": trades},
        verdicts=own_verdicts(fails=fails),
    )
    return OptimizeEntry(entry, run, TRIALS, 2.0, ())


def later(days: float) -> datetime:
    return AS_OF + timedelta(days=days)

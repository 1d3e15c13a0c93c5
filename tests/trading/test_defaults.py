"""What rules and settings are where nothing else is said: money depends on each."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from executor.risk.entry_size import SizeRequest
from executor.risk.evidence_size import EvidenceSize
from executor.risk.pre_trade import AccountState, AdditionRequest, EntryRequest
from trading.ensemble.regimes import RegimeRules
from trading.ensemble.weights import WeightRules
from trading.ict.batch import IctSettings
from trading.market_making.quoting import MakerRules, Quote
from trading.positions.exit_rules import ExitRules, FillRates, MarginTerms
from trading.positions.liquidation import Margin
from trading.positions.sizing import Sizing
from trading.research.evidence.states import HypothesisEvidence
from trading.research.evidence.unseen_days import FollowedDay
from trading.research.gates import Thresholds
from trading.research.robustness import RobustnessLimits
from trading.simulation.account.inputs import AccountLimits, ExchangeProfile, SymbolFilters
from trading.simulation.results import Costs
from trading.strategies.surge.sizing import SurgeSizing

INFINITE = float("inf")
OFF = {
    "take_profit": 0.0,
    "stop_loss": 0.0,
    "atr_multiplier": 0.0,
    "trailing_stop": 0.0,
    "emergency_stop": 0.0,
    "day_end": False,
    "trailing_arm": 0.0,
    "time_exit_ms": 0,
    "half_close": 0.0,
    "exit_after_half": False,
    "liquidation_guard": 0.0,
    "tolerance": 0.0,
    "target_volatility": 0.0,
}
DEFAULTS: dict[type, dict[str, float]] = {
    AccountLimits: {
        "max_positions": 10,
        "max_exposure": 1.0,
        "daily_loss": 0.06,
        "impact": 0.0,
        "max_correlation": 1.0,
    },
    AccountState: {
        "leverage": 1,
        "entries_today": 0,
        "refused_stops_today": 0,
        "rejected_entries_today": 0,
        "paused_for_s": 0.0,
        "shocked_for_s": 0.0,
        "stopped_for_s": 0.0,
        "day_limit_reached": False,
        "durable": True,
        "live": False,
    },
    AdditionRequest: {"by_risk": False},
    Costs: {"fee_bps": 5.0, "slippage_bps": 0.0},
    EntryRequest: {
        "risk": 0.0,
        "risk_distance": 0.0,
        "planned": 1.0,
        "size_share": 1.0,
        "forecast_share": 1.0,
        "age_s": 0.0,
    },
    EvidenceSize: {"share": 1.0},
    ExchangeProfile: {"leverage": 5, "max_leverage": 10},
    ExitRules: OFF | {"leverage": 1.0, "maintenance": 0.004},
    FillRates: {"fee": 0.0, "slippage": 0.0},
    FollowedDay: {"demoted": False},
    HypothesisEvidence: {"e_value": 1.0, "confirm_at": 0.0, "days": 0, "demoted": False},
    IctSettings: {
        "left": 5,
        "right": 5,
        "tolerance": 0.001,
        "tolerance_price": 0.0,
        "by_wick": False,
        "max_age": 500,
        "zones": 32,
        "pools": 32,
    },
    MakerRules: {
        "levels": 3,
        "spacing": 0.002,
        "life_ms": 1_800_000,
        "max_lots": 3,
        "take_profit": 0.002,
        "size": 0.02,
        "spike": 3.0,
        "stale_ms": 10_000,
        "daily_loss": 0.02,
        "loss_margin": 0.8,
        "emergency_stop": 0.05,
    },
    Margin: {"capital": 10_000.0},
    MarginTerms: {"capital": 1.0, "most": INFINITE},
    Quote: {"lot": -1},
    RegimeRules: {
        "crash_fall": 0.10,
        "crash_bars": 12,
        "crash_atrs": 5.0,
        "spike": 2.5,
        "fast_atr": 4,
        "slow_atr": 48,
        "fast_mean": 20,
        "slow_mean": 50,
        "adx_span": 14,
        "min_adx": 20.0,
    },
    RobustnessLimits: {
        "doubled_costs": 0.0,
        "positive_folds": 0.5,
        "without_best": 0.0,
        "one_step": 0.0,
    },
    SizeRequest: {"risk": 0.0, "risk_distance": 0.0, "planned": 1.0, "size_share": 1.0},
    Sizing: {"risk": 0.0, "atrs": 0.0},
    SurgeSizing: {"emergency": 0.12, "symbols": 10, "leverage": 1.0, "confirmed": False},
    SymbolFilters: {"step": 0.0, "min_notional": 0.0, "tick": 0.0},
    Thresholds: {
        "superior_ability": 0.05,
        "loss_probability": 0.05,
        "trades": 30,
        "total_return": 0.0,
        "plateau": 0.6,
        "max_drawdown": 0.25,
        "tolerance": 0.02,
    },
    WeightRules: {"least": 0.05, "most": 0.5, "step": 0.3, "prior_days": 20.0, "least_t": 2.0},
}


@pytest.mark.parametrize("kind", DEFAULTS, ids=lambda kind: kind.__name__)
def test_the_numbers_where_nothing_else_is_said(kind: type) -> None:
    numbers = {
        one.name: one.default
        for one in fields(kind)
        if one.default is not MISSING and isinstance(one.default, (bool, int, float))
    }
    assert numbers == DEFAULTS[kind]

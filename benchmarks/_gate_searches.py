"""Searches of real strategies on known markets: what the gates promote, and what refuses others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from flows.settings import ResearchSettings, WalkForwardSettings
from flows.steps.data.candles import start_compiling
from flows.steps.search.optimize_request import OptimizeRequest
from flows.steps.search.validation import overfitting_of, validate_long_history
from trading.candles import CandleColumns
from trading.research.evidence.superior_ability import samples_for, superior_ability
from trading.research.gates import Thresholds
from trading.research.grid import parse_grid
from trading.strategies.registry import get_strategy

FloatArray = NDArray[np.float64]

ALPHA = 0.05
WORKERS = 2
STRATEGIES: dict[str, dict[str, str]] = {
    "breakout": {"k": "0.4:0.8:0.2", "take_profit": "0.03,0.10", "stop_loss": "0.02,0.05"},
    "rsi_bollinger": {"take_profit": "0.01,0.03", "stop_loss": "0.01,0.02,0.03"},
    "pullback": {"rsi_entry": "45,55", "take_profit": "0.03,0.06", "stop_loss": "0.01,0.03"},
    "bb_breakout": {"volume_factor": "1.0,1.2", "take_profit": "0.03,0.06", "stop_loss": "0.02"},
    "wave": {"swing_atr": "1.5,2.5", "take_profit": "0.03,0.06", "stop_loss": "0.01,0.03"},
}
"""Five strategies of the project with small grids; filters off, deciding on 15 minutes."""
PLANTED_GRID = {"k": "0.3:0.8:0.1", "take_profit": "0.03,0.10", "stop_loss": "0.03"}
"""The grid of the breakout on planted edges: a region is several of its points wide."""
FIXED = {"filters": "off", "signal_tf": "15m"}


@dataclass(frozen=True, slots=True)
class Case:
    """One market of a group: ``make`` draws it from the seed; costs are zero or the default's.

    With ``planted`` the grid is `PLANTED_GRID`.
    """

    group: str
    strategy: str
    seed: int
    make: Callable[[np.random.Generator], CandleColumns]
    fee_bps: float = 5.0
    slippage_bps: float = 1.0
    planted: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one search showed; ``ratios`` is the Sharpe ratio × √days of every trial."""

    group: str
    strategy: str
    promoted: bool
    superior: bool
    refused_by: tuple[str, ...]
    trades: int
    ratios: FloatArray


@dataclass
class Counts:
    """Counts over the markets of one group."""

    markets: int = 0
    promoted: int = 0
    superior: int = 0
    refused_by: Counter[str] = field(default_factory=Counter)
    ratios: list[FloatArray] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The best trial's Sharpe ratio × √years of the span, by all markets together.

        The trial is chosen by the mean over all markets, so that luck in one of them counts little.
        """
        return float(np.mean(self.ratios, axis=0).max())


def evaluate(case: Case) -> Verdict:
    """Search, validate and test one market as one hypothesis that spends all of alpha."""
    start_compiling()
    candles = case.make(np.random.default_rng([case.seed, len(case.group), len(case.strategy)]))
    settings = ResearchSettings(
        fee_bps=case.fee_bps,
        slippage_bps=case.slippage_bps,
        alpha=ALPHA,
        objective="sharpe",
        walk_forward=WalkForwardSettings(train_days=15, test_days=10),
    )
    strategy = get_strategy(case.strategy)
    searched = PLANTED_GRID if case.planted else STRATEGIES[case.strategy]
    texts = [f"{name}={text}" for name, text in searched.items()]
    grid = tuple(parse_grid(texts, strategy).combinations())
    fixed = {name: value for name, value in FIXED.items() if strategy.has(name)}
    request = OptimizeRequest(
        strategy=strategy,
        symbol="BTCUSDT",
        as_of=datetime(2025, 1, 1, tzinfo=UTC),
        settings=settings,
        long_grid=grid,
        recent_grid=grid,
        fixed=fixed,
        earlier=(),
        released=None,
        fingerprint=(),
    )
    found = validate_long_history(request, candles)
    ability = superior_ability(
        np.ascontiguousarray(found.daily), np.random.default_rng(0), samples_for(ALPHA)
    )
    cut = overfitting_of(found.daily)
    refused = [verdict.name for verdict in found.verdicts if not verdict.passed]
    if ability.p_value > ALPHA:
        refused.append("superior_ability")
    if cut is None or cut.loss_probability > Thresholds().loss_probability:
        refused.append("loss_probability")
    if not found.approved.size:
        refused.append("no approved plateau")
    deviation = np.maximum(found.daily.std(axis=1), 1e-12)
    ratios = found.daily.mean(axis=1) / deviation * np.sqrt(found.daily.shape[1])
    return Verdict(
        case.group,
        case.strategy,
        not refused,
        ability.p_value <= ALPHA,
        tuple(refused),
        int(found.measures["trades"] or 0),
        ratios,
    )


def count(cases: Sequence[Case]) -> dict[str, Counts]:
    """Evaluate all cases on two processes; counts by group, in the order of the cases."""
    found: dict[str, Counts] = {case.group: Counts() for case in cases}
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for verdict in pool.map(evaluate, cases, chunksize=4):
            counts = found[verdict.group]
            counts.markets += 1
            counts.promoted += verdict.promoted
            counts.superior += verdict.superior
            counts.refused_by.update(verdict.refused_by)
            counts.ratios.append(verdict.ratios)
    return found

"""A look: is a strategy, with its choice of parameters and symbols, better than luck?

The trials of all symbols are tested together (`trading.research.evidence.superior_ability`), and
the step-down test says on which symbols the strategy earns something. What passes is frozen: the
symbols, their parameters and the plateau around them, the bets on its unseen days, and the
drawdown that chance explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from flows.steps.evidence.hypotheses import Hypothesis, Look
from flows.steps.search.optimize import OptimizeEntry
from flows.steps.search.trial_returns import (
    PooledReturns,
    SymbolReturns,
    pool,
    unseen_portfolio,
)
from flows.steps.search.validation import overfitting_of
from lake.releases import StrategyEntry
from trading.candles import Floats
from trading.errors import DataError
from trading.research.evidence.ruin import RuinRisk, ruin_risk
from trading.research.evidence.sequential import stakes_for
from trading.research.evidence.step_down import superior_trials
from trading.research.evidence.superior_ability import (
    LEAST_PERIODS,
    SuperiorAbility,
    samples_for,
    superior_ability,
)
from trading.research.gates import GateEvidence, GateVerdict, Thresholds, at_least, search_gates

POOLED_TRADES = "out_of_sample_trades"
BELIEVED = "superior_on_symbol"
_SEED = 0
_BOUND = ("approved_", "_low", "_high")


@dataclass(frozen=True, slots=True)
class Spending:
    """The look's number among those of the strategy, the strategy's share, and what it spends."""

    look: int
    share: float
    alpha: float


def take_look(
    hypothesis: Hypothesis,
    as_of: datetime,
    spending: Spending,
    entries: Sequence[OptimizeEntry],
    returns: dict[str, SymbolReturns],
    cash_rate: float = 0.0,
) -> Look:
    """Test one hypothesis on all of its symbols; deterministic.

    ``cash_rate`` is what idle money earns a year; a strategy has to earn more. ``entries`` and
    ``returns`` are those of the symbols that the strategy was searched on tonight.
    """
    limits = Thresholds(superior_ability=spending.alpha)
    pooled = _beyond_cash(pool(returns), cash_rate)
    ability = _ability(pooled, spending.alpha)
    cut = overfitting_of(pooled.returns)
    loss = None if cut is None else cut.loss_probability
    p_value = None if ability is None else ability.p_value
    search = search_gates(search_evidence(p_value, loss), limits)
    believed = _believed(pooled, spending.alpha) if all(v.passed for v in search) else ()
    candidates = [found for found in entries if _sound(found)]
    chosen = [found for found in candidates if found.entry.symbol in believed]
    trades = sum(_trades(found) for found in chosen or candidates or entries)
    portfolio = unseen_portfolio(
        {f.entry.symbol: returns[f.entry.symbol] for f in chosen or entries}
    )
    ruin = ruin_of(portfolio, limits.max_drawdown)
    refusal = _refusal(search, chosen, trades_verdict(trades, limits), ruin)
    findings: dict[str, Any] = {"believed": list(believed), "trades": trades, "members": {}}
    if not refusal:
        findings["members"] = {found.entry.symbol: _frozen(found) for found in chosen}
        at_stake = max(_at_stake(found.entry) for found in chosen)
        findings["stakes"] = list(stakes_for(portfolio, at_stake).values)
    return Look(
        hypothesis=hypothesis.id,
        as_of=as_of,
        kind=hypothesis.kind,
        name=hypothesis.name,
        rules=hypothesis.rules,
        grid=hypothesis.grid,
        look=spending.look,
        share=spending.share,
        alpha=spending.alpha,
        trials=len(pooled.returns),
        days=pooled.returns.shape[1],
        symbols=tuple(sorted(returns)),
        passed=not refusal,
        reason=refusal or f"passed on {', '.join(sorted(f.entry.symbol for f in chosen))}",
        p_value=p_value,
        statistic=None if ability is None else ability.statistic,
        loss_probability=loss,
        ruin=None if ruin is None else ruin.probability,
        envelope=None if ruin is None else ruin.envelope,
        findings=findings,
    )


def look_verdicts(look: Look, symbol: str) -> list[GateVerdict]:
    """Return the verdicts of a look as those of one symbol; their texts say when it was taken."""
    limits = Thresholds(superior_ability=look.alpha)
    verdicts = [
        trades_verdict(int(look.findings["trades"]), limits),
        *search_gates(search_evidence(look.p_value, look.loss_probability), limits),
    ]
    if all(verdict.passed for verdict in verdicts[1:]):
        value = 1.0 if symbol in look.findings["believed"] else 0.0
        text = f"trials on {symbol} are among those that luck does not explain: {{value:.0f}}"
        verdicts.append(at_least(BELIEVED, value, 1.0, text))
    when = f"at the look of {look.as_of:%Y-%m-%d}: "
    return [replace(verdict, text=when + verdict.text) for verdict in verdicts]


def trades_verdict(trades: int, limits: Thresholds) -> GateVerdict:
    """Return the verdict on the number of trades of all symbols together."""
    text = "{value:.0f} trades out-of-sample on all symbols"
    return at_least(POOLED_TRADES, trades, limits.trades, text)


def search_evidence(p_value: float | None, loss: float | None) -> GateEvidence:
    """Return evidence that holds only what a look measures."""
    return GateEvidence(0, 0.0, 0.0, p_value, loss, None)


def _beyond_cash(pooled: PooledReturns, cash_rate: float) -> PooledReturns:
    """Return what the trials earn beyond cash; a trial that never trades stays one.

    The returns are changed in place: those of many symbols are the largest array of a night.
    """
    returns = pooled.returns
    moves = np.ptp(returns, axis=1) > 0.0
    returns -= np.where(moves, cash_rate / 365.0, 0.0)[:, np.newaxis]
    returns[~moves] = 0.0
    return pooled


def _ability(pooled: PooledReturns, alpha: float) -> SuperiorAbility | None:
    """Test all trials; sampling ends once p is sure to end above ``alpha``."""
    if pooled.returns.shape[1] < LEAST_PERIODS or alpha <= 0.0:
        return None
    generator = np.random.default_rng(_SEED)
    return superior_ability(
        pooled.returns, generator, samples_for(alpha), enough_above=max(alpha, 0.01)
    )


def _believed(pooled: PooledReturns, alpha: float) -> tuple[str, ...]:
    """Symbols with a trial that the step-down test believes; all, if it believes a shared set."""
    rows = superior_trials(pooled.returns, np.random.default_rng(_SEED), alpha, samples_for(alpha))
    found = {symbol for symbol, row in zip(pooled.symbols, rows, strict=True) if row}
    named = set(pooled.symbols) - {""}
    return tuple(sorted(named if "" in found else found))


def _sound(found: OptimizeEntry) -> bool:
    """Whether a symbol passes every gate of its own; trades are counted over all symbols."""
    own = [verdict for verdict in found.entry.verdicts if verdict.name != POOLED_TRADES]
    return found.approved and all(verdict.passed for verdict in own)


def _trades(found: OptimizeEntry) -> int:
    return int(float(found.entry.out_of_sample.get("trades") or 0))


def _at_stake(entry: StrategyEntry) -> float:
    """Largest share of the account that one symbol takes, all additions made."""
    return min(1.0, float(entry.params.get("max_position_size", 1.0)))


def _refusal(
    search: Sequence[GateVerdict],
    chosen: Sequence[OptimizeEntry],
    trades: GateVerdict,
    ruin: RuinRisk | None,
) -> str:
    """Why nothing is frozen; empty if something is."""
    for verdict in search:
        if not verdict.passed:
            return verdict.text
    if not chosen:
        return "no symbol that luck does not explain passes its own gates"
    if not trades.passed:
        return trades.text
    return "" if ruin is not None else "there are fewer than 10 out-of-sample days"


def ruin_of(portfolio: Floats, limit: float) -> RuinRisk | None:
    """Return the risk of ruin of daily returns; None for too few of them, or if none moves."""
    if len(portfolio) < LEAST_PERIODS or float(np.ptp(portfolio)) == 0.0:
        return None
    try:
        return ruin_risk(portfolio, np.random.default_rng(_SEED), limit)
    except DataError:
        return None


def frozen_bounds(bounds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the bounds of a frozen plateau as measures of a release: re-tuning stays inside."""
    prefix, low, high = _BOUND
    ends = ((low, 0), (high, 1))
    return {
        f"{prefix}{name}{end}": float(values[place])
        for name, values in bounds.items()
        for end, place in ends
    }


def _frozen(found: OptimizeEntry) -> dict[str, Any]:
    """What is frozen of one symbol: parameters, plateau, verdicts."""
    entry, (prefix, low, high) = found.entry, _BOUND
    names = [
        key.removeprefix(prefix).removesuffix(low)
        for key in entry.in_sample
        if key.startswith(prefix) and key.endswith(low)
    ]
    bounds = {
        name: [entry.in_sample[f"{prefix}{name}{low}"], entry.in_sample[f"{prefix}{name}{high}"]]
        for name in names
    }
    return {
        "params": dict(entry.params),
        "bounds": bounds,
        "verdicts": [asdict(verdict) for verdict in entry.verdicts],
    }

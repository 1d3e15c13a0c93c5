"""Rows of the table of tasks × models: scores of forecasts out-of-sample, by symbol and seed.

Scores are means over the symbols; where a model was fitted with several seeds, the standard
deviation over the seeds stands beside the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from flows.steps.models.dataset import Dataset, Floats, Integers
from flows.steps.models.scores import TradeScore, daily_gains, r_squared, trade
from trading.candles import DAY_MS
from trading.model_targets import DIRECTION, VOLATILITY
from trading.models.ranks import auc, correlation
from trading.research.overfitting import deflated_sharpe, sharpe_ratios

HEADER = (
    "task", "model", "IC", "ICIR", "AUC", "R²", "net bp", "net bp, every one", "trades", "DSR",
    "n", "seeds",
)  # fmt: skip
_DASH = "–"


@dataclass(frozen=True)
class Scored:
    """The scores of one model with one seed on one symbol; NaN where a score has no meaning.

    ``net`` is the mean result and the number of trades beyond the cost filter, ``net_all`` that of
    every chance to trade, in basis points; ``daily`` is what the deflated Sharpe ratio looks at.
    """

    task: str
    model: str
    symbol: str
    seed: int
    rows: int
    daily: Floats
    ic: float = nan
    icir: float = nan
    auc: float = nan
    r2: float = nan
    net: tuple[float, int] = (nan, 0)
    net_all: tuple[float, int] = (nan, 0)
    opponent: bool = False


def daily_ic(forecast: Floats, outcome: Floats, times: Integers) -> tuple[float, float]:
    """Return the rank correlation, and the mean of the days' own over their deviation."""
    days = times // DAY_MS
    each = [correlation(forecast[days == day], outcome[days == day]) for day in np.unique(days)]
    known = np.array([value for value in each if isfinite(value)])
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return correlation(forecast, outcome), float(known.mean()) / spread if spread > 0.0 else nan


def volatility_row(
    name: tuple[str, str, int], tests: Dataset, forecast: Floats, best: Floats, usual: Floats
) -> Scored:
    """Score a forecast of log volatility; ``best`` is that of the strongest opponent.

    ``usual`` is the median of the training, row by row: the AUC is that of "wilder than usual".
    ``daily`` are the gains over the strongest opponent; nothing is traded.
    """
    model, symbol, seed = name
    actual = tests.log_volatility
    ic, icir = daily_ic(forecast, actual, tests.times)
    gains = daily_gains(actual - forecast, actual - best, tests.times)
    return Scored(
        VOLATILITY, model, symbol, seed, len(actual), gains, ic, icir,
        auc(actual > usual, forecast), r_squared(actual, forecast, tests.symbols),
    )  # fmt: skip


def direction_row(
    name: tuple[str, str, int], tests: Dataset, forecast: Floats, cost_bp: float, edge: float
) -> Scored:
    """Score a forecast of the next hour's return, traded at full hours for an hour."""
    model, symbol, seed = name
    outcome = tests.log_return
    ic, icir = daily_ic(forecast, outcome, tests.times)
    every = _traded(tests, forecast, cost_bp, 0.0)
    chosen = _traded(tests, forecast, cost_bp, edge * cost_bp / 10_000.0) if edge > 0.0 else every
    moved = float(np.sum(outcome * outcome))
    return Scored(
        DIRECTION, model, symbol, seed, len(outcome), chosen.daily, ic, icir,
        auc(outcome > 0.0, forecast), 1.0 - float(np.sum((outcome - forecast) ** 2)) / moved,
        (chosen.net_bp, chosen.trades), (every.net_bp, every.trades),
    )  # fmt: skip


def _traded(tests: Dataset, forecast: Floats, cost_bp: float, least: float) -> TradeScore:
    side = np.where(np.abs(forecast) > least, np.sign(forecast), 0.0).astype(np.int64)
    return trade(side, tests.log_return, tests.times, cost_bp)


def table(found: Sequence[Scored]) -> list[tuple[str, ...]]:
    """Return a row for each task and model, in the order of their first scores."""
    keys = list(dict.fromkeys((one.task, one.model) for one in found))
    groups = {key: [one for one in found if (one.task, one.model) == key] for key in keys}
    return [HEADER, *(_row(key, groups) for key in keys)]


Groups = Mapping[tuple[str, str], Sequence[Scored]]


def _row(key: tuple[str, str], groups: Groups) -> tuple[str, ...]:
    ours = groups[key]
    seeds = sorted({one.seed for one in ours})
    trades = [sum(one.net[1] for one in ours if one.seed == seed) for seed in seeds]
    return (
        *key,
        _shown(ours, "ic", "+.3f"),
        _shown(ours, "icir", "+.2f"),
        _shown(ours, "auc", ".3f"),
        _shown(ours, "r2", "+.3f"),
        _net(ours, "net"),
        _net(ours, "net_all"),
        f"{np.mean(trades):.0f}" if any(one.net_all[1] for one in ours) else _DASH,
        _deflated(key, groups),
        str(sum(one.rows for one in ours if one.seed == seeds[0])),
        str(len(seeds)),
    )


def _shown(ours: Sequence[Scored], field: str, form: str) -> str:
    """Return the mean over symbols, and its deviation over seeds where there are several."""
    seeds = sorted({one.seed for one in ours})
    means = [np.mean([getattr(one, field) for one in ours if one.seed == seed]) for seed in seeds]
    if not np.isfinite(means).all():
        return _DASH
    text = f"{float(np.mean(means)):{form}}"
    if len(seeds) < 2:
        return text
    return f"{text} ± {float(np.std(means, ddof=1)):{form.lstrip('+')}}"


def _net(ours: Sequence[Scored], field: str) -> str:
    """Return the mean net result of all trades of all symbols, for each seed like `_shown`."""
    means = []
    for seed in sorted({one.seed for one in ours}):
        results = [getattr(one, field) for one in ours if one.seed == seed]
        some = [(bp, trades) for bp, trades in results if trades]
        count = sum(trades for _, trades in some)
        means.append(sum(bp * trades for bp, trades in some) / count if count else nan)
    known = [mean for mean in means if isfinite(mean)]
    if not known:
        return _DASH
    spread = f" ± {float(np.std(known, ddof=1)):.1f}" if len(known) > 1 else ""
    return f"{float(np.mean(known)):+.1f}{spread}"


def _deflated(key: tuple[str, str], groups: Groups) -> str:
    """Return the chance that the mean seed has skill, deflated by all trials of its task.

    Trials are all models and seeds that were fitted; opponents are none.
    """
    if groups[key][0].opponent:
        return _DASH
    trials = [
        _joined([one for one in group if one.seed == seed])
        for (task, _), group in groups.items()
        if task == key[0] and not group[0].opponent
        for seed in sorted({one.seed for one in group})
    ]
    length = min(len(trial) for trial in trials)
    sharpes = sharpe_ratios(np.vstack([trial[-length:] for trial in trials]))
    seeds = _seeds(key, groups)
    each = [_joined([one for one in groups[key] if one.seed == seed]) for seed in seeds]
    own = np.mean([daily[-length:] for daily in each], axis=0)
    if not np.ptp(own) > 0.0:
        return _DASH
    return f"{deflated_sharpe(own, sharpes).probability:.2f}"


def _seeds(key: tuple[str, str], groups: Groups) -> list[int]:
    return sorted({one.seed for one in groups[key]})


def _joined(ours: Sequence[Scored]) -> Floats:
    """Return the mean of the symbols' daily results."""
    length = min(len(one.daily) for one in ours)
    return np.asarray(np.mean([one.daily[-length:] for one in ours], axis=0))


def as_opponent(scored: Scored) -> Scored:
    """Return the same scores as those of an opponent: it is no trial."""
    return replace(scored, opponent=True)

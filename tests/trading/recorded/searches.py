"""Grids, trials, walk-forwards, gates and probes on recorded candles, as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tests.trading.recorded import accounts
from tests.trading.recorded.markets import coarse, described, outcome, real
from trading.candles import DAY_MS, HOUR_MS, CandleColumns
from trading.metrics import (
    SUMS_SIZE,
    metrics_of,
    sums_clear,
    sums_days,
    sums_trade,
    yearly_growth,
)
from trading.research.account_metrics import account_metrics
from trading.research.gates import GateEvidence, Thresholds, evaluate_gates, proven
from trading.research.grid import check_memory, parse_grid
from trading.research.marked_drawdown import marked_drawdown
from trading.research.overfitting import sharpe_ratios
from trading.research.probes.lookahead import cut_rows, probe_lookahead
from trading.research.probes.warmup import probe_warmup
from trading.research.robustness import (
    Robustness,
    measure_robustness,
    one_step_returns,
    p_value_of,
)
from trading.research.samplers import sampler_of
from trading.research.search_task import SearchTask
from trading.research.trading_costs import drawdown_days, fill_metrics, reward_to_risk
from trading.research.trials import (
    best_trial,
    chunks_of,
    run_trials,
    selection_bias,
    workers,
)
from trading.research.walk_forward import (
    anchored_folds,
    choose,
    rolling_folds,
    walk_forward,
)
from trading.simulation import Costs, backtest
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

BREAKOUT = get_strategy("breakout")
FIXED: dict[str, Value] = {"filters": "off", "signal_tf": "5m", "trigger": "cross"}
COSTS = Costs(5.0, 2.0, 1.0)


@cache
def five_minutes() -> CandleColumns:
    """Nine days of five minutes."""
    return coarse("ETHUSDT", 6_000, 9 * 1_440, 1.0).higher(300_000)


def task(**changes: Any) -> SearchTask:
    """A search for breakouts."""
    return replace(SearchTask(BREAKOUT, five_minutes(), FIXED, COSTS, compiled=False), **changes)


def _metrics() -> dict[str, Any]:
    found: dict[str, Any] = {}
    cases = {
        "mixed": ([1.02, 0.99, 1.0, 1.05, 0.97, 0.98, 1.001], [0.01, 0.0, 0.05, -0.05, 0.001]),
        "losing": ([0.99, 0.98], [-0.01, -0.02]),
        "winning": ([1.01, 1.02], [0.01, 0.0, 0.02]),
        "one day": ([1.01, 0.98], [-0.01]),
        "two days": ([1.01, 0.98], [0.01, -0.02]),
        "none": ([], [0.0, 0.0]),
        "lucky": ([90.0], [89.0, 0.0]),
        "ruin": ([0.0], [-1.0, 0.0]),
    }
    for name, (growths, daily) in cases.items():
        for at in (0, SUMS_SIZE):
            sums = [7.0] * (2 * SUMS_SIZE)
            sums_clear(sums, at)
            for place, growth in enumerate(growths):
                sums_trade(sums, at, growth, 3 + place)
            sums_days(sums, at, [9.0, *daily], 1, len(daily))
            found[f"{name} at {at}"] = metrics_of(sums[at : at + SUMS_SIZE], len(daily), 50)
            found[f"{name}, others"] = sums[SUMS_SIZE - at : 2 * SUMS_SIZE - at].count(7.0)
    found["no candles"] = metrics_of(sums[:SUMS_SIZE], 0, 0)
    found["growth"] = [yearly_growth(e, d) for e in (0.0, 0.5, 1.2) for d in (0, 1, 40, 365)]
    returns = np.array([0.02, -0.01, 0.0, 0.01, -0.03, 0.02, 0.02, 0.01])
    found["reward"] = [
        reward_to_risk(returns),
        reward_to_risk(returns[:1]),
        reward_to_risk(-returns),
    ]
    found["days"] = [drawdown_days(returns), drawdown_days(returns[:1]), drawdown_days(-returns)]
    return found


def _costs() -> dict[str, Any]:
    found: dict[str, Any] = {}
    candles = five_minutes()
    funding = {int(t): 1e-4 for t in candles.open_time[5::30]}
    for name, values in {
        "plain": {"k": 0.05},
        "laddered": {"k": 0.02, "partial_take_profit": "0.002:0.5,0.004:0.25"},
        "averaged": {"k": 0.02, "add_first_at": 0.002, "add_second_at": 0.004, "stop_loss": 0.01},
        "leveraged": {"k": 0.02, "leverage": 20.0, "stop_loss": 0.005, "take_profit": 0.004},
    }.items():
        for costs in (COSTS, Costs(0.0, 5.0), replace(COSTS, funding=funding)):
            run = backtest(BREAKOUT, candles, {**FIXED, **values}, costs, compiled=False)
            key = f"{name}, {costs.slippage_bps:g}, {len(costs.funding)}"
            found[key] = [
                fill_metrics(run, costs),
                marked_drawdown(candles, [run, run], costs),
                fill_metrics(run, costs.times(2.0)),
            ]
    for name, run in (("refused", accounts.refused()), ("losing", accounts.losing())):
        found[f"account, {name}"] = account_metrics(run, 10_000.0)
    for rates in ((-0.1,), (0.0, 1_000.0), (1_000.1,), (5.0, -1.0), (5.0, 0.0, 1_001.0)):
        found[f"costs {rates}"] = outcome(lambda r=rates: Costs(*r))
    return found


def _grids() -> dict[str, Any]:
    found: dict[str, Any] = {}
    texts = [
        ["k=0.3:0.5:0.05"],
        ["k=0.3,0.4"],
        ["k=0.5"],
        ["k=0.3:0.3:0.1"],
        ["k=0.1:0.35:0.1"],
        ["trend_span=5:9:2"],
        ["trend_span=5:9:0.5"],
        ["trigger=level,cross"],
        ["trigger=a"],
        ["k=0.1:0.2"],
        ["k=0.1:0.2:0.1:1"],
        ["k=0.2:0.1:0.1"],
        ["k=0.1:0.2:0"],
        ["k=0.1:0.2:-1"],
        ["k=0.1:x:0.1"],
        ["k=0.1:0.2:inf"],
        ["k="],
        ["=1"],
        ["k"],
        ["k=0.1,,0.2"],
        ["k=0.1,0.1"],
        ["k=0.1", "k=0.2"],
        ["trigger=level:cross:1"],
        [],
        ["k=0.1:2.1:0.1"],
        ["k=-0.1:1:0.1"],
        ["partial_take_profit=0.02:0.5;0.02:0.5,0.04:0.25"],
        ["k=0.1:0.2:1e-30"],
        ["k=0.1:0.2:1e-17"],
        ["k=0.1,0.2", "stop_loss=0.01:0.03:0.01"],
    ]
    for text in texts:
        grid = outcome(lambda t=text: parse_grid(t, BREAKOUT))
        found[" ".join(text) or "nothing"] = grid
        if not isinstance(grid, Exception):
            found[f"{' '.join(text)}, all"] = [str(one) for one in grid.combinations()][:4]
            found[f"{' '.join(text)}, last"] = str(grid.combination(grid.size - 1))
    for size, days, limit in ((1, 0, 2_000), (1, 0, 1_999), (3, 10, 6_240), (3, 10, 6_239)):
        found[f"memory {size}, {days}, {limit}"] = outcome(
            lambda s=size, d=days, m=limit: check_memory(s, d, m)
        )
    wide = ["k=0.0000001:1.0:0.0000001"]
    for trials in (None, 5, 10**9):
        grid = outcome(lambda t=trials: parse_grid(wide, BREAKOUT, days=3, trials=t))
        found[f"wide, {trials}"] = grid if isinstance(grid, Exception) else grid.size
    return found


def _trials() -> dict[str, Any]:
    found: dict[str, Any] = {}
    grid = parse_grid(["k=0.02:0.2:0.02", "trigger=level,cross"], BREAKOUT)
    work = task()
    for method in ("grid", "random", "bayes"):
        for wanted in (1, 7, 25):
            trials = run_trials(sampler_of(method, grid, 3), work.run, wanted, "total_return")
            best = best_trial(trials, "total_return")
            key = f"{method}, {wanted}"
            found[key] = [len(trials), best.number, str(dict(best.params))]
            found[f"{key}, all"] = [str(dict(one.params)) for one in trials[:12]]
            daily = np.stack([one.daily for one in trials])
            found[f"{key}, sharpe"] = sharpe_ratios(daily)
            for earlier in (np.empty((0, daily.shape[1])), daily[:2] * 0.5 + 0.001):
                bias = selection_bias(best, trials, earlier)
                found[f"{key}, bias, {len(earlier)}"] = [bias, bias.sentence]
    short = [replace(one, daily=one.daily[:2]) for one in trials]
    found["short"] = [selection_bias(short[0], short, np.empty((0, 2))).sentence]
    found["three days"] = selection_bias(
        replace(trials[0], daily=trials[0].daily[:3]),
        [replace(one, daily=one.daily[:3]) for one in trials],
        np.empty((0, 3)),
    )
    found["started late"] = task(start_ms=int(five_minutes().open_time[900])).run([{"k": 0.05}])
    found["unknown"] = outcome(lambda: sampler_of("none", grid, 1))
    found["no measure"] = outcome(lambda: run_trials(sampler_of("grid", grid, 1), work.run, 1, "x"))
    sets = [{"k": n / 100} for n in range(50)]
    found["chunks"] = [
        [len(c) for c in chunks_of(sets[:n], w)]
        for n in (0, 1, 8, 9, 17, 50)
        for w in (1, 2, 3, 50)
    ]
    for count in (0, 1, 256, 257):
        found[f"{count} workers"] = outcome(lambda c=count: _with_workers(work, c))
    return found


def _with_workers(work: SearchTask, count: int) -> int:
    with workers(work, count) as run:
        return len(run([{"k": 0.05}]))


def _walks() -> dict[str, Any]:
    found: dict[str, Any] = {}
    candles = five_minutes()
    start = int(candles.open_time[0]) // DAY_MS * DAY_MS + DAY_MS
    grid: list[dict[str, Value]] = [{"k": k} for k in (0.02, 0.05, 0.1, 0.15)]
    for make in (rolling_folds, anchored_folds):
        folds = make(
            start,
            start + 8 * DAY_MS,
            train=3 * DAY_MS,
            test=DAY_MS + 6 * HOUR_MS,
            purge=HOUR_MS,
            embargo=2 * HOUR_MS,
        )
        found[f"{make.__name__}"] = [
            (f.train_start - start, f.train_end - start, f.test_start - start, f.test_end - start)
            for f in folds
        ]
        for objective, least in (("sharpe", 1), ("total_return", 4)):
            walk = walk_forward(task(), grid, folds, objective, least)
            key = f"{make.__name__}, {objective}"
            found[key] = [walk.metrics, walk.equity, walk.days, walk.daily_returns]
            found[f"{key}, chosen"] = [str(dict(fold.chosen)) for fold in walk.folds]
            found[f"{key}, in-sample"] = [fold.in_sample for fold in walk.folds]
            slices = one_step_returns(grid, [0.1, -0.2, 0.3, 0.4], 1)
            robust = measure_robustness(task(), walk, slices)
            found[f"{key}, robust"] = [robust, [verdict.text for verdict in robust.verdicts()]]
    for bad in ({"train": 0}, {"test": 0}, {"purge": -1}, {"embargo": -1}, {"train": 8 * DAY_MS}):
        lengths = {"train": DAY_MS, "test": DAY_MS, **bad}
        found[f"folds {bad}"] = outcome(lambda n=lengths: rolling_folds(0, 8 * DAY_MS, **n))
    runs = [
        walk.metrics._replace(trades=n, sharpe=s)
        for n, s in ((1, 3.0), (4, float("nan")), (5, 1.0), (5, 1.0), (9, 0.5))
    ]
    found["choose"] = [choose(runs, "sharpe", least) for least in (0, 1, 5, 6, 99)]
    found["p"] = [p_value_of(np.array(own)) for own in ([], [0.1], [0.1, 0.2], [0.1, -0.2, 0.05])]
    words = [{"a": word, "n": n} for word in ("x", "y", "z") for n in (1, 5, 7)]
    found["one step"] = [one_step_returns(words, list(range(9)), w) for w in range(9)]
    nothing = replace(
        walk,
        trades=type(walk.trades)(
            *(getattr(walk.trades, name)[:0] for name in walk.trades.__dataclass_fields__)
        ),
    )
    found["no trades"] = measure_robustness(task(), nothing, [])
    found["no folds"] = outcome(lambda: walk_forward(task(), grid, []))
    return found


def _gates() -> dict[str, Any]:
    found: dict[str, Any] = {}
    limits = Thresholds()
    edge = GateEvidence(
        limits.trades,
        0.0001,
        limits.max_drawdown,
        limits.superior_ability,
        limits.loss_probability,
        limits.plateau,
        0.02,
    )
    nan = float("nan")
    for name, changes in {
        "at the limits": {},
        "one trade fewer": {"trades": limits.trades - 1},
        "no return": {"total_return": 0.0},
        "deep": {"max_drawdown": -0.2501},
        "lucky": {"superior_ability": 0.0501},
        "losing": {"loss_probability": 0.0501},
        "peak": {"plateau": 0.599},
        "unmeasured": {"plateau": None, "superior_ability": nan},
        "as good": {"total_return": 0.01, "current_return": 0.03},
        "worse": {"total_return": 0.01, "current_return": 0.0301},
        "unknown now": {"current_return": nan},
        "first": {"current_return": None},
    }.items():
        verdicts = evaluate_gates(replace(edge, **changes))
        found[name] = [*verdicts, bool(proven(verdicts))]
    found["nothing"] = bool(proven([]))
    exact = Robustness(0.5, 0.0, 0.5, 0.0, 0.0)
    found["robust"] = [*exact.verdicts(), *Robustness(None, 0.01, 0.49, None, 0.01).verdicts()]
    return found


def _probes() -> dict[str, Any]:
    found: dict[str, Any] = {}
    candles = coarse("ETHUSDT", 6_000, 2_000, 1.0)
    values: dict[str, Value] = {"filters": "off", "signal_tf": "1m", "k": 0.02, "trigger": "cross"}
    for name, params in (("breakout", values), ("rsi_bollinger", accounts.EAGER)):
        seen = probe_lookahead(get_strategy(name), params, candles, cuts=6, plain_rows=600)
        found[f"{name}, look-ahead"] = [seen, seen.sentence, seen.verdict()]
    for shares, points in (((0.25, 1.0), 3), ((2.0,), 2)):
        warmed = probe_warmup(
            get_strategy("rsi_bollinger"),
            accounts.EAGER,
            candles,
            shares=shares,
            points=points,
            seed=1,
        )
        found[f"warm-up {shares}"] = [warmed, warmed.passed, warmed.sentence, warmed.verdict()]
    short = real("BTCUSDT", 0, 99)
    found["99 candles"] = outcome(lambda: probe_lookahead(BREAKOUT, values, short))
    rows = [
        cut_rows(50, np.array(entries), cuts, 7)
        for entries in ([], [0, 1, 2, 48, 49], list(range(50)))
        for cuts in (1, 4, 60)
    ]
    found["cuts"] = [str(own) for own in rows]
    eager: dict[str, Value] = {**accounts.EAGER, "rsi_span": 20, "signal_tf": "5m"}
    lengthened = probe_warmup(get_strategy("rsi_bollinger"), eager, candles.rows(0, 700), points=2)
    found["lengthened"] = [lengthened, lengthened.sentence]
    found["too few"] = outcome(
        lambda: probe_warmup(get_strategy("rsi_bollinger"), accounts.EAGER, candles.rows(0, 24))
    )
    return found


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "metrics": _metrics,
    "costs": _costs,
    "grids": _grids,
    "trials": _trials,
    "walk-forward": _walks,
    "gates": _gates,
    "probes": _probes,
}


def lines_of(name: str) -> list[str]:
    """Return the lines of one case."""
    return [line for part, value in CASES[name]().items() for line in described(part, value)]


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: lines_of(name) for name in CASES}

"""Ensembles, regimes and the market-maker grid, as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.trading.recorded.markets import coarse, described, outcome, real
from trading.candles import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    CandleColumns,
)
from trading.ensemble.backtest import MemberHistory, allocate_ensemble, label_hours
from trading.ensemble.learned_weights import weigh_days
from trading.ensemble.regimes import RegimeDetector, RegimeRules, label_candles, labels_at
from trading.ensemble.weights import (
    WeightRules,
    ensemble_weights,
    factor_of,
    member_score,
    regime_weights,
)
from trading.market_making.backtest import simulate_maker
from trading.market_making.quoting import MakerRules

QUICK = RegimeRules(
    crash_fall=0.004,
    crash_bars=6,
    crash_atrs=2.0,
    spike=1.6,
    fast_atr=2,
    slow_atr=8,
    fast_mean=5,
    slow_mean=12,
    adx_span=4,
    min_adx=25.0,
)


def daily(seed: int, mean: float, days: int = 30) -> np.ndarray:
    """Daily returns, rounded so that some are equal."""
    return np.round(np.random.default_rng(seed).normal(mean, 0.01, days), 3)


def _weights() -> dict[str, Any]:
    members = {
        "a": daily(1, 0.004),
        "b": daily(2, 0.002),
        "c": daily(3, -0.004),
        "d": daily(4, 0.0),
    }
    results = {name: own.tolist() for name, own in members.items()}
    first = ensemble_weights(results)
    many = {f"m{n:02}": daily(n, 0.001 * (n % 5 - 1)).tolist() for n in range(24)}
    tight = WeightRules(least=0.2, most=0.3, step=1.0, prior_days=5.0)
    steep = {"a": [0.02, 0.021], "b": [0.001, 0.02], "c": [0.0, 0.004], "d": [-0.1, 0.1]}
    return {
        "score": [member_score(own, 20.0) for own in results.values()],
        "score of few": [member_score(own, 3.0) for own in ([], [0.1], [0.1, 0.2], [0.1, 0.1])],
        "score of loss": member_score([0.1, -0.1], 3.0),
        "first": first,
        "moved": ensemble_weights({**results, "e": [0.01, 0.02, 0.01]}, first),
        "gone": ensemble_weights({k: v for k, v in results.items() if k != "a"}, first),
        "many": ensemble_weights(many),
        "tight": ensemble_weights(results, None, tight),
        "steep": ensemble_weights(steep),
        "steep, tight": ensemble_weights(steep, None, tight),
        "two": ensemble_weights({"a": steep["a"], "b": steep["b"]}),
        "one": ensemble_weights({"a": []}),
        "not learnt": ensemble_weights(results, first, learned=False),
        "by day": [
            weigh_days(
                {k: v[:days] for k, v in results.items()}, WeightRules(least_t=least_t)
            ).evidence
            for days in (0, 1, 3, 19, 20, 30)
            for least_t in (0.0, 0.5, 2.0)
        ],
        "last day": weigh_days(results, WeightRules(least_t=0.1)).weights[-1],
        "none": ensemble_weights({}),
        "factors": [
            factor_of(name, regime, seen)
            for name in ("breakout", "rsi_bollinger", "ict_aggressive", "ict_mixed")
            for regime in (
                "unknown",
                "volatility_spike",
                "crash",
                "up_trend",
                "down_trend",
                "range",
            )
            for seen in ([], [-0.01] * 19, [-0.01] * 20, [0.0] * 20, [0.01] * 20)
        ],
        "by regime": [
            outcome(lambda f=f: regime_weights({"b": 0.4, "a": 0.6}, {"crash": {"a": f}}, "crash"))
            for f in (-0.1, 0.0, 0.5, 1.0, 1.1)
        ],
        "rules": [
            outcome(lambda v=v: WeightRules(*v))
            for v in (
                (0.0, 1.0, 1.0, 0.1),
                (-0.1, 0.5),
                (0.5, 0.5),
                (0.0, 1.1),
                (0.1, 0.5, 0.0),
                (0.1, 0.5, 0.5, 1.0, -0.1),
                (0.1, 0.5, 1.1),
                (0.1, 0.5, 0.5, 0.0),
            )
        ],
    }


def _regimes() -> dict[str, Any]:
    found: dict[str, Any] = {
        "rules": RegimeRules(),
        "warm-up": [RegimeRules().warmup, QUICK.warmup],
    }
    for kind, candles in (
        ("real", real("BTCUSDT", 0, 3_000).higher(5 * MINUTE_MS)),
        ("coarse", coarse("ETHUSDT", 20_000, 4_000, 2.0).higher(5 * MINUTE_MS)),
    ):
        detector = RegimeDetector(QUICK)
        seen = [detector.on_candle(candles.candle(row)) for row in range(len(candles))]
        labels = label_candles(candles, QUICK, compiled=False)
        found[kind] = labels
        found[f"{kind}, words"] = np.array([one.label for one in seen])
        found[f"{kind}, known from"] = int(np.flatnonzero(labels)[0])
        for name in seen[-1].values:
            found[f"{kind}, {name}"] = np.array([one.values.get(name, np.nan) for one in seen])
        times = candles.open_time[0] + np.arange(-3, 40) * (2 * MINUTE_MS)
        found[f"{kind}, at times"] = labels_at(candles, labels, times)
    for name in ("crash_fall", "spike", "min_adx"):
        for value in (0.0, -1.0, float("inf"), float("nan")):
            found[f"{name} = {value}"] = outcome(lambda n=name, v=value: RegimeRules(**{n: v}))
    found["equal spans"] = outcome(lambda: RegimeRules(fast_atr=48))
    found["equal means"] = outcome(lambda: RegimeRules(slow_mean=20))
    return found


def _allocation() -> dict[str, Any]:
    candles = coarse("ETHUSDT", 6_000, 7 * 1_440, 1.0).higher(15 * MINUTE_MS)
    days = len(np.unique(candles.open_time // DAY_MS))
    rng = np.random.default_rng(5)
    members = []
    for n, name in enumerate(("breakout", "rsi_bollinger", "momentum")):
        rows = np.sort(rng.choice(len(candles) - 4, 150, replace=False))
        times = candles.open_time[rows]
        nets = rng.normal(0.002 * (1 - n), 0.01, 150)
        members.append(MemberHistory(name, daily(n, 0.002, days), times, times + HOUR_MS, nets))
    rules = RegimeRules(crash_fall=0.01, crash_atrs=1.0, spike=1.5)
    hours = label_hours(candles, rules, compiled=False)
    given = allocate_ensemble(candles, members, hours, WeightRules(step=0.5, least_t=0.0))
    return {
        "labels": hours.labels,
        "lasted": hours.lasted,
        "limits": given.limits,
        "at candles": given.labels,
        "weights": given.weights,
        "of seven minutes": outcome(
            lambda: label_hours(real("BTCUSDT", 0, 99).higher(7 * MINUTE_MS), rules)
        ),
    }


def _maker() -> dict[str, Any]:
    found: dict[str, Any] = {}
    quick = MakerRules(
        levels=2,
        spacing=0.0006,
        take_profit=0.0005,
        life_ms=600_000,
        max_lots=4,
        spike=1.8,
        emergency_stop=0.003,
        size=0.3,
        daily_loss=0.002,
    )
    tight = MakerRules(levels=4, spacing=0.0005, max_lots=2, emergency_stop=0.002, size=0.5)
    gap = coarse("ETHUSDT", 7_000, 1_500, 1.0)
    kept = np.delete(np.arange(1_500), [*range(300, 304), *range(700, 760)])
    gapped = CandleColumns.of(
        *(getattr(gap, name)[kept] for name in ("open_time", "open", "high", "low", "close")),
        interval_ms=MINUTE_MS,
    )
    for name, run in (
        ("default", lambda: simulate_maker(real("BTCUSDT", 6_000, 2_500))),
        ("quick", lambda: simulate_maker(real("ETHUSDT", 6_000, 1_500), quick)),
        ("coarse", lambda: simulate_maker(coarse("ETHUSDT", 6_000, 1_500, 0.5), quick)),
        ("tight", lambda: simulate_maker(coarse("ETHUSDT", 9_000, 1_500, 0.5), tight)),
        ("gapped", lambda: simulate_maker(gapped, quick)),
        (
            "spread",
            lambda: simulate_maker(
                real("ETHUSDT", 6_000, 1_500),
                quick,
                maker_fee_bps=-1.0,
                taker_fee_bps=3.0,
                half_spread=0.0001,
            ),
        ),
    ):
        result = run()
        trades = result.trades
        found[f"{name}, trades"] = len(trades)
        found[f"{name}, first"] = trades[:6]
        found[f"{name}, last"] = trades[-2:]
        for part in ("side", "opened_ms", "closed_ms", "entry_price", "exit_price", "net_return"):
            found[f"{name}, {part}"] = np.array([getattr(t, part) for t in trades], dtype=float)
        found[f"{name}, reasons"] = np.array([trade.reason for trade in trades])
        found[f"{name}, lots"] = result.lots
        found[f"{name}, return"] = result.account_return
        found[f"{name}, most"] = result.most_lots
        found[f"{name}, stops"] = dict(sorted(result.stops.items()))
    found["no candles"] = simulate_maker(real("BTCUSDT", 0, 0))
    found["rules"] = MakerRules()
    for name in ("levels", "spike", "size"):
        for value in (0.0, -1.0, float("inf")):
            found[f"{name} = {value}"] = outcome(lambda n=name, v=value: MakerRules(**{n: v}))
    found["half of the price"] = outcome(lambda: MakerRules(levels=2, spacing=0.25))
    found["nearly half"] = MakerRules(levels=1, spacing=0.49).spacing
    return found


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "weights": _weights,
    "regimes": _regimes,
    "allocation": _allocation,
    "market maker": _maker,
}


def lines_of(name: str) -> list[str]:
    """Return the lines of one case."""
    return [line for part, value in CASES[name]().items() for line in described(part, value)]


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: lines_of(name) for name in CASES}

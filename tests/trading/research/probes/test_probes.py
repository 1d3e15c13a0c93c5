# ruff: noqa: ARG001 - kernels of one kind have the same arguments
"""The probes catch a planted look-ahead and a short warm-up; built-in strategies pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from trading.candles import DAY_MS, CandleColumns
from trading.errors import DataError
from trading.indicators.core import ema_step
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.positions.forecasts import RETURN
from trading.research.probes.lookahead import ProbedSeries, cut_rows, probe, probe_lookahead
from trading.research.probes.warmup import probe_warmup
from trading.strategies.base import Strategy
from trading.strategies.layout import ACTION, ENTER, EXIT, HOLD, LIMIT, REASON, SEEN
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy, strategy_names
from trading.strategies.technical.breakout import Breakout

BARE = {"filters": "off", "signal_tf": "1m"}
EAGER = {"signal_tf": "5m", "filter_tf": "15m", "trend_span": 20, "min_volatility": 0.0}


# Compiling every strategy takes minutes; two of them are probed by the quick tests.
QUICK = ("breakout", "rsi_bollinger")
ALL = [
    pytest.param(name, marks=() if name in QUICK else (pytest.mark.slow, pytest.mark.timeout(600)))
    for name in strategy_names()
]


# Windows that fit into the probed days several times.
EASY = {
    "surge": {
        "long_span": 60,
        "band_span": 40,
        "scan": "off",
        "m1_needed": 3,
        "m15_needed": 1,
        "daily_bars": 2,
    }
    | {f"{part}_bars": 60 for part in ("m1_trend", "m1_band", "m3_trend", "m3_band")}
    | {f"{part}_bars": 60 for part in ("m15_trend", "m15_band")}
}


@kernel
def peeking_scan(rows, extremes, pars, width, targets, found, found_of):  # type: ignore[no-untyped-def]
    """Enter where the close five candles later is 0.1 % higher."""
    count = 0
    for i in range(len(rows.times) - 5):
        last_of_day = (rows.times[i] + 60_000) % DAY_MS == 0
        if rows.closes[i + 5] > rows.closes[i] * 1.001 and not last_of_day:
            if count < len(found):
                found[count] = i
                found_of[count] = 0
            count += 1
    return count


class Prophet(Breakout):
    """Breakout whose fast search knows the next candles."""

    name = "prophet"
    scan = staticmethod(peeking_scan)


@kernel
def mean_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Enter above an exponential mean, leave below it."""
    mean = ema_step(state, 0, 100, bar.close)
    out[ACTION] = HOLD
    out[REASON] = 1.0
    out[SEEN] = bar.close
    out[LIMIT] = mean
    if bar.close > mean:
        out[ACTION] = ENTER
    elif bar.close < mean:
        out[ACTION] = EXIT


class Forgetful(Strategy):
    """Declares 50 candles for a mean that remembers a thousand."""

    name = "forgetful"
    summary = "above an exponential mean"
    step = staticmethod(mean_step)
    reasons: ClassVar[Mapping[int, str]] = {1: "close {seen}, mean {limit}"}

    def state_size(self, params: Mapping[str, Value]) -> int:
        del params
        return 2

    def warmup(self, params: Mapping[str, Value]) -> int:
        del params
        return 50


@pytest.fixture(scope="module")
def days(bitcoin: CandleColumns) -> CandleColumns:
    return bitcoin.rows(0, 15 * 1440)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("params", [BARE, EAGER, {}])
def test_the_built_in_strategies_do_not_look_ahead(
    name: str, params: dict[str, Value], days: CandleColumns
) -> None:
    strategy = get_strategy(name)
    found = probe_lookahead(strategy, strategy.accepted(params) | EASY.get(name, {}), days)
    assert found.passed, found.changes
    assert found.compared > 100_000
    assert found.verdict().name == "lookahead"
    assert found.verdict().passed


def test_a_scan_that_looks_ahead_is_caught_with_its_time(days: CandleColumns) -> None:
    found = probe_lookahead(Prophet(), EAGER, days)
    assert not found.passed
    assert found.changed >= len(found.changes) > 0
    assert not found.verdict().passed
    assert found.changes[0].sentence.startswith("agreement of the engines: row of 2025-05-")
    assert "in the fast search" in found.changes[0].sentence


def zigzag(confirmed_late: bool) -> object:
    """Mark swing highs of three candles; at the candle itself they look ahead by one."""

    def evaluate(candles: CandleColumns) -> list[ProbedSeries]:
        high = candles.high
        swing = np.zeros(len(high))
        swing[1:-1] = (high[1:-1] > high[:-2]) & (high[1:-1] > high[2:])
        late = 2 if confirmed_late else 1
        settled = candles.open_time + late * candles.interval_ms
        return [ProbedSeries("swings", candles.open_time, settled, {"high": swing})]

    return evaluate


def test_an_indicator_known_only_one_candle_later_is_caught(days: CandleColumns) -> None:
    tops = np.flatnonzero(np.asarray(zigzag(True)(days)[0].columns["high"]))  # type: ignore[operator]
    rows = [int(top) + 1 for top in tops[:5]]
    found = probe(zigzag(False), days, rows)  # type: ignore[arg-type]
    assert found.changed == 5
    first = found.changes[0]
    assert (first.column, first.before, first.after) == ("high", 0.0, 1.0)
    assert first.time_ms == days.open_time[tops[0]]
    assert first.cut_ms == first.time_ms + days.interval_ms
    assert "was 0 when the data ended at" in first.sentence
    assert probe(zigzag(True), days, rows).passed  # type: ignore[arg-type]


def test_a_row_that_appears_or_vanishes_is_a_change(days: CandleColumns) -> None:
    def newest_hours(candles: CandleColumns) -> list[ProbedSeries]:
        times = candles.open_time[::60][-3:]
        return [ProbedSeries("hours", times, times + 60_000, {"close": np.zeros(len(times))})]

    found = probe(newest_hours, days, [600])
    rows = [(change.before, change.after) for change in found.changes]
    assert rows == [("there", None)] * 3


def test_cuts_come_right_after_entries_and_never_keep_everything() -> None:
    rows = cut_rows(1000, np.array([5, 300, 998, 999]), 8, seed=3)
    assert {6, 301, 999} <= set(rows)
    assert len(rows) == 8
    assert max(rows) == 999
    assert rows == cut_rows(1000, np.array([5, 300, 998, 999]), 8, seed=3)
    assert rows != cut_rows(1000, np.array([5, 300, 998, 999]), 8, seed=4)


def test_too_few_candles_are_refused(days: CandleColumns) -> None:
    with pytest.raises(DataError, match="a probe needs 100 candles, was 50"):
        probe_lookahead(get_strategy("breakout"), BARE, days.rows(0, 50))
    with pytest.raises(DataError, match="a warm-up probe needs more than 1440 candles, was 1000"):
        probe_warmup(get_strategy("breakout"), {}, days.rows(0, 1000))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("params", [BARE, EAGER])
def test_the_declared_warm_up_of_the_built_ins_suffices(
    name: str, params: dict[str, Value], days: CandleColumns
) -> None:
    strategy = get_strategy(name)
    values = strategy.accepted(params) | EASY.get(name, {})
    found = probe_warmup(strategy, values, days, points=2)
    assert found.passed, found.sentence
    assert [row.share for row in found.rows] == [0.25, 0.5, 1.0, 2.0]
    # Less history is never closer; it is equal if a quarter of it already fills every window.
    assert found.rows[0].difference >= found.full.difference


def test_a_warm_up_that_is_too_short_is_caught(days: CandleColumns) -> None:
    found = probe_warmup(Forgetful(), BARE, days, shares=(1.0, 4.0, 30.0), points=2)
    assert not found.passed
    assert found.declared == {"1m": 50}
    assert [row.passed for row in found.rows] == [False, False, True]
    verdict = found.verdict()
    assert (verdict.name, verdict.passed, verdict.value) == ("warmup", False, None)
    assert "the declared warm-up is too short" in verdict.text


def test_a_short_history_is_lengthened_by_its_mirror_image(days: CandleColumns) -> None:
    found = probe_warmup(get_strategy("rsi_bollinger"), EAGER, days.rows(0, 3000), points=2)
    assert found.lengthened
    assert found.passed, found.sentence


def test_a_history_is_lengthened_until_twice_its_need_and_one_window_fit() -> None:
    closes = 100.0 + np.arange(125) % 7
    minutes = [60_000 * i for i in range(125)]
    enough = CandleColumns.of(minutes, closes, closes, closes, closes, closes)
    # Twice the 50 candles that are declared, the 24 that are compared, and the decisive one.
    found = probe_warmup(Forgetful(), BARE, enough, shares=(1.0,))
    assert (found.lengthened, found.points, found.full.compared) == (False, 4, 4 * 24)
    assert probe_warmup(Forgetful(), BARE, enough.rows(0, 124), shares=(1.0,)).lengthened


def test_a_strategy_on_published_forecasts_is_probed_with_them(days: CandleColumns) -> None:
    values: dict[str, Value] = {"source": "published", "filters": "off", "signal_tf": "15m"}
    drawn = np.random.default_rng(3).normal(0.0, 0.01, len(days))
    drawn[::7] = np.nan
    known = replace(days, forecasts={RETURN: drawn})
    strategy = get_strategy("ml")
    found = probe_warmup(strategy, values, known, points=2)
    assert found.passed, found.sentence
    assert found.full.compared > 500
    assert probe_lookahead(strategy, values, known, cuts=20).passed

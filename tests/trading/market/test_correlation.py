"""How alike symbols move, and the account's limit on positions that move together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trading.account_runs import run_account
from tests.trading.simulation.test_account import COSTS, traded_with
from trading.candles import DAY_MS, HOUR_MS, CandleColumns
from trading.market.correlation import LEAST_DAYS, WINDOW_DAYS, correlations, daily_correlations
from trading.simulation.account.simulation import AccountLimits


def series(closes: np.ndarray, first_ms: int = 0) -> CandleColumns:
    """Hourly candles that close at ``closes``."""
    times = first_ms + HOUR_MS * np.arange(len(closes))
    return CandleColumns.of(times, closes, closes, closes, closes, np.ones(len(closes)))


def walks(count: int, hours: int) -> list[np.ndarray]:
    """Prices that share a part of their moves."""
    random = np.random.default_rng(5)
    common = random.normal(0, 0.01, hours)
    return [
        100.0 * np.exp(np.cumsum(0.5 * common + random.normal(0, 0.01, hours)))
        for _ in range(count)
    ]


def test_a_correlation_is_numpys_of_the_hourly_returns_of_thirty_days():
    closes = walks(3, 60 * 24)
    found = daily_correlations([series(c) for c in closes], np.arange(0, 61))
    for day in (10, 45, 60):
        hours = slice(max(day - WINDOW_DAYS, 0) * 24, day * 24)
        moves = np.diff(np.log(np.stack(closes)), prepend=np.nan)[:, hours]
        moves = moves[:, ~np.isnan(moves).any(0)]
        np.testing.assert_allclose(found[day], np.corrcoef(moves), rtol=0, atol=1e-12)
    assert np.isnan(found[: LEAST_DAYS + 1]).all()  # the first hour has no return
    assert not np.isnan(found[LEAST_DAYS + 1 :]).any()


def test_only_hours_that_both_have_count():
    closes = walks(2, 20 * 24)
    moves = np.diff(np.log(np.stack(closes)))
    moves[0, 10:90] = np.nan
    moves[1, 60:150] = np.nan
    both = ~np.isnan(moves).any(0)
    expected = np.corrcoef(moves[:, both])[0, 1]
    assert correlations(moves.T, 100)[0, 1] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(correlations(moves.T, int(both.sum()) + 1)[0, 1])


def test_a_price_that_does_not_move_has_no_known_correlation():
    flat = np.full(20 * 24, 100.0)
    found = daily_correlations([series(flat), series(walks(1, 20 * 24)[0])], np.array([19]))
    assert np.isnan(found[0, 0]).all()
    assert found[0, 1, 1] == pytest.approx(1.0)


def test_later_candles_change_no_earlier_correlation(bitcoin, ether):
    days = np.unique(bitcoin.open_time // DAY_MS)[:30]
    end = int(days[-1]) * DAY_MS
    whole = daily_correlations([bitcoin, ether], days)
    cut = daily_correlations([c.slice(0, end) for c in (bitcoin, ether)], days)
    assert np.array_equal(whole, cut, equal_nan=True)
    assert 0.5 < whole[-1, 0, 1] < 1.0


def most_at_once(run, before: int | None = None) -> int:
    """Most positions at the moment of an entry, of those before a time (ms) or of all."""
    entries = run.entry_time if before is None else run.entry_time[run.entry_time < before]
    return max(int(((run.entry_time <= t) & (run.exit_time > t)).sum()) for t in entries)


@pytest.mark.parametrize("compiled", [True, False])
def test_no_position_opens_beside_one_that_moves_alike(compiled, bitcoin, ether):
    rows = len(bitcoin) if compiled else 16_000
    candles = {"BTCUSDT": bitcoin.rows(0, rows), "ETHUSDT": ether.rows(0, rows)}
    traded = [traded_with("fixed"), traded_with("fixed", "ETHUSDT")]

    def run(limit: float):
        limits = AccountLimits(max_exposure=100.0, daily_loss=1.0, max_correlation=limit)
        return run_account(traded, candles, COSTS, limits, compiled=compiled)

    free, strict, known = run(1.0), run(0.3), run(0.999)
    assert most_at_once(free) == 2
    assert free.refused["correlation"] == 0
    assert most_at_once(strict) == 1
    assert strict.refused["correlation"] > 0
    # With room for any correlation, only the first week is refused: nothing is known yet.
    assert most_at_once(known) == 2
    assert most_at_once(known, int(bitcoin.open_time[0]) + LEAST_DAYS * DAY_MS) == 1


def test_a_short_beside_a_long_of_a_symbol_that_moves_alike_is_allowed(bitcoin, ether):
    candles = {"BTCUSDT": bitcoin, "ETHUSDT": ether}
    opposite = [traded_with("fixed"), traded_with("fixed", "ETHUSDT", side=-1)]
    limits = AccountLimits(max_exposure=100.0, daily_loss=1.0, max_correlation=0.3)
    run = run_account(opposite, candles, COSTS, limits)
    assert most_at_once(run) == 2
    assert len(run) >= 20
